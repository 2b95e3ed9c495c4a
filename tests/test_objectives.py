"""Several objectives: what searchers are told, which trials none beats, what is recorded."""

import json
import re

import numpy as np
import optuna
import pytest

from hptjax.config.model import read_model
from hptjax.errors import ConfigError
from hptjax.models.costs import network_costs
from hptjax.records import RunDirectory, Status
from hptjax.records.goal import Goal
from hptjax.records.pareto import pareto_front, values_of
from hptjax.records.trial import GenerationRecord, TrialRecord
from hptjax.report.console import pareto_table
from hptjax.report.html import write_report
from hptjax.report.optuna_journal import OptunaJournalSink, open_storage
from hptjax.report.sources import read_source
from hptjax.report.tables import trials_frame
from hptjax.search import run_study
from hptjax.space import Float, Integer, Space
from hptjax.study.config import StudyConfig
from tests.fakes import FakeExecutor, data, study

SPACE = Space({"resnet_out_channels_l0": Integer(2, 40), "lr": Float(0.001, 0.2, log=True)})
BOTH = ["val_accuracy", "parameters"]


def several(metric=BOTH, **changes):
    return study(SPACE, metric=metric, **({"strategies": ("tpe",)} | changes))


def run(config, **options):
    return run_study(config, data(), executor=FakeExecutor(), **options)


def trial(number, value, objectives, status=Status.TRAINED, **changes):
    return TrialRecord(
        "tpe", number, 0, (0.5,), {}, value=value, told=value, status=status,
        objectives=objectives, **changes,
    )  # fmt: skip


def test_a_list_of_metrics_is_a_metric_and_objectives():
    config = several()
    assert (config.metric, config.objectives) == ("val_accuracy", ("parameters",))
    assert StudyConfig.from_dict(config.to_dict()) == config
    assert several(["val_loss"]).objectives == ()
    assert "objectives" not in several("val_loss").to_dict()


def test_objectives_are_recorded_as_people_see_them():
    result = run(several([*BOTH, "val_loss", "flops"]))
    assert [goal.name for goal in result.goals] == [
        "val_accuracy",
        "parameters",
        "val_loss",
        "flops",
    ]
    assert [goal.direction for goal in result.goals] == ["maximize"] + 3 * ["minimize"]
    for own in result.trials:
        if own.status is not Status.TRAINED:
            assert own.objectives == {}
            continue
        costs = network_costs(read_model(own.config))
        assert own.objectives == {
            "parameters": costs.parameters,
            "val_loss": own.epochs["val_loss"][-1],
            "flops": costs.forward_flops,
        }


def test_only_trials_that_none_beats_are_on_the_front():
    goals = (Goal("val_accuracy", "maximize"), Goal("parameters", "minimize"))
    trials = [
        trial(0, 0.9, {"parameters": 500.0}),
        trial(1, 0.8, {"parameters": 500.0}),  # 0 is better at the same cost
        trial(2, 0.7, {"parameters": 100.0}),
        trial(3, 0.9, {"parameters": 500.0}),  # as good as 0
        trial(4, 0.99, {"parameters": 50.0}, Status.STOPPED),
        trial(5, 0.95, {"parameters": None}),
        trial(6, 0.95, {"parameters": 900.0}),
        trial(7, 0.95, {"parameters": 900.0}, duplicate_of=6),
    ]
    assert [own.number for own in pareto_front(trials, goals)] == [6, 0, 3, 2]
    assert pareto_front([], goals) == []


@pytest.mark.parametrize("name", ["tpe", "optuna.NSGAIISampler", "random", "grid"])
def test_searchers_of_several_objectives_repeat_and_resume(name):
    config = several(strategies=(name,), budget={"generations": 5})
    first, again = run(config), run(config)
    assert first.trials == again.trials
    assert len(pareto_front(first.trials, first.goals)) >= 1


def test_nsga_ii_comes_nearer_to_the_front_than_random_search():
    """By the area that the trials cover of accuracy and the share of weights that is saved."""

    def covered(name, seed):
        config = several(strategies=(name,), seed=seed, budget={"generations": 12})
        result = run(config)
        most = network_costs(config.model).parameters * 30
        area, best = 0.0, 0.0
        front = pareto_front(result.trials, result.goals)
        for own in sorted(front, key=lambda t: t.objectives["parameters"]):
            saved = 1 - own.objectives["parameters"] / most
            area += max(0.0, own.value - best) * saved
            best = max(best, own.value)
        return area

    nsga, plain = (
        sum(covered(name, seed) for seed in (1, 2, 3))
        for name in ("optuna.NSGAIISampler", "random")
    )
    assert nsga > plain


