"""Every run is an Optuna study too, whichever searcher made it."""

import math

import optuna
import pytest
from optuna.trial import TrialState

from hptjax.records import Status, TrialRecord
from hptjax.report.optuna_journal import OptunaJournalSink, frozen_trial, open_storage
from hptjax.search import run_study
from hptjax.space import Integer, Space
from hptjax.strategies.optuna import distribution
from hptjax.study.metrics import find_metric
from tests.fakes import SPACE, FakeExecutor, data, study

CONFIG = study(
    Space({"lr": SPACE["lr"], "resnet_stride_l0": Integer(1, 20), "mlp_bn_l0": SPACE["mlp_bn_l0"]}),
    strategies=("random", {"name": "tpe", "label": "mine"}),
    budget={"generations": 2},
    schedule="halving",
    epochs=3,
)
STATES = {Status.TRAINED: TrialState.COMPLETE, Status.STOPPED: TrialState.PRUNED}


def sink(path, config=CONFIG):
    return OptunaJournalSink(path, config.space, find_metric(config.metric))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "optuna.journal"
    return path, run_study(CONFIG, data(), executor=FakeExecutor(), sinks=[sink(path)])


def load(path, name):
    return optuna.load_study(study_name=f"{path.parent.name}/{name}", storage=open_storage(path))


def test_a_study_for_each_label_holds_all_of_its_trials(run):
    path, result = run
    names = {f"{path.parent.name}/{label}" for label in ("random", "mine")}
    assert set(optuna.get_all_study_names(open_storage(path))) == names
    assert {t.status for t in result.trials} >= {Status.TRAINED, Status.STOPPED, Status.INFEASIBLE}
    for name in ("random", "mine"):
        loaded = load(path, name)
        trials = [t for t in result.trials if t.strategy == name]
        assert loaded.direction == optuna.study.StudyDirection.MINIMIZE
        assert [t.number for t in loaded.trials] == [t.number for t in trials]
        for theirs, ours in zip(loaded.trials, trials, strict=True):
            assert theirs.params == ours.hparams
            assert theirs.state == STATES.get(ours.status, TrialState.FAIL)
            assert theirs.value == ours.value
            assert list(theirs.intermediate_values.values()) == pytest.approx(
                [v for v in ours.epochs.get("val_loss", ()) if v is not None]
            )
            attributes = theirs.user_attrs
            assert (attributes["number"], attributes["key"]) == (ours.number, ours.key)
            assert (attributes["status"], attributes["epochs"]) == (ours.status, ours.age)
            assert attributes["reason"] == ours.reason
        assert loaded.best_value == min(t.value for t in trials if t.status is Status.TRAINED)


def test_a_trial_takes_its_generations_time_by_its_epochs(run):
    path, result = run
    loaded = iter(load(path, "mine").trials)
    for record in (r for r in result.generations if r.strategy == "mine"):
        oldest = max(trial.age for trial in record.trials)
        for trial in record.trials:
            seconds = record.ledger["wall_s"] * trial.age / oldest
            assert next(loaded).duration.total_seconds() == pytest.approx(seconds, abs=1e-5)


def test_optuna_may_go_on_where_a_run_ended(run):
    path, _ = run
    trial = load(path, "random").ask({name: distribution(e) for name, e in CONFIG.space.items()})
    assert trial.params.keys() == CONFIG.space.keys()


def test_a_resumed_run_writes_it_anew(tmp_path):
    path, results = tmp_path / "optuna.journal", []
    for _ in range(2):
        results.append(run_study(CONFIG, data(), executor=FakeExecutor(), sinks=[sink(path)]))
        (tmp_path / "optuna.journal.lock").symlink_to(path)  # as a process killed meanwhile leaves
    (tmp_path / "optuna.journal.lock").unlink()
    assert len(load(path, "mine").trials) == len(results[-1].trials) / 2


@pytest.mark.parametrize(
    ("metric", "expected"), [("val_accuracy", 0.5), ("val_loss_cumulative", 3)]
)
def test_intermediate_values_are_of_the_studys_metric(metric, expected):
    curves = {"val_loss": (4.0, None, 2.0), "val_accuracy": (0.2, None, 0.5)}
    trial = TrialRecord("des", 0, 7, (0.5,), {"lr": 0.1}, value=expected, epochs=curves)
    entries = {"lr": distribution(SPACE["lr"])}
    written = frozen_trial(trial, 3, entries, find_metric(metric)).intermediate_values
    assert written[1] == pytest.approx({"val_accuracy": 0.2, "val_loss_cumulative": 4.0}[metric])
    assert 2 not in written  # not finite
    assert all(map(math.isfinite, written.values()))


def test_nothing_is_logged_and_the_users_verbosity_stays(tmp_path, capfd):
    level = optuna.logging.get_verbosity()
    run_study(CONFIG, data(), executor=FakeExecutor(), sinks=[sink(tmp_path / "optuna.journal")])
    assert optuna.logging.get_verbosity() == level
    assert capfd.readouterr() == ("", "")
