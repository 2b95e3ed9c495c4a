"""A study is judged by any measure of its task, records further ones, and takes one's own."""

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

import hptjax
from hptjax.cli import main as cli
from hptjax.cli.listing import ListedMetrics
from hptjax.data import ImageDataset
from hptjax.data.request import silent
from hptjax.errors import ConfigError
from hptjax.population.logits import LOGITS, add_points
from hptjax.records.goal import Goal
from hptjax.records.journal import Journal
from hptjax.records.metrics import known_direction
from hptjax.records.run_dir import RunDirectory, load_run
from hptjax.report.figures import pictures_of
from hptjax.report.sources import join_sources, read_sources
from hptjax.search import run_study
from hptjax.search.network import notes, value_note
from hptjax.study import StudyConfig
from hptjax.study.data import StudyData
from hptjax.study.metrics import find_metric, functions_of
from tests import fakes
from tests.commands import pretend_training

HERE = "tests.test_study_measures"
WORD = f"{HERE}:recall_of_9"


@hptjax.metric("maximize", sees="logits")
def recall_of_9(logits, labels):
    return (logits.argmax(1)[labels == 9] == 9).mean()


@hptjax.metric("maximize")
def best_accuracy(curves):
    return curves["val_accuracy"].max()


class Measuring(fakes.FakeExecutor):
    """Pretends to measure what a study asks for, as the program of a trainer would."""

    def __init__(self, study, data):
        super().__init__()
        self.measures, self.data = study.measures, data

    def measured(self, losses):
        named = {f"val_{name}": np.float32(1) / (2 + losses) for name in self.measures}
        values = named | super().measured(losses)
        values[LOGITS] = np.stack([outputs(loss) for loss in losses])
        add_points(self.data.functions, values, self.data.validation.labels)
        return values


def outputs(loss):
    """Of a network for 32 validation images and what fills a batch up; NaN of a NaN loss."""
    return np.random.default_rng(int(1e6 * np.nan_to_num(loss))).normal(size=(64, 10)) + 0 * loss


@pytest.fixture(autouse=True)
def pretended(monkeypatch):
    monkeypatch.setattr(
        "hptjax.executors.local.local_executor", lambda study, data, *others: Measuring(study, data)
    )


def config(**changes):
    return fakes.study(strategies=("random",), budget={"generations": 2}, **changes)


def test_a_study_without_further_metrics_is_written_as_ever():
    plain = config()
    assert "metrics" not in plain.to_dict()
    assert plain.measures == ("loss", "accuracy")
    more = config(metrics=["val_macro_f1", "val_top_3_accuracy"])
    assert more.to_dict()["metrics"] == ["val_macro_f1", "val_top_3_accuracy"]
    assert StudyConfig.from_dict(more.to_dict()) == more
    assert more.measures == ("loss", "accuracy", "macro_f1", "top_3_accuracy")


def test_further_metrics_are_recorded_each_epoch(tmp_path):
    study = config(metrics=["val_macro_f1", WORD], metric="val_balanced_accuracy")
    with RunDirectory(tmp_path / "run", study.to_dict()) as directory:
        result = run_study(study, fakes.data(), journal=directory.journal)
    trained = [trial for trial in result.trials if trial.age]
    own = ("val_balanced_accuracy", "val_macro_f1", "val_recall_of_9")
    for trial in trained:
        assert tuple(trial.epochs)[4:] == own
    assert result.goal == Goal("val_balanced_accuracy", "maximize")
    best = max(t.value for t in trained if t.value is not None)
    assert result.best.value == best == result.best.last("val_balanced_accuracy")
    assert result.best.told == 1 - best
    assert load_run(tmp_path / "run").trials == result.trials
    assert study.curves == tuple(trained[0].epochs)


def test_a_function_of_logits_judges_each_network_by_its_own(tmp_path):
    study, data = config(), fakes.data()
    with RunDirectory(tmp_path / "run", study.to_dict()) as directory:
        result = run_study(study, data, journal=directory.journal, metric=recall_of_9)
    assert result.goal == Goal("recall_of_9", "maximize")
    for trial in result.trials:
        if trial.value is not None:
            logits = outputs(np.float32(trial.epochs["val_loss"][-1]))[:32]
            expected = recall_of_9.function(logits, data.validation.labels)
            assert trial.value == trial.epochs["val_recall_of_9"][-1] == np.float32(expected)
    read = load_run(tmp_path / "run")
    assert (read.goal, read.trials) == (result.goal, result.trials)
    noted = study.model_copy(update={"metric": recall_of_9.to_tree()})
    assert value_note(notes(result.best, noted)) is None  # the value is that of the weights kept
    sources = read_sources([tmp_path / "run"])
    captions = [picture.caption for picture in pictures_of(join_sources(sources), sources)]
    assert any(text.startswith("The val_recall_of_9 of every trial") for text in captions)
    with Journal(tmp_path / "run" / "journal.jsonl") as journal:
        again = run_study(study, data, journal=journal, metric=recall_of_9)
    assert again.trials == result.trials


def test_repeated_networks_have_the_mean_of_their_points():
    result = run_study(config(repeats=3), fakes.data(), metric=recall_of_9)
    (trial, *_) = (t for t in result.trials if t.value is not None)
    assert trial.value == trial.epochs["val_recall_of_9"][-1]
    assert trial.spread["val_recall_of_9"][-1] > 0


def test_functions_of_logits_travel_to_workers_with_the_images():
    """Also those of a notebook, which no worker could import."""
    cloudpickle = pytest.importorskip("cloudpickle")
    least = 0.25

    @hptjax.metric("maximize", sees="logits")
    def local(logits, labels):
        return max(least, (logits.argmax(1) == labels).mean())

    images = fakes.data()
    sent = StudyData(images.train, images.validation, functions_of([local]))
    got = cloudpickle.loads(cloudpickle.dumps(sent))
    logits = outputs(1.0)[:32]
    wanted = local.of_logits(logits, images.validation.labels)
    assert got.functions["val_local"](logits, got.validation.labels) == wanted


