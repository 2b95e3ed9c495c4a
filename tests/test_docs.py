"""docs/: the commands, studies and programs of each page are ones; the slow tests run the pages."""

import ast
import json
import os
import re
import select
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import hptjax
from experiments.first_hour import INTERRUPTED, PAGE, REFUSED, ROOT, figures, read_steps
from hptjax import layers
from hptjax.cli.main import make_parser
from hptjax.study import load_study

FOLDERS = ("tutorials", "how-to")
GENERATED = ("reference", "results", "project")
PAGES = sorted(path for name in FOLDERS for path in (PAGE.parent / name).glob("*.md"))
GUIDES = [path for path in PAGES if path.stem != "index"]
STEPS = {path: tuple(read_steps(path.read_text())) for path in (PAGE, *PAGES)}
SETS = ("Digits", "MNIST", "FashionMNIST", "A folder of pictures")
PUBLIC = {"hptjax": hptjax, "L": layers}

every_page = pytest.mark.parametrize("page", [PAGE, *GUIDES], ids=lambda path: path.stem)


def steps(page, kind, ending=""):
    return [step for step in STEPS[page] if step.kind == kind and step.name.endswith(ending)]


def test_the_first_hour_goes_over_four_sets():
    sections = list(dict.fromkeys(step.section for step in STEPS[PAGE]))
    assert [re.split(r"[.:,] ?", section)[1] for section in sections] == list(SETS)
    assert {step.code for step in STEPS[PAGE]} == {0, REFUSED, INTERRUPTED}


@every_page
def test_commands_are_ones(page, tmp_path, monkeypatch):
    """They parse, and the files that they name are written by the page, or by what it runs."""
    monkeypatch.chdir(tmp_path)
    parser, written = make_parser(), set()
    for step in STEPS[page]:
        if step.kind == "file":
            written.add(step.name)
        if step.kind != "command":
            continue
        program, *words = shlex.split(step.text)
        assert program in ("python", "hptjax"), step.text
        if program == "hptjax":
            assert parser.parse_args(words).handler is not None
        for word in words:
            assert not re.search(r"\.(py|yaml)$", word) or word in written, step.text


@every_page
def test_studies_are_ones(page, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    for step in steps(page, "file"):
        (tmp_path / step.name).write_text(step.text)
    for step in steps(page, "file", ".yaml"):
        path = tmp_path / step.name
        if "data:" not in step.text or "budget:" not in step.text:  # one network
            hptjax.load_model_config(path)
            continue
        study = load_study(path)
        assert study.budget.trials is not None
        assert study.data.source.startswith(
            ("npz:", "folder:", "fashion_mnist", "sample", "my_parts:")
        )
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


@every_page
def test_programs_and_cells_use_what_there_is(page):
    programs = steps(page, "file", ".py") + steps(page, "cell")
    assert len(programs) >= 1
    for step in programs:
        for node in ast.walk(ast.parse(step.text)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                owner = PUBLIC.get(node.value.id)
                assert owner is None or hasattr(owner, node.attr), ast.unparse(node)


@pytest.fixture(scope="module")
def preloaded():
    """The process whose forks run the pages: `tests.preloaded`."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    with subprocess.Popen(
        [sys.executable, "-m", "tests.preloaded"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.stdin.close()


@pytest.mark.slow
@pytest.mark.parametrize("page", GUIDES, ids=lambda path: path.stem)
def test_a_page_runs_as_it_stands(page, preloaded, tmp_path):
    if any("ray" in shlex.split(step.text) for step in steps(page, "command")):
        pytest.importorskip("ray")
    environment = {}
    if any(step.words for step in steps(page, "command")):  # it trains long enough to be stopped,
        environment["XLA_FLAGS"] = ""  # which takes twice as long without XLA's optimizations
    out = tmp_path / "out.txt"
    asked = {"page": str(page), "out": str(out), "environment": environment}
    print(json.dumps(asked), file=preloaded.stdin, flush=True)
    if not select.select([preloaded.stdout], [], [], 600)[0]:
        preloaded.kill()
        pytest.fail("it does not end within 600 s")
    assert preloaded.stdout.readline() == "0\n", out.read_text() if out.exists() else ""


@pytest.mark.parametrize("page", [PAGE, *PAGES], ids=lambda path: path.stem)
def test_links_lead_to_files(page):
    for target in re.findall(r"\]\(([^)#:]+\.\w+)(?:#[^)]*)?\)", page.read_text()):
        place = (page.parent / target).resolve()
        # the strict build of the manual checks those that lead to generated pages
        generated = any(place.is_relative_to(PAGE.parent / name) for name in GENERATED)
        assert generated or place.is_file(), target


@pytest.mark.parametrize("folder", FOLDERS)
def test_an_index_leads_to_each_page(folder):
    index = (PAGE.parent / folder / "index.md").read_text()
    for path in GUIDES:
        assert path.parent.name != folder or f"({path.name})" in index


def test_a_page_is_read_in_its_order():
    text = (
        "# Title\n\n## 1. One\n\n```yaml\n# a.yaml\nmodel: 1\n```\n\n```bash\nls \\\n  -l\n"
        "cat no  # refused\nsleep 9  # Ctrl-C after generation 1\nls  # needs nosuch\n```\n"
        "\n```text\nls\n```\n"
        "\n## 2. Two\n\n```python\n1 + 1\n```\n"
    )
    found = [(s.section, s.kind, s.name, s.text, s.code, s.words) for s in read_steps(text)]
    assert found == [
        ("1. One", "file", "a.yaml", "# a.yaml\nmodel: 1\n", 0, ""),
        ("1. One", "command", "", "ls    -l", 0, ""),
        ("1. One", "command", "", "cat no", REFUSED, ""),
        ("1. One", "command", "", "sleep 9", INTERRUPTED, "generation 1"),
        ("1. One", "command", "", "ls", 0, ""),
        ("2. Two", "cell", "", "1 + 1\n", 0, ""),
    ]
    assert [step.possible for step in read_steps(text)] == [True] * 4 + [False, True]
    with pytest.raises(ValueError, match="a block of yaml must begin with its file's name"):
        list(read_steps("```yaml\nmodel: 1\n```\n"))


def test_figures_are_the_lines_with_an_accuracy():
    said = (
        "epoch 1/2: train loss 1.2 accuracy 0.3\ntest loss 0.1 accuracy 0.98\nbest 0.9\nWrote x.\n"
    )
    assert figures(said) == ["test loss 0.1 accuracy 0.98", "best 0.9"]


def test_readme_leads_to_the_page():
    readme = (Path(hptjax.__file__).parent.parent / "README.md").read_text()
    assert "docs/first-hour.md" in readme.partition("## In Python")[0]
