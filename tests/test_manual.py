"""The manual: what is generated of it holds every key, row, command and public name."""

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import jax
import pytest
from pydantic import BaseModel

import hptjax
import hptjax.glossary
from hptjax.cli.listing import everything
from hptjax.cli.process import EXIT_CODES
from hptjax.cli.tables import SHELVES
from hptjax.config import entry_forms
from hptjax.config.named import options_of
from hptjax.config.options import known_options
from hptjax.config.targets import TABLE
from hptjax.config.yaml_file import parse_yaml, read_yaml
from hptjax.models.layers.normalize import Normalize
from hptjax.study import StudyConfig
from hptjax.table import OURS

ROOT = Path(hptjax.__file__).parent.parent
DOCS = ROOT / "docs"
sys.path.insert(0, str(DOCS))

from hptjax_docs import api, commands, glossary, keys, results, tables, written  # noqa: E402
from hptjax_docs.markdown import docstring, escaped, literal, table  # noqa: E402
from hptjax_docs.meanings import about, docs_of, meanings  # noqa: E402

NET = """
import flax.linen as nn


class ConvNet(nn.Module):
    num_classes: int
    width: int = 8

    @nn.compact
    def __call__(self, x, train, dropout=0.0):
        return nn.Dense(self.num_classes)(x.mean((1, 2)))
"""


@pytest.fixture(scope="module")
def table_pages():
    return tables.table_pages()


@pytest.fixture(scope="module")
def sections():
    return keys.sections()


def test_every_key_has_a_heading_a_meaning_and_an_example(sections):
    page = keys.key_page()["reference/study.md"]
    assert {s.path for s in sections} >= {"", "data", "data.validation", "budget", "model"}
    for section in sections:
        said = meanings(docs_of(section.model), section.model.model_fields)
        for path, name in section.fields().items():
            assert f"\n### `{path}`" in page, path
            assert said.get(name), f"{section.model.__name__}'s docstring lacks {name}"
            assert keys.example(section.form, path), path
            assert keys.example(section.form, path) in page


def test_defaults_that_other_keys_decide_are_told_as_they_are():
    page = keys.key_page()["reference/study.md"]
    told = {
        name: page.split(f"\n### `{name}`")[1].split("\n")[2] for name in ("space", "data.augment")
    }
    assert told["space"].endswith("default: the entries in the model; required where it has none")
    text = "default: `true` for a model in the original study's form, `false` for any other"
    assert told["data.augment"].endswith(text)
    original = read_yaml(ROOT / "configs/model.yaml")["model"]
    layers = {"layers": ["flatten", "head"]}
    for model, augmented in ((original, True), (layers, False)):
        opened = {**model, "lr": {"float": [0.01, 0.1]}}
        study = StudyConfig.from_dict({"model": opened})
        assert (list(study.space), study.to_dict()["data"]["augment"]) == (["lr"], augmented)
        with pytest.raises(hptjax.ConfigError, match="space: must be given"):
            StudyConfig.from_dict({"model": model})


def test_no_two_keys_have_the_same_heading():
    lines = keys.key_page()["reference/study.md"].split("\n")
    titles = [line.partition(" {")[0].strip("# ") for line in lines if line.startswith("##")]
    ids = [line.partition("{ #")[2] for line in lines if line.startswith("##")]
    assert len(set(titles)) == len(titles)
    assert len(set(ids)) == len(ids)


def test_every_key_of_the_packaged_configs_is_there(sections):
    known = {path.replace("[]", "") for section in sections for path in section.fields()}
    known |= {"searcher"}
    for path in sorted((ROOT / "configs").glob("*.yaml")):
        tree = read_yaml(path)
        if not path.stem.startswith("space_"):
            assert _paths(tree, known) <= known, path.name


def _paths(tree: Mapping[str, Any], known: set[str], at: str = "") -> set[str]:
    """The dotted paths of a file down to those below which parts and entries stand."""
    found = set()
    for key, value in tree.items():
        path = f"{at}.{key}".strip(".")
        found.add(path)
        inner = any(name.startswith(f"{path}.") for name in known)
        for own in value if isinstance(value, list) else [value]:
            if inner and isinstance(own, dict) and path not in ("model.layers", "space"):
                found |= _paths(own, known, path)
    return found


def _merged(base: Any, own: Any) -> Any:
    """A tree with another laid over it; of a list the first item stands for all."""
    if isinstance(base, dict) and isinstance(own, dict):
        return base | {key: _merged(base.get(key), value) for key, value in own.items()}
    if isinstance(base, list) and isinstance(own, list) and isinstance(base[0], dict):
        return [_merged(base[0], own[0]), *base[1:]]
    return own


def _base(form: str, path: str) -> dict[str, Any]:
    """A study that the example of a key is laid over: it has what the key needs beside itself."""
    native = {"layers": ["flatten", "head"]}
    space = {"lr": {"float": [1e-4, 1e-1]}}
    tree: dict[str, Any] = {"model": native, "strategies": ["tpe"], "space": space}
    if form == "original":
        tree["model"] = read_yaml(ROOT / "configs/model.yaml")["model"]
    if path == "model.flax":
        tree["model"] = {}
    if (form, path) == ("model", "model.lr"):  # is open itself
        del tree["space"]
    if path in ("warm_start.best", "warm_start.resolved"):
        tree["warm_start"] = {"run": "runs/mine"}
    return tree