def test_a_network_without_finite_outputs_has_no_point():
    asked = []

    @hptjax.metric("minimize", sees="logits")
    def error(logits, labels):
        asked.append(logits.shape)
        return 0.5

    values = {LOGITS: np.stack([np.ones((3, 2)), np.full((3, 2), np.nan)])}
    add_points({error.curve: error.of_logits}, values, np.zeros(2, np.int32))
    np.testing.assert_array_equal(values["val_error"], np.float32([0.5, np.nan]))
    assert asked == [(2, 2)]
    assert LOGITS not in values


def test_what_a_function_of_logits_returns_is_checked():
    @hptjax.metric("minimize", sees="logits")
    def wrong(logits, labels):
        return logits.argmax(1)

    with pytest.raises(ConfigError, match="metric wrong: must return one real number"):
        run_study(config(), fakes.data(), metric=wrong)


def test_an_executor_that_tells_no_outputs_is_named_by_the_missing_curve():
    with pytest.raises(ConfigError, match="there is no curve 'val_recall_of_9'"):
        run_study(config(), fakes.data(), metric=recall_of_9, executor=fakes.FakeExecutor())


def test_the_command_line_takes_a_metric_of_a_module(tmp_path, monkeypatch, capsys):
    pretend_training(monkeypatch, lambda: None)
    monkeypatch.setattr(
        "hptjax.executors.local.local_executor", lambda study, data, *others: Measuring(study, data)
    )
    monkeypatch.chdir(tmp_path)
    changes = (f"metric={WORD}", "metrics=val_macro_f1", "data.train_limit=100", "epochs=2",
               "population_size=6", "budget.generations=1", "strategies=random")  # fmt: skip
    words = [word for change in changes for word in ("--set", change)]
    for _ in range(2):  # the finished run is shown again
        assert cli.main(["run", "quickstart", *words, "--out", "run"]) == 0
        assert "Leaderboard (recall_of_9, higher is better)" in capsys.readouterr().out
    noted = load_run(tmp_path / "run").config
    wanted = {"name": "recall_of_9", "direction": "maximize", "word": WORD}
    assert (noted["metric"], noted["metrics"]) == (wanted, ["val_macro_f1"])
    assert StudyConfig.from_dict(noted).to_dict() == noted
    assert find_metric(noted["metric"]).goal == recall_of_9.goal
    assert cli.main(["run", "run"]) == 0
    (start,) = (tmp_path / "run" / "tb").glob("*tfevents*")
    for name in (b"val/macro_f1", b"val/recall_of_9"):
        assert name in start.read_bytes()
    (path, *_) = (tmp_path / "run" / "tb" / "random").rglob("*tfevents*")
    tags = {v.tag for event in EventFileLoader(str(path)).Load() for v in event.summary.value}
    assert {"val/macro_f1", "val/recall_of_9", "recall_of_9"} < tags


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"metric": "f1"}, "metric: classification has no 'f1'; did you mean 'val_macro_f1'?"),
        ({"metric": "val_los"}, "classification has no 'val_los'; did you mean 'val_loss'?"),
        ({"metrics": ["val_rmse"]}, "metrics: classification has no 'val_rmse'; known are val_acc"),
        ({"metrics": [3]}, "metrics: must be a list of names, got [3]"),
        ({"metrics": ["val_loss_cumulative"]}, "is made of curves, and has none"),
        ({"metrics": [f"{HERE}:best_accuracy"]}, "best_accuracy is made of curves"),
        ({"metric": f"{HERE}:config"}, f"{HERE}:config must be a metric, made with @hptjax.metric"),
        ({"metric": f"{HERE}:recall"}, "has no 'recall'; did you mean 'recall_of_9'"),
        ({"metric": {"name": "recall_of_9", "direction": "up"}}, "direction must be"),
    ],
)
def test_mistakes_are_named(changes, said):
    with pytest.raises(ConfigError) as caught:
        config(**changes)
    assert said in str(caught.value)


def test_a_name_of_a_module_that_means_another_metric_now_is_refused():
    tree = {"name": "recall_of_9", "direction": "minimize", "word": WORD}
    with pytest.raises(ConfigError, match=r"is recall_of_9 \(higher is better\) now, it was"):
        run_study(config(metric=tree), fakes.data())


def test_a_measure_that_the_images_do_not_allow_is_refused_before_training():
    images = fakes.data()
    with pytest.raises(ConfigError, match=r"recall_10: the number must be one of 0\.\.9"):
        run_study(config(metric="val_recall_10"), images)
    labels = np.eye(10)[images.train.labels]
    flags = ImageDataset(images.train.images, labels, kind="labels", notify=silent)
    with pytest.raises(ConfigError, match="task: classification learns classes, but images has"):
        run_study(config(), StudyData(flags, flags))


def test_the_list_of_metrics_tells_which_values_are_better():
    listed, abouts = ListedMetrics(), dict(ListedMetrics().abouts())
    assert abouts["val_macro_f1"] == "higher is better; of classification, multi_label"
    assert abouts["val_recall_<class>"] == "higher is better; of classification"
    assert abouts["val_rmse"] == "lower is better; of regression"
    text = listed.text("val_recall_3")
    assert text == "# higher is better; of classification.\nmetric: val_recall_3"
    assert all(known_direction(name) for name in listed.words() if "<" not in name)
    with pytest.raises(ConfigError, match="metrics: there is no 'f2'"):
        listed.text("f2")
