"""The original study's logs give its published numbers (copies made by experiments/trim_...)."""

import gzip
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import hptjax.report as report
from experiments.original_logs import BOUNDS, original_files, read_original, read_sources
from experiments.report_original import main
from hptjax.errors import ConfigError, DataError
from hptjax.records.metrics import CLASSIFICATION
from hptjax.report.comparison import summary_table
from hptjax.report.sources import join_sources
from tests import fakes
from tests.pages import charts_of, make_run, series_of

LOGS = Path(__file__).parent / "data" / "original-study"
PUBLISHED = {  # trials, min, median, mean: of all trials, pruned or not
    "grid": (480, 0.390188, 0.6099, 0.9666),
    "random": (378, 0.414652, 0.7974, 0.9267),
    "bayes": (439, 0.399800, 0.7177, 0.8924),
    "des": (224, 0.405600, 0.5085, 0.5417),
}


@pytest.fixture(scope="module")
def table():
    return read_original(LOGS)


def test_the_published_numbers(table):
    found = report.strategy_statistics(table, with_stopped=True).set_index("group")
    assert list(found.index) == list(PUBLISHED)
    for group, (count, least, median, mean) in PUBLISHED.items():
        row = found.loc[group]
        assert (row["n"], row["counted"], row["failed"]) == (count, count, 0)
        assert row["best"] == pytest.approx(least, abs=5e-7)
        assert row["median"] == pytest.approx(median, abs=5e-5)
        assert row["mean"] == pytest.approx(mean, abs=5e-5)
    epochs = (found["epochs"] / found["n"]).round(2)
    assert epochs[["grid", "bayes", "random"]].tolist() == [1.67, 1.82, 2.23]
    assert np.isnan(epochs["des"])


def test_most_of_its_trials_were_stopped_early(table):
    found = report.strategy_statistics(table).set_index("group")
    assert found["trained"].to_dict() == {"grid": 60, "random": 105, "bayes": 94, "des": 224}
    assert found["best"].round(6).tolist() == [least for _, least, *_ in PUBLISHED.values()]
    stopped = table[(table["group"] != "des") & (table["status"] == "stopped")]
    assert stopped["seconds"].max() < 100
    assert set(stopped["reason"]) == {"by the schedule, before 100 s", "by the search's end"}


def test_the_best_trial_is_the_published_one(table):
    best = report.rank_table(table).iloc[0]
    hparams = [best[name] for name in BOUNDS]
    assert hparams == [0.001, 12, 16, 1, 128, False, 0.1]
    assert (best["group"], best["epochs"]) == ("grid", 4)
    assert best["val_accuracy"] == pytest.approx(0.854, abs=5e-4)


def test_time_is_that_of_the_study(table):
    ends = report.best_so_far(table, "seconds").groupby("group")["x"].max()
    assert ends.round().to_dict() == {"grid": 29432, "random": 27735, "bayes": 29403, "des": 24622}
    des = table[table["group"] == "des"]
    assert des["seconds"].iloc[0] == pytest.approx(29458 / 268)
    assert set(report.best_so_far(table, "samples")["group"]) == {"grid", "random", "bayes"}


def test_des_has_its_populations(table):
    generations = report.generation_statistics(table)
    assert (generations["group"] == "des").all()
    assert generations["n"].tolist() == [28] * 8
    with np.load(LOGS / "des.npz") as arrays:
        np.testing.assert_allclose(generations["mean"], arrays["value"].mean(axis=1))
        lr = arrays["pop"][0]
    width = BOUNDS["lr"][1] - BOUNDS["lr"][0]
    np.testing.assert_allclose(generations["spread:lr"], lr.std(axis=0) / width)
    assert generations["best_so_far"].iloc[-1] == pytest.approx(0.405600, abs=5e-7)
    points = table.filter(like="unit:").to_numpy()
    assert ((points > -1e-9) & (points < 1 + 1e-9)).all()


def test_a_pickle_is_read_only_when_allowed(table, tmp_path):
    with np.load(LOGS / "des.npz") as arrays:
        diagnostic = dict(arrays)
    result = json.loads((LOGS / "des.json").read_text())
    path = tmp_path / "DES-Trial1-29458s.npy"
    np.save(path, np.array({**result, "diagnostic": diagnostic}, object), allow_pickle=True)
    with pytest.raises(ConfigError, match=r"a pickle, which can run any program.*--allow-pickle"):
        read_original(tmp_path)
    loaded = read_original(tmp_path, allow_pickle=True)
    des = table[table["group"] == "des"]
    np.testing.assert_array_equal(loaded["value"], des["value"])
    np.testing.assert_array_equal(loaded["lr"], des["lr"].astype(float))


def test_its_groups_stand_beside_those_of_other_runs(table):
    ours = table[table["group"] == "grid"].assign(run="mine", variant="0")
    joined = report.join_tables(table, ours)
    assert "grid, original" in set(joined["group"])
    assert "grid, mine" in set(joined["group"])
    assert "des, original" in set(joined["group"])


def test_importances_of_published_logs_find_the_learning_rate(table):
    parts = report.hparam_importances(table[table["group"] == "random"], with_stopped=True)
    assert (parts["trials"] == 378).all()
    assert parts.iloc[0]["hparam"] == "lr"
    assert parts["importance"].iloc[0] > 0.5
    survivors = report.hparam_importances(table[table["group"] == "random"])
    assert (survivors["trials"] == 105).all()
    assert survivors.iloc[0]["hparam"] != "lr"  # the schedule had sorted out the bad ones


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("gs.csv", b"a,b\n1,2\n", "no column training_iteration"),
        ("gs.csv", b"", "cannot be read as CSV"),
        ("gs.csv.gz", b"no gzip", "cannot be read as CSV"),
        ("des.npz", b"no zip", "not a DES result"),
    ],
)
def test_damaged_logs_are_named(tmp_path, name, content, error):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=f"{name}: .*{error}"):
        read_original(tmp_path)