def test_every_example_is_read(tmp_path, monkeypatch, sections):
    (tmp_path / "manual_nets.py").write_text(NET)  # the README has a my_nets of its own
    monkeypatch.syspath_prepend(tmp_path)
    for form, examples in keys.examples().items():
        fields = [path for own in sections if own.form == form for path in own.fields()]
        assert sorted(fields) == sorted(examples)
        for path in examples:
            text = keys.example(form, path).replace("my_nets", "manual_nets")
            tree = parse_yaml(text, path)
            base = _base(form, path)
            if path == "strategies":
                del base["strategies"]
            try:
                StudyConfig.from_dict(_merged(base, tree))
            except hptjax.ConfigError as error:
                pytest.fail(f"{keys.example(form, path)}: {error}")


def test_what_is_told_of_layers_and_entries_is_what_their_readers_know():
    assert set(written.KINDS) == set(entry_forms.KINDS)
    assert set(written.OPTIONS) == set(entry_forms.OPTIONS)
    assert StudyConfig.from_dict(parse_yaml(written.EXAMPLE, "example")).space


def test_every_row_of_every_table_is_told_with_its_options(table_pages):
    assert table_pages.keys() == {f"reference/{name}.md" for name in everything()}
    for name, one in everything().items():
        page = table_pages[f"reference/{name}.md"]
        for word in one.words():
            assert f"\n## `{word.partition(' (')[0]}`" in page, (name, word)
    for seam, shelf in SHELVES.items():
        for row in shelf.table.rows():
            told = table_pages[f"reference/{seam}.md"].split(f"\n## `{row.word}`")[1]
            told = told.split("\n## ")[0]
            for member in shelf.table.members(row.word) if row.is_family else ():
                assert f'??? note "`{member}`"' in told
            if row.is_family or row.word in shelf.written:
                continue
            model = options_of(shelf.table.find(row.word, seam))
            if isinstance(model, type) and issubclass(model, BaseModel):
                names = known_options(row.word, model) if shelf.of_layers else model.model_fields
                for option in set(names) - set(shelf.hidden):
                    [line] = [own for own in told.split("\n") if own.startswith(f"| `{option}` |")]
                    assert line.rstrip(" |").rpartition("|")[2].strip(), (seam, row.word, option)


def _example_of(seam: str, word: str) -> str:
    shelf = SHELVES[seam]
    model = options_of(shelf.table.find(word, seam))
    options = model if isinstance(model, type) and issubclass(model, BaseModel) else None
    return tables.example(seam, word, options, list(options.model_fields) if options else [])


def _own_words(seam: str) -> list[str]:
    rows = SHELVES[seam].table.rows()
    return [row.word for row in rows if row.package == OURS and row.word != "flax"]


@pytest.mark.parametrize("seam", ["layers", "norms", "activations"])
def test_the_example_of_a_layer_builds_a_network(seam, tmp_path):
    images = jax.ShapeDtypeStruct((2, 28, 28, 1), "float32")
    for word in _own_words(seam):
        text = _example_of(seam, word)
        assert word in text
        assert "VALUE" not in text
        (tmp_path / "model.yaml").write_text(text)
        given = [] if "resnet_config" in text else ["input=[28, 28, 1]", "outputs=10"]
        if word == "normalize":  # training measures these
            given.append("layers.0={normalize: {mean: [0.3], std: [0.4]}}")
        model = hptjax.load_model_config(tmp_path / "model.yaml", given)
        module = hptjax.models.module_of(model)
        built = partial(module.init_with_output, train=False)
        outputs, _ = jax.eval_shape(built, jax.random.key(0), images)
        assert outputs.shape == (2, 10), text


def test_the_example_of_an_augmentation_is_read():
    for word in _own_words("augmentations"):
        tree = parse_yaml(_example_of("augmentations", word), word)
        StudyConfig.from_dict(_merged(_base("study", ""), tree))


def test_every_command_is_there_with_its_help():
    page = commands.command_page()["reference/commands.md"]
    assert {"run", "train", "describe", "list", "help"} <= commands.commands().keys()
    assert "any other that hptjax list searchers" in " ".join(page.split())
    for name, parser in commands.commands().items():
        assert f"\n## `hptjax {name}`" in page
        for action in parser._actions:
            if action.help != "==SUPPRESS==":
                assert all(option in page for option in action.option_strings)


def test_every_exit_code_is_told():
    page = commands.command_page()["reference/commands.md"]
    table = (DOCS / "how-to/resume-and-kill.md").read_text().split("| exit code |")[1]
    assert re.findall(r"(?m)^\| (\d+) \|", table) == list(map(str, EXIT_CODES))
    for code, meaning in EXIT_CODES.items():
        assert f"{code} {meaning}" in page


