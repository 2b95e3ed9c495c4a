"""docs/how-to/: what the tables of the pages name is there, and nothing of it is left out."""

import re
import tomllib
from importlib import import_module
from inspect import signature

import pytest
import yaml

import hptjax
from experiments.first_hour import PAGE, read_steps
from hptjax import report
from hptjax.cli.listing import everything
from hptjax.config.model import Model, read_model
from hptjax.config.parts import LAYERS, LR_SCHEDULES, OPTIMIZERS, TASKS
from hptjax.data.npz import KEYS, ONE_SET
from hptjax.data.sources import MEMORY, SOURCES
from hptjax.devices import CACHE_VARIABLE
from hptjax.study import load_study
from hptjax.study.data_config import DataConfig
from hptjax.study.sinks import SINKS

DOCS = PAGE.parent
DATA, RECIPE, POPULATIONS, RUNS, PARTS = (
    (DOCS / "how-to" / f"{name}.md").read_text()
    for name in ("data", "recipe", "populations", "reports-and-trackers", "own-parts")
)
LAYERS_PAGE = (DOCS / "tutorials" / "your-layers.md").read_text()


def rows(page, head):
    """The cells of the one table that has this head, without the head."""
    [table] = re.findall(rf"^\| {re.escape(head)} \|.*\n\|[-|]+\n((?:\|.*\n)+)", page, re.M)
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in table.splitlines()]


def words(cell):
    return re.findall(r"`([^`]+)`", cell)


def test_all_sources_are_told():
    told = {word for [cell, *_] in rows(DATA, "source") for word in words(cell)}
    assert told == {*SOURCES.names()} - {MEMORY}


def test_the_names_of_arrays_are_those_that_are_read():
    told = [words(cell) for _, cell in rows(DATA, "part")]
    for own, split in zip(told, ("train", "validation", "test"), strict=False):
        assert own == [name for pair in KEYS[split][:2] for name in pair]
    assert told[3][:2] == list(ONE_SET[0])


def test_keys_of_pictures_are_read():
    for key, _ in rows(DATA, "key"):
        for word in words(key):
            DataConfig.model_validate({"source": "folder:some", **yaml.safe_load(word)})


def test_forms_of_a_validation_set_are_read():
    forms = [word for [cell, *_] in rows(DATA, "`validation`") for word in words(cell)]
    assert len(forms) == 6
    for form in forms:
        assert DataConfig.model_validate({"validation": yaml.safe_load(form)}).wanted is not None
    for key in re.findall(r"^- `(\w+): \d+`", DATA, re.M):
        assert key in DataConfig.model_fields


def test_all_tasks_and_their_options_are_told():
    told = {words(task)[0]: words(options) for task, _, options in rows(DATA, "task")}
    assert told == {word: list(TASKS.find(word, "").model_fields) for word in TASKS.names()}


def test_the_recipe_is_told_with_its_defaults():
    told = {words(key)[0]: (takes, default) for key, takes, default in rows(RECIPE, "key")}
    layers = ["flatten", "head"]
    plain = read_model({"layers": layers})
    assert told.keys() == set(Model.model_fields) - {"layers", "flax", "input", "outputs"}
    for key, (_, default) in told.items():
        if key != "augment":
            own = yaml.safe_load(default.strip("`"))
            assert getattr(read_model({"layers": layers, key: own}), key) == getattr(plain, key)
    assert plain.augment is None
    assert set(words(told["lr_schedule"][0])) == {*LR_SCHEDULES.names()}
    assert set(words(told["task"][0])) == {*TASKS.names()}
    ours = {name for name in OPTIMIZERS.names() if not name.endswith(">")}
    assert set(words(told["optimizer"][0])) == ours | {"optax.lion"}


def test_names_of_hparams_are_those_of_the_study(tmp_path):
    [text] = [step.text for step in read_steps(RECIPE) if step.name == "recipe.yaml"]
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    line = RECIPE.partition("Its name is its place: ")[2].partition("\n-")[0]
    assert len(words(line)) == 2
    assert set(words(line)) <= set(load_study(path).space)


@pytest.mark.parametrize(
    ("head", "owner"),
    [("of a result", hptjax.Result), ("function", report)],
    ids=["result", "report"],
)
def test_what_a_result_and_the_report_have_is_there(head, owner):
    for cell, _ in rows(RUNS, head):
        for word in words(cell):
            name, _, arguments = word.partition("(")
            assert hasattr(owner, name), word
            for argument in re.findall(r"(\w+)=", arguments):
                assert argument in signature(getattr(owner, name)).parameters, word


def test_what_a_trial_has_is_there():
    text = RUNS.partition("A trial has ")[2].partition("trained again")[0]
    assert len(words(text)) >= 10
    for name in words(text):
        assert hasattr(hptjax.Trial, name), name


def test_sinks_of_trackers_are_ones():
    told = [yaml.safe_load(words(cell)[0]) for cell, *_ in rows(RUNS, "in the study")]
    known = {SINKS.row(name, "").word for name in SINKS.names()}
    for tree in told:
        [sink] = tree["sinks"]
        word, options = next(iter(sink.items())) if isinstance(sink, dict) else (sink, {})
        assert word in known
        SINKS.find(word, "").Options.model_validate(options)


def test_all_kinds_of_parts_are_told():
    told = [words(cell)[0] for cell, _, _ in rows(PARTS, "table")]
    assert sorted(told) == sorted({*everything()} - {"configs", "norms"})
    for name in re.findall(r"`hptjax\.(\w+)`", PARTS):
        assert hasattr(hptjax, name) or import_module(f"hptjax.{name}"), name


def test_entry_points_are_of_tables():
    [text] = re.findall(r"^# pyproject.toml\n.*?(?=^```)", PARTS, re.M | re.S)
    for group, points in tomllib.loads(text)["project"]["entry-points"].items():
        assert group.removeprefix("hptjax.") in everything()
        for place in points.values():
            module, _, name = place.partition(":")
            assert f"# {module}.py" in PARTS
            assert f"class {name}" in PARTS


def test_layers_take_what_is_told():
    told = {
        word: {"maps": "maps", "units": "units"}.get(takes, "any")
        for cell, takes, _ in rows(LAYERS_PAGE, "layers")
        for word in words(cell)
    }
    ours = {word: LAYERS.find(word, "").takes for word in LAYERS.names() if word != "flax"}
    assert told == ours


def test_the_variable_of_kept_programs_is_told():
    assert f"`{CACHE_VARIABLE}`" in POPULATIONS