def test_values_that_failed_are_told_as_the_worst():
    """A learning rate above 0.09 gives NaN: infinities would break the volumes of TPE."""
    trials = run(several(budget={"generations": 6})).trials
    assert any(own.status is Status.DIVERGED for own in trials)
    late = trials[32:]
    assert sum(own.status is Status.DIVERGED for own in late) < len(late) / 4


def test_tables_show_costs_and_the_front():
    result = run(several())
    frame = trials_frame(result.generations, "val_accuracy")
    trained = frame[frame.status == "trained"]
    assert (trained.parameters > 0).all()
    assert "parameters" not in trials_frame(run(several("val_loss")).generations, "val_loss")
    table = pareto_table(result.trials, result.goals)
    assert str(table.title) == (
        "Pareto front (val_accuracy (higher is better); parameters (lower is better))"
    )
    assert table.row_count == len(pareto_front(result.trials, result.goals))


def test_records_go_round_and_say_nothing_of_what_is_not_there():
    record = run(several()).generations[0]
    assert GenerationRecord.from_dict(record.to_dict()) == record
    plain = run(several("val_loss")).generations[0].to_dict()
    assert all("objectives" not in own for own in plain["trials"])


def test_optunas_journal_has_all_objectives(tmp_path):
    config = several()
    sink = OptunaJournalSink.open(config, tmp_path, None)
    result = run(config, sinks=[sink])
    path = tmp_path / "optuna.journal"
    written = optuna.load_study(study_name=f"{tmp_path.name}/tpe", storage=open_storage(path))
    assert [d.name for d in written.directions] == ["MAXIMIZE", "MINIMIZE"]
    assert written.metric_names == BOTH
    complete = [own for own in written.trials if own.state.name == "COMPLETE"]
    trained = [own for own in result.trials if own.status is Status.TRAINED]
    assert [tuple(own.values) for own in complete] == [values_of(own) for own in trained]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"metric": ["parameters", "val_loss"]}, "metric: parameters is a cost, and known before"),
        ({"metric": []}, "metric: must name one metric at least"),
        ({"metric": BOTH, "objectives": ["flops"]}, "objectives: are given twice"),
        ({"metric": ["val_loss", "val_f1"]}, r"objectives: .*did you mean 'val_macro_f1'"),
        ({"metric": ["val_loss", "size"]}, r"objectives: .*a cost is parameters or flops\."),
        ({"metric": BOTH, "strategies": ("des",)}, "strategies: des takes one metric, got val_acc"),
        ({"metric": BOTH, "strategies": ("optuna.CmaEsSampler",)}, "takes one metric"),
        ({"metric": BOTH, "schedule": "halving", "epochs": 9}, "schedule: must be full where"),
        ({"metric": ["val_loss", "val_loss"]}, "val_loss"),
    ],
)
def test_mistakes_are_named(changes, text):
    with pytest.raises(ConfigError, match=text):
        several(**({"metric": "val_loss"} | changes))


SMALL = Space({"resnet_out_channels_l0": Integer(2, 9)})


@pytest.mark.parametrize(
    ("config", "other"),
    [
        (several(), "parameters"),
        (several(["val_accuracy", "val_loss_cumulative"]), "val_loss_cumulative"),
        # each network is trained several times, and the first time counts
        (study(SMALL, metric=BOTH, strategies=("random",), duplicates="retrain"), "parameters"),
    ],
    ids=["a cost", "made of curves", "copies"],
)
def test_the_page_has_the_front_that_the_records_have(tmp_path, config, other):
    with RunDirectory(tmp_path / "run", config.to_dict()) as directory:
        result = run(config, journal=directory.journal)
    page = write_report({"run": read_source(tmp_path / "run")}, tmp_path / "report").read_text()
    (chart,) = re.findall(r'id="plot-front-0"><script type="application/json">(.*?)</script>', page)
    (view,) = json.loads(chart)["views"]
    found = [own for own in view["series"] if own["name"].endswith("on the front")]
    points = [(x, y) for own in found for x, y in zip(own["x"], own["y"], strict=True)]
    front = pareto_front(result.trials, result.goals)
    wanted = [(own.objectives[other], own.value) for own in front]
    assert np.array(sorted(points)) == pytest.approx(np.array(sorted(wanted)), rel=1e-4)
    count = sum(len(own["x"]) for own in view["series"])
    assert count == sum(own.status is Status.TRAINED for own in result.trials)


def test_a_page_of_one_metric_speaks_of_no_front(tmp_path):
    config = several("val_loss")
    with RunDirectory(tmp_path / "run", config.to_dict()) as directory:
        run(config, journal=directory.journal)
    page = write_report({"run": read_source(tmp_path / "run")}, tmp_path / "report").read_text()
    assert "Pareto" not in page