def test_every_public_name_is_there():
    pages = api.api_pages()
    headings = {line for page in pages.values() for line in page.split("\n")}
    named = [name for names in api.groups().values() for name in names]
    assert sorted(named) == sorted(hptjax.__all__)
    for name in hptjax.__all__:
        assert f"      heading: hptjax.{name}" in headings
    for module in hptjax._MODULES:
        page = pages[f"reference/api/{module}.md"]
        for name in getattr(import_module(f"hptjax.{module}"), "__all__", ()):
            assert f"hptjax.{module}.{name}\n" in page or f"`{name}` is" in page, (module, name)


def test_code_of_a_module_is_code_and_the_comment_of_a_config_is_whole(table_pages):
    lines = api.api_pages()["reference/api/report.md"].split("\n")
    assert lines[lines.index("```python") + 1].startswith("from hptjax.report import load_runs")
    said = table_pages["reference/configs.md"].partition("## `optuna_mlp`")[2].split("\n")[2]
    assert said.endswith("and the learning rate.")


def test_every_word_of_the_glossary_has_a_heading():
    page = glossary.glossary_page()["reference/glossary.md"]
    lines = (hptjax.glossary.__doc__ or "").split("\n\n")[1].split("\n")
    words = [line[:12].strip() for line in lines if not line.startswith(" ")]
    assert sorted(words) == sorted(glossary.words())
    assert all(f"\n## {word} {{ #" in page for word in words)
    assert "\nThe search over a space, with its strategies, budgets and records; its random" in page


def test_changes_and_contributing_are_pages():
    pages = results.copied_pages()
    first, page = pages["project/changes.md"].split("# Changes\n", 1)
    assert "search: {exclude: true}" in first
    assert page.startswith("\nThis page is `CHANGELOG.md`.")
    assert (ROOT / "CONTRIBUTING.md").read_text().partition("\n")[2] in pages[
        "project/contributing.md"
    ]


def test_no_generated_page_is_kept():
    assert [path.name for path in (DOCS / "reference").rglob("*")] == ["index.md"]
    assert not (DOCS / "results").exists()
    assert not (DOCS / "project").exists()


def test_pages_take_what_they_name():
    assert "study       the search over a space" in results.inserted(
        "```docstring\nhptjax.glossary\n```"
    )
    text = results.inserted("a\n\n```csv\nexperiments/results/original.csv\n```\n")
    assert text.startswith("a\n\n| group | n | min |")
    for page in DOCS.rglob("*.md"):
        results.inserted(page.read_text())


def test_docstrings_are_taken_apart():
    text = "A net.\n\nIt is deep. lr, decay: rates, see\n`x`; size: how large. Fine: no option."
    names = ("lr", "decay", "size")
    assert meanings([text], names) == {
        "lr": "Rates, see `x`.",
        "decay": "Rates, see `x`.",
        "size": "How large. Fine: no option.",
    }
    assert about(text, names) == ["A net.", "It is deep."]


def test_what_normalize_takes_has_a_meaning_each():
    said = meanings(docs_of(Normalize), Normalize.model_fields)
    assert said["mean"].startswith("What is subtracted")
    assert said["std"].startswith("What the difference is divided by")


def test_text_is_no_markup():
    assert (
        escaped("npz:<path> `a<b>` x[0][1] 2 * 3") == "npz:&lt;path&gt; `a<b>` x[0]&#91;1] 2 \\* 3"
    )
    assert literal("*so* <b>") == "*so* &lt;b&gt;"
    assert table(["a"], [["x | y"]]) == "| a |\n| --- |\n| x \\| y |\n"


def test_sessions_of_docstrings_are_code():
    text = "Reads <path>.\n\nExample:\n    >>> f(a)[0](b)\n    <b>\n\nMore."
    head, code, more = docstring(text).split("    ```")
    assert head == "Reads &lt;path&gt;.\n\nExample:\n"
    assert code == "pycon\n    >>> f(a)[0](b)\n    <b>\n"
    assert more == "\n\nMore."


@pytest.mark.slow
@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("mkdocs", "material", "mkdocstrings")),
    reason="needs the extra [docs]",
)
def test_the_manual_is_built_without_a_warning(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(tmp_path / "site")]
    env = os.environ | {"PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    html = (tmp_path / "site" / "reference" / "study.html").read_text()
    assert 'id="population_size"' in html
    assert "https://unpkg.com" not in html
    contents = html.partition("md-sidebar--secondary")[2].partition("md-content")[0]
    assert "Keys below" in contents
    assert "population_size" not in contents
    found = (tmp_path / "site" / "search" / "search_index.js").read_text()
    assert "how-to/searchers.html" in found
    assert "project/changes.html" not in found


def test_the_hparams_of_the_originals_form_are_there():
    page = keys.key_page()["reference/study.md"]
    section = page.partition("Hparams of the original's form")[2].partition("\n#")[0]
    assert (
        "| `resnet_kernel_size_l{i}` | `model.resnet_config.block_list.{i}.kernel_size` |"
        in section
    )
    assert section.count("\n| `") == len(TABLE)
