"""A metric has a name and a direction: people see it as it is, searchers are told losses."""

import io
import re

import numpy as np
import pytest
from rich.console import Console

import hptjax
from hptjax.data import ImageDataset
from hptjax.errors import ConfigError, DataError
from hptjax.records.goal import Goal
from hptjax.records.journal import Journal
from hptjax.records.run_dir import RunDirectory, load_run
from hptjax.records.trial import Status, best_trial, rank_trials
from hptjax.report.console import leaderboard, summary_table
from hptjax.report.progress import ProgressLines
from hptjax.report.status import read_status
from hptjax.report.tables import trials_frame
from hptjax.search.objective import make_objective
from hptjax.search.run import run_study
from hptjax.study import StudyConfig
from hptjax.study.metrics import find_metric
from tests.fakes import FakeExecutor, data, study

HALVING = {"name": "halving", "reduction": 2}


@hptjax.metric("maximize")
def best_accuracy(curves):
    return curves["val_accuracy"].max()


def run(config, **options):
    return run_study(config, data(), executor=FakeExecutor(), **options)


def asked(result):
    return [(t.strategy, t.number, t.genotype, t.status, t.told) for t in result.trials]


@pytest.mark.parametrize("schedule", ["full", HALVING])
@pytest.mark.parametrize("repeats", [1, 3])
def test_val_accuracy_is_told_as_one_minus_it_so_that_searches_go_as_they_always_did(
    schedule, repeats
):
    config = study(
        strategies=("des", "tpe", "random"), schedule=schedule, repeats=repeats, epochs=4,
        metric="val_accuracy",
    )  # fmt: skip
    found = run(config)

    @hptjax.metric("minimize")
    def error(curves):
        return 1.0 - float(curves["val_accuracy"][-1])

    assert asked(found) == asked(run(config, metric=error))
    assert any(t.status is Status.STOPPED for t in found.trials) == (schedule == HALVING)


def test_people_see_accuracy_as_accuracy():
    result = run(study(strategies=("random",), metric="val_accuracy"))
    trained = [t for t in result.trials if t.value is not None]
    assert len(trained) > 20
    assert all(t.value == t.epochs["val_accuracy"][-1] for t in trained)
    assert all(t.told == 1.0 - t.value for t in trained)
    assert result.best.value == max(t.value for t in trained)
    assert [t.value for t in rank_trials(trained)] == sorted(t.value for t in trained)[::-1]
    assert result.goal == Goal("val_accuracy", "maximize")


def test_a_metric_of_ones_own_is_maximised_where_it_says_so():
    result = run(study(strategies=("random",)), metric=best_accuracy)
    trained = [t for t in result.trials if t.value is not None]
    assert all(t.value == pytest.approx(max(t.epochs["val_accuracy"])) for t in trained)
    assert result.best.value == max(t.value for t in trained)
    assert all(t.told == -t.value for t in trained)
    assert result.goal == Goal("best_accuracy", "maximize")
    assert best_trial(result.trials) == result.best


def test_the_schedule_stops_the_worse_ones_of_a_maximised_metric():
    config = study(strategies=("random",), schedule=HALVING, epochs=4)
    for chosen in ("val_accuracy", best_accuracy):
        for generation in run(config, metric=chosen).generations:
            first = {
                status: [
                    t.epochs["val_accuracy"][0] for t in generation.trials if t.status is status
                ]
                for status in (Status.TRAINED, Status.STOPPED)
            }
            assert min(first[Status.TRAINED]) > np.median(first[Status.STOPPED])


def test_on_best_sees_rising_values_of_a_maximised_metric():
    seen = []
    config = study(strategies=("random",), metric="val_accuracy")
    result = run(config, on_best=lambda trial, variables: seen.append(trial.value))
    assert seen == sorted(seen)
    assert seen[-1] == result.best.value


def test_a_bare_function_is_refused_with_the_line_to_write():
    def accuracy(curves):
        return curves["val_accuracy"][-1]

    wanted = '@hptjax.metric("maximize") or @hptjax.metric("minimize") above accuracy.'
    with pytest.raises(ConfigError, match=re.escape(wanted)):
        run(study(), metric=accuracy)
    with pytest.raises(ConfigError, match=re.escape(wanted)):
        hptjax.metric(accuracy)
    with pytest.raises(ConfigError, match="no 'accuracy'; did you mean 'val_accuracy'"):
        run(study(), metric="accuracy")


