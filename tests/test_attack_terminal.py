"""What a stranger's terminal shows: who brought a mistake, warnings in one line, names as typed."""

import io
import os
import subprocess
import sys
import warnings

import pandas as pd
import pytest
from rich.console import Console

from hptjax.cli import main as cli
from hptjax.cli.process import Process
from hptjax.config.load import load_model_config
from hptjax.config.yaml_file import dump_yaml
from hptjax.errors import ConfigError, did_you_mean
from hptjax.records.run_dir import RunDirectory
from hptjax.report.console import leaderboard, summary_table
from hptjax.report.html import write_report
from hptjax.report.plots import new_axes, plot_best_so_far, plot_box, save_axes
from hptjax.report.sources import read_sources
from hptjax.report.tables import write_tables
from hptjax.search import run_study
from hptjax.study.warm_start import warm_started
from tests import fakes


def mistake(capsys, *argv) -> str:
    """The one line of a command that ends with 2."""
    try:
        code = cli.main(list(argv))
    except SystemExit as stop:
        code = stop.code
    error = capsys.readouterr().err
    assert code == 2
    assert error.count("\n") == 1
    return error


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A study in a file of the current folder."""
    monkeypatch.chdir(tmp_path)
    tree = {
        "model": fakes.model(),
        "space": fakes.SPACE.to_dict(),
        "data": {"source": "sample", "train_limit": 100},
        "strategies": ["random"],
        "population_size": 4,
    }
    (tmp_path / "small.yaml").write_text(dump_yaml(tree))
    return tree


def test_of_several_wrong_options_the_one_that_is_told_of_is_named(small, capsys):
    line = mistake(capsys, "run", "small.yaml", "--set", "bar=1", "--set", "baz=2", "--seed", "-1")
    assert line.startswith("hptjax: --set bar=1: bar: unknown key;")
    assert "more in this file" not in line


def test_other_mistakes_of_a_file_are_counted_where_the_file_is_named(small, tmp_path, capsys):
    (tmp_path / "small.yaml").write_text(dump_yaml({**small, "foo": 1, "seed": -1}))
    line = mistake(capsys, "run", "small.yaml", "--set", "bar=1", "--epochs", "0")
    assert line.startswith("hptjax: small.yaml: foo: unknown key;")
    assert line.endswith(" (1 more in this file)\n")
    with pytest.raises(ConfigError) as error:
        load_model_config("model", ["lr=-1", "seed=1"])
    assert "more in this file" not in str(error.value)


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["tune"], "COMMAND 'tune': hptjax calls it 'run'. (see hptjax --help)"),
        (
            ["run", "x", "--patience"],
            "unrecognized arguments: --patience; --set KEY=VALUE changes any ",
        ),
        (
            ["predict", "x", "y", "--metric"],
            "unrecognized arguments: --metric (see hptjax predict --help)",
        ),
        (["--metric"], "unrecognized arguments: --metric (see hptjax --help)"),
        (["evaluat", "x"], "COMMAND 'evaluat': did you mean 'evaluate'? (see hptjax --help)"),
        (["list", "x"], "TABLE 'x': known are activations, augmentations, configs, "),
        (["evaluate", "x", "--split", "val"], "--split 'val': did you mean 'validation'? (see hpt"),
        (["report", "x", "--formats", "gif"], "--formats 'gif': known are pdf, png, svg. (see hpt"),
    ],
)
def test_a_word_that_is_no_choice_has_one_line(argv, line, capsys):
    assert mistake(capsys, *argv).startswith(f"hptjax: {line}")


def test_a_strategy_twice_is_told_how_to_stand_twice(small, capsys):
    line = mistake(capsys, "run", "small.yaml", "--strategy", "tpe", "--strategy", "tpe")
    assert "must not repeat one: 'tpe' is named twice; give each a label, as in [{name: tp" in line
    with pytest.raises(ConfigError, match="'a' and 'A' would be one folder"):
        fakes.study(strategies=[{"name": "random", "label": label} for label in "Aa"])


def test_a_warning_is_one_line_on_standard_error(capsys, monkeypatch):
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)  # put back afterwards
    Process().tell_warnings()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("the first\nand \x1b[31m the second", stacklevel=1)
    assert capsys.readouterr().err == "hptjax: the first and \\x1b[31m the second\n"


def test_a_place_that_holds_no_programs_has_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    place = str(tmp_path / "file" / "cache")
    code = (
        "from hptjax.cli.main import entry; import sys\n"
        "sys.argv = ['hptjax', 'evaluate', 'nosuch']; entry()\n"
        "import jax; print(jax.config.jax_compilation_cache_dir)"
    )
    found = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    found |= {"HPTJAX_COMPILE_CACHE": place, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run([sys.executable, "-c", code], env=found, capture_output=True, text=True)
    first, second = done.stderr.splitlines()
    assert first.startswith(f"hptjax: Compiled programs are not kept: cannot write in {place} (Not")
    assert second.startswith("hptjax: nosuch: ")
    assert done.stdout == "None\n"


def table(group: str) -> pd.DataFrame:
    """A table of one search of four trials."""
    rows = range(4)
    return pd.DataFrame(
        {
            "group": group, "run": "r", "strategy": "tpe", "seed": 0, "variant": "v",
            "number": rows, "generation": 0, "status": "trained", "metric": "val_loss",
            "value": [0.4, 0.3, 0.5, 0.2], "member_epochs": 1.0, "samples": 1.0, "seconds": 1.0,
            "elapsed": 1.0, "duplicate_of": None, "epochs": 1, "told": [0.4, 0.3, 0.5, 0.2],
        }
    )  # fmt: skip


@pytest.mark.parametrize("name", ["tpe, a$b$", "tpe, $\\frac{$", "tpe, one $"])
def test_names_are_no_formulas_in_plots(name, tmp_path):
    ax = plot_best_so_far(table(name), new_axes())
    (text,) = ax.get_legend().get_texts()
    assert text._preprocess_math(text.get_text()) == (name, False)
    save_axes(ax, tmp_path / "best.png")
    boxes = plot_box(table(name), new_axes())
    save_axes(boxes, tmp_path / "box.png")  # a formula that cannot be read would raise
    (label,) = boxes.get_yticklabels()
    shown, formula = label._preprocess_math(label.get_text())
    assert name in shown
    assert not formula


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_names_and_values_can_be_read_on_any_terminal(width):
    study = fakes.study(strategies=["random", "tpe"])
    result = run_study(study, fakes.data(), executor=fakes.FakeExecutor())
    console = Console(width=width, file=io.StringIO())
    console.print(leaderboard(result.trials, result.goal))
    console.print(summary_table(result.generations, result.stops, result.goal))
    text = console.file.getvalue()
    assert max(map(len, text.splitlines())) <= width
    best, summary = text.split("Strategies (")
    assert {"random", "tpe"} <= set(summary.split())
    assert f" {result.best.value:.4f} " in best
    assert f" {result.best.value:.4f} " in summary
    for column in ("strategy", "trials", "best", "s without", "compiling", "stopped by"):
        assert f" {column} " in summary
    for column in ("strategy", "trial", "val_loss", "hparams", "remarks"):
        assert f" {column} " in best
    assert ("train s" in summary) == (width >= 100)  # nothing is left out without need


@pytest.mark.parametrize("mark", ["", "\ufeff"])  # a spreadsheet's mark of the encoding
def test_a_choice_that_readers_of_tables_lose_starts_another_search(mark, tmp_path):
    space = {"mlp_af_l0": {"choices": ["None", "relu"]}}
    tree = {**fakes.study(strategies=["grid"], population_size=2).to_dict(), "space": space}
    study = type(fakes.study()).from_dict(tree)
    result = run_study(study, fakes.data(), executor=fakes.FakeExecutor())
    write_tables(result, tmp_path)
    text = (tmp_path / "trials.csv").read_text()
    (tmp_path / "trials.csv").write_text(mark + text, encoding="utf-8")
    new = {**tree, "warm_start": {"trials": str(tmp_path / "trials.csv"), "best": 2}}
    first = warm_started(type(study).from_dict(new)).first
    assert sorted(point["mlp_af_l0"] for point in first) == ["None", "relu"]
    told = pd.read_csv(tmp_path / "trials.csv", keep_default_na=False, na_values=[""])
    assert sorted(told["mlp_af_l0"]) == ["None", "relu"]


def test_likeness_to_a_long_word_takes_no_time():
    assert did_you_mean("x" * 10**6, ["y" * 60]).startswith("known are")


def test_a_page_shows_a_folder_whose_name_is_no_text(tmp_path):
    folder = tmp_path / os.fsdecode(b"n\xff")
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this file system takes only text for names")
    study = fakes.study(strategies=["random"])
    with RunDirectory(folder, study.to_dict()) as run:
        run_study(study, fakes.data(), executor=fakes.FakeExecutor(), journal=run.journal)
    assert "n\\udcff" in write_report(read_sources([folder]), tmp_path / "page").read_text()