def test_a_des_result_needs_its_json_and_populations(tmp_path):
    shutil.copy(LOGS / "des.npz", tmp_path)
    with pytest.raises(DataError, match=r"des.npz: not a DES result.*des.json"):
        read_original(tmp_path)
    result = json.loads((LOGS / "des.json").read_text())
    (tmp_path / "des.json").write_text(json.dumps({**result, "hp_names": ["lr"]}))
    with pytest.raises(DataError, match="do not agree"):
        read_original(tmp_path)


def test_plain_files_are_read_too_and_none_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match=r"no logs of the original study.*gs\.csv"):
        read_original(tmp_path)
    (tmp_path / "rs.csv").write_bytes(gzip.decompress((LOGS / "rs.csv.gz").read_bytes()))
    assert original_files(tmp_path) == {"random": tmp_path / "rs.csv"}
    assert len(read_original({"mine": tmp_path / "rs.csv"})) == 378


@pytest.fixture
def logs(tmp_path):
    """Four trials as Ray logged them, the last stopped; two generations of two as DES kept them."""
    folder = tmp_path / "logs"
    folder.mkdir()
    table = {
        **{f"ptl/{metric}": [0.9, 0.4, 0.6, 0.3] for metric in CLASSIFICATION},
        "training_iteration": [1, 4, 2, 1],
        "time_total_s": [101.0, 104.0, 102.0, 9.0],
        "timestamp": [1101, 1210, 1315, 1325],
        "done": [True, True, True, True],
        "config/lr": [0.1, 0.01, 0.1, 0.1],
        "config/mlp_bn_l0": [True, False, True, True],
        "config/batch_size": [64, 64, 64, 64],
    }
    pd.DataFrame(table).to_csv(folder / "gs.csv")
    points = np.arange(8.0).reshape(2, 2, 2)  # hparam, place, generation
    np.savez(folder / "des.npz", value=np.array([[0.8, 0.7], [0.5, 0.6]]), pop=points)
    told = {"hp_names": ["lr", "width"], "time": 100, "counts": {"function": 4}}
    (folder / "des.json").write_text(json.dumps(told))
    return folder


def test_the_originals_logs_are_tables_of_trials(logs):
    (source,) = read_sources([logs]).values()
    grid, des = (own.reset_index() for _, own in source.trials.groupby("strategy", sort=False))
    assert list(grid["value"]) == [0.9, 0.4, 0.6, 0.3]
    assert list(grid["member_epochs"]) == [1, 4, 2, 1]
    assert list(grid["elapsed"]) == [101.0, 210.0, 315.0, 325.0]
    assert source.hparams == ("lr", "mlp_bn_l0", "width")  # batch_size was the same for all
    assert list(des["value"]) == [0.8, 0.7, 0.5, 0.6]
    assert list(des["lr"]) == [0.0, 2.0, 1.0, 3.0]
    assert list(des["width"]) == [4.0, 6.0, 5.0, 7.0]
    assert list(des["elapsed"]) == [25.0, 50.0, 75.0, 100.0]
    table = summary_table(join_sources({"original": source}), {"original": source})
    assert list(table["search"]) == ["grid", "des"]
    assert list(table["best"]) == [0.4, 0.5]  # the stopped trial of .3 does not count
    assert list(table["wall time without compiling (s)"]) == [325.0, 100.0]
    assert table["epochs"][0] == 8


def as_published(logs):
    """Has DES's result as the pickle that was published."""
    with np.load(logs / "des.npz") as arrays:
        told = {**json.loads((logs / "des.json").read_text()), "diagnostic": dict(arrays)}
    np.save(logs / "DES-Trial1.npy", np.array(told, object), allow_pickle=True)
    (logs / "des.npz").unlink()


@pytest.mark.slow
def test_a_page_shows_them_beside_a_run(logs, tmp_path, capsys):
    run = make_run(tmp_path / "mine", fakes.study(strategies=("random",)))
    as_published(logs)
    words = [str(logs), str(run), "--out", str(tmp_path / "out")]
    assert main(words) == 2
    assert "--allow-pickle" in capsys.readouterr().err
    assert main([*words, "--allow-pickle"]) == 0
    text = (tmp_path / "out" / "report.html").read_text()
    charts = charts_of(text).items()
    names = [set(series_of(chart)) for name, chart in charts if "best-so-far" in name]
    assert names == [{"original: grid", "original: des"}, {"mine: random"}]  # by their metrics
    assert (tmp_path / "out" / "figures" / "evaluations-original-des.png").exists()


def test_what_is_wrong_is_said_in_one_line(logs, tmp_path, capsys):
    (logs / "gs.csv").write_text("a,b\n1,2\n")
    said = {logs: "gs.csv: not a Ray Tune log of the study", tmp_path: "and no run"}
    for folder, words in said.items():
        assert main([str(folder)]) == 2
        error = capsys.readouterr().err
        assert words in error
        assert error.count("\n") == 1


def test_a_pickle_is_not_opened(logs):
    np.savez(logs / "des.npz", value=np.array([[print]]), pop=np.zeros((1, 1, 1)))
    with pytest.raises(DataError, match="not a DES result"):
        read_original(logs / "des.npz")