@pytest.mark.parametrize(
    ("returned", "shown"),
    [((0.5, 3), "(0.5, 3)"), (None, "None"), (np.ones(2), "array"), ("0.5", "'0.5'"),
     (True, "True"), (np.complex64(1), "complex64"), ([0.5], "[0.5]")],
)  # fmt: skip
def test_what_is_no_real_number_is_refused_after_the_first_epoch(returned, shown):
    @hptjax.metric("minimize")
    def wrong(curves):
        return returned

    executor = FakeExecutor()
    with pytest.raises(ConfigError, match="metric wrong: must return one real number") as caught:
        run_study(study(epochs=5), data(), executor=executor, metric=wrong)
    assert shown in str(caught.value)
    assert sum(line.startswith("epoch") for line in executor.log) == 1


def test_real_numbers_of_any_kind_are_taken():
    for value in (1, 0.5, np.float32(0.5), np.int64(2), np.array(0.5)):
        made = hptjax.metric("minimize", name="own")(lambda curves, value=value: value)
        assert type(made({"val_loss": np.ones(1)})) is float


def test_a_curve_that_there_is_not_is_named():
    made = hptjax.metric("minimize", name="own")(lambda curves: curves["val_los"][-1])
    with pytest.raises(ConfigError, match="metric own: there is no curve 'val_los'; did you mean"):
        run(study(), metric=made)


def test_mistakes_in_the_decorator_are_named():
    with pytest.raises(ConfigError, match="direction must be 'minimize' or 'maximize', got 'max'"):
        hptjax.metric("max")
    with pytest.raises(ConfigError, match="sees='images' is unknown"):
        hptjax.metric("maximize", sees="images")
    with pytest.raises(ConfigError, match="needs a name"):
        hptjax.metric("maximize")(lambda curves: 0.0)
    with pytest.raises(ConfigError, match="val_loss is hptjax's own metric"):
        hptjax.metric("maximize", name="val_loss")(lambda curves: 0.0)
    with pytest.raises(ConfigError, match="accuracy is hptjax's own metric"):
        hptjax.metric("maximize", name="accuracy", sees="logits")(lambda logits, labels: 0.0)


def test_a_config_of_an_own_metric_needs_its_function():
    tree = {"name": "best_accuracy", "direction": "maximize"}
    config = study(metric=tree)
    assert type(config).from_dict(config.to_dict()) == config
    with pytest.raises(ConfigError, match="best_accuracy is a function of your own; give it to"):
        run(config)
    assert run(config, metric=best_accuracy).goal == best_accuracy.goal
    with pytest.raises(ConfigError, match="val_loss is hptjax's own; write the name alone"):
        study(metric={"name": "val_loss", "direction": "maximize"})
    with pytest.raises(ConfigError, match="a metric of your own is noted as"):
        study(metric={"name": "mine"})


def test_the_journal_tells_an_own_metric_to_its_readers(tmp_path):
    config = study(strategies=("random",))
    with RunDirectory(tmp_path / "run", config.to_dict()) as directory:
        result = run(config, journal=directory.journal, metric=best_accuracy)
    read = load_run(tmp_path / "run")
    assert read.goal == best_accuracy.goal
    assert read.best == result.best
    assert read_status(tmp_path / "run").goal == best_accuracy.goal
    assert set(trials_frame(read.generations, read.goal.name)["metric"]) == {"best_accuracy"}

    with Journal(tmp_path / "run" / "journal.jsonl") as journal:
        again = run(config, journal=journal, metric=best_accuracy)
    assert again.trials == result.trials
    for other in (None, hptjax.metric("minimize", name="best_accuracy")(lambda c: 0.0)):
        with (
            Journal(tmp_path / "run" / "journal.jsonl") as journal,
            pytest.raises(ConfigError, match=r"judged by best_accuracy \(higher is better\), not"),
        ):
            run(config, journal=journal, metric=other)


