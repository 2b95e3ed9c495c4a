"""docs/: the commands, studies and programs of a page are ones, though none is run here."""

import ast
import re
import shlex
from pathlib import Path

import pytest

import hptjax
from experiments.first_hour import INTERRUPTED, PAGE, REFUSED, figures, read_steps
from hptjax import layers
from hptjax.cli.main import make_parser
from hptjax.study import load_study

STEPS = tuple(read_steps(PAGE.read_text()))
SETS = ("Digits", "MNIST", "FashionMNIST", "A folder of pictures")
PUBLIC = {"hptjax": hptjax, "L": layers}


def steps(kind, ending=""):
    return [step for step in STEPS if step.kind == kind and step.name.endswith(ending)]


def test_the_page_goes_over_four_sets():
    sections = list(dict.fromkeys(step.section for step in STEPS))
    assert [re.split(r"[.:,] ?", section)[1] for section in sections] == list(SETS)
    assert {step.code for step in STEPS} == {0, REFUSED, INTERRUPTED}


def test_commands_are_ones(tmp_path, monkeypatch):
    """They parse, and the files that they name are written by the page, or by what it runs."""
    monkeypatch.chdir(tmp_path)
    parser, written = make_parser(), set()
    for step in STEPS:
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


def test_studies_are_ones(tmp_path):
    studies = steps("file", ".yaml")
    assert len(studies) == 3
    for step in studies:
        path = tmp_path / step.name
        path.write_text(step.text)
        study = load_study(path)
        assert study.data.source in ("npz:digits.npz", "fashion_mnist", "folder:pictures")
        assert study.budget.trials is not None
        assert study.keep_best > 1


def test_programs_and_cells_use_what_there_is():
    programs = steps("file", ".py") + steps("cell")
    assert len(programs) >= 8
    for step in programs:
        for node in ast.walk(ast.parse(step.text)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                owner = PUBLIC.get(node.value.id)
                assert owner is None or hasattr(owner, node.attr), ast.unparse(node)


def test_a_page_is_read_in_its_order():
    text = (
        "# Title\n\n## 1. One\n\n```yaml\n# a.yaml\nmodel: 1\n```\n\n```bash\nls \\\n  -l\n"
        "cat no  # refused\nsleep 9  # Ctrl-C after generation 1\n```\n\n```text\nls\n```\n"
        "\n## 2. Two\n\n```python\n1 + 1\n```\n"
    )
    found = [(s.section, s.kind, s.name, s.text, s.code, s.words) for s in read_steps(text)]
    assert found == [
        ("1. One", "file", "a.yaml", "# a.yaml\nmodel: 1\n", 0, ""),
        ("1. One", "command", "", "ls    -l", 0, ""),
        ("1. One", "command", "", "cat no", REFUSED, ""),
        ("1. One", "command", "", "sleep 9", INTERRUPTED, "generation 1"),
        ("2. Two", "cell", "", "1 + 1\n", 0, ""),
    ]
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