def test_a_journal_of_an_unknown_direction_is_refused(tmp_path):
    with RunDirectory(tmp_path / "run", study().to_dict()) as directory:
        directory.journal.append({"kind": "metric", "name": "mine", "direction": "up"})
    with pytest.raises(DataError, match="line 2"):
        load_run(tmp_path / "run")


def shown(*tables):
    console = Console(width=160, record=True, file=io.StringIO())
    for table in tables:
        console.print(table)
    return console.export_text()


def test_tables_and_lines_name_the_metric_and_its_best():
    out = io.StringIO()
    config = study(strategies=("random",), metric="val_accuracy")
    result = run(config, sinks=[ProgressLines(out, "val_accuracy")])
    best = f"{result.best.value:.4f}"
    text = shown(leaderboard(result.trials, result.goal))
    assert "Leaderboard (val_accuracy, higher is better)" in text
    head, first = (line for line in text.splitlines() if "hparams" in line or best in line)
    assert head.index("val_accuracy") < head.index("val_loss")
    assert first.split("│")[4].strip() == best
    assert best in shown(summary_table(result.generations, result.stops, result.goal))
    *lines, end = out.getvalue().splitlines()
    lines = [line for line in lines if "so far" in line]
    assert end.endswith(f"best val_accuracy {best}")
    so_far = [float(re.search(r"so far ([\d.]+),", line).group(1)) for line in lines]
    assert so_far == sorted(so_far)
    assert f"{so_far[-1]:.4f}" == best


@pytest.mark.parametrize(
    "name", ["val_loss", "val_accuracy", "val_loss_cumulative", "val_recall_3"]
)
def test_the_name_of_a_known_metric_tells_its_direction(name):
    found = find_metric(name)
    assert found.goal == find_metric("val_loss", name).goal == Goal.from_tree(name)
    assert found.to_tree() == name


@pytest.mark.parametrize("given", ["val_accuracy", best_accuracy])
def test_the_journal_tells_a_metric_that_the_config_does_not(tmp_path, given):
    """The run goes on in its directory, too, whose config is the one that was given."""
    config, results = study(strategies=("random",)), []
    for generations in (2, 3):
        config = study(strategies=("random",), budget={"generations": generations})
        with RunDirectory(tmp_path / "run", config.to_dict()) as directory:
            results.append(run(config, journal=directory.journal, metric=given))
    read = load_run(tmp_path / "run")
    assert read.goal.name == (given if isinstance(given, str) else given.name)
    assert read.best == results[1].best
    assert read.best.value == max(t.value for t in read.trials if t.value is not None)
    assert results[1].trials[:16] == results[0].trials


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_trial_without_a_value_says_why(value):
    @hptjax.metric("maximize")
    def odd(curves):
        return value if curves["val_accuracy"][-1] < 2 else 0.0

    found = run(study(), metric=odd)
    assert found.best is None
    assert {trial.value for trial in found.trials} == {None}
    reasons = {trial.reason for trial in found.trials if trial.status is Status.TRAINED}
    assert {reason.split(" after")[0] for reason in reasons} == {"odd is not a finite number"}


def test_a_module_of_a_metric_that_is_not_there_is_named():
    with pytest.raises(ConfigError, match=r"^metric: .*; there is no module 'nowhere' to import"):
        find_metric("nowhere:f1")


def test_losses_of_several_kinds_rank_nothing():
    """A squared error of 9 is better than an absolute one of 4."""
    task = {"regression": {"loss": {"choice": ["mse", "l1"]}}}
    tree = {"model": {"layers": ["flatten", "head"], "task": task}, "strategies": ["random"]}
    for metric in ("val_loss", "val_loss_cumulative", ["val_mae", "val_loss"]):
        with pytest.raises(ConfigError, match=r"val_loss.* another number for each .*task\.loss"):
            StudyConfig.from_dict({**tree, "metric": metric})
    fit = StudyConfig.from_dict({**tree, "metric": "val_mae"})
    with pytest.raises(ConfigError, match="judge by val_mae or val_rmse or val_r2"):
        run_study(fit, data(), metric="val_loss")
    images = ImageDataset(np.full((9, 4, 4, 1), 200, np.uint8), np.arange(9.0), kind="targets")
    with pytest.raises(ConfigError, match=r"each choice of task\.loss"):
        make_objective(fit.model, fit.space, images, images)
