"""Trials judged by their best epoch, or ended when they no longer improve; nothing is trained."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hptjax
from hptjax.errors import ConfigError, DataError
from hptjax.population import Member
from hptjax.records import Status
from hptjax.records.journal import Journal, read_journal
from hptjax.records.metrics import LOSSES
from hptjax.records.reader import generation_of
from hptjax.records.trial import best_trials
from hptjax.report.console import leaderboard
from hptjax.report.tables import trials_frame
from hptjax.search import run_study
from hptjax.search.generation import Generation
from hptjax.search.judging import Judging
from hptjax.search.spared import Spared
from hptjax.space import Categorical, Float, Space
from hptjax.study.metrics import find_metric
from hptjax.tuning.board import Leaderboard
from tests.fakes import Bumpy, Kept, bumpy, data, lowest, study

EPOCHS = 9
SPACE = Space({"lr": Float(0.001, 0.2, log=True)})


def tuned(executor=None, **changes):
    tree = {"strategies": ("random",), "epochs": EPOCHS, "budget": {"generations": 2}}
    options = {k: changes.pop(k) for k in ("journal", "on_best", "keeper") if k in changes}
    config = study(SPACE, population_size=12, **tree | changes)
    executor = executor or Bumpy()
    return run_study(config, data(), executor=executor, **options), executor


def prefixes(trial, metric):
    """The metric after each epoch."""
    curves = {name: np.array(curve, float) for name, curve in trial.epochs.items()}
    return [metric({n: c[:e] for n, c in curves.items()}) for e in range(1, trial.age + 1)]


@pytest.mark.parametrize("name", ["val_loss", "val_accuracy", "val_loss_cumulative"])
def test_a_trial_is_worth_its_best_epoch(name):
    result, _ = tuned(select="best_epoch", metric=name)
    plain, _ = tuned(metric=name)
    metric = find_metric(name)
    trained = [trial for trial in result.trials if trial.status is Status.TRAINED]
    assert len({trial.epoch for trial in trained}) > 3
    for trial in trained:
        values = prefixes(trial, metric)
        pick = max if metric.direction == "maximize" else min
        assert trial.value == pick(values)
        assert trial.epoch == 1 + values.index(trial.value)  # the earliest of equals
        assert trial.judged("val_loss") == trial.epochs["val_loss"][trial.epoch - 1]
    assert [t.epochs for t in result.trials] == [t.epochs for t in plain.trials]
    assert all(trial.epoch is None for trial in plain.trials)
    assert any(a.value != b.value for a, b in zip(result.trials, plain.trials, strict=True))


def test_a_metric_of_ones_own_is_judged_by_what_was_known_then():
    @hptjax.metric("maximize", name="gain")
    def gain(curves):
        loss = curves["val_loss"]
        return loss[0] - loss[-1] if len(loss) > 1 else np.nan

    config = study(SPACE, population_size=12, epochs=EPOCHS, select="best_epoch", budget={})
    trials = run_study(config, data(), executor=Bumpy(), metric=gain).trials
    for trial in (trial for trial in trials if trial.status is Status.TRAINED):
        values = prefixes(trial, gain)
        assert math.isnan(values[0])
        assert trial.epoch == 2 + int(np.argmax(values[1:]))


def track_of(values, judging):
    """A generation of one trial, after epochs of these metrics."""
    generation = Generation(1, 1, judging)
    (track,) = generation.tracks
    for value in values:
        track.add({**{name: np.array([1.0]) for name in LOSSES}, "val_f": np.array([value])})
        track.judge(judging)
    return generation, track


def test_not_a_number_is_never_the_best():
    f = hptjax.metric("minimize", name="f")(lambda curves: curves["val_f"][-1])
    judging = Judging(f, by_best=True)
    generation, track = track_of([np.nan, 2.0, np.nan, 1.0, -np.inf, 1.0], judging)
    assert (track.best, generation.values(), generation.epochs()) == (4, [1.0], [4])
    generation, track = track_of([np.nan, np.inf], judging)
    assert (generation.values(), generation.epochs()) == ([None], [None])
    assert generation.no_value(track, None) == "f is not a finite number after any epoch"


@given(st.lists(st.integers(0, 5), min_size=1, max_size=12), st.integers(1, 4))
def test_patience_runs_out_so_many_epochs_after_the_best(values, patience):
    f = hptjax.metric("maximize", name="f")(lambda curves: curves["val_f"][-1])
    judging = Judging(f, patience=patience, epochs=12)
    for age in range(1, len(values) + 1):
        _, track = track_of(values[:age], judging)
        best = 1 + values[:age].index(max(values[:age]))
        assert track.best == best
        assert judging.out_of_patience(age, track.best) == (age < 12 and age - best >= patience)


def test_who_no_longer_improves_ends_and_costs_nothing_more():
    result, executor = tuned(patience=2)
    full, _ = tuned()
    ended = 0
    for trial, other in zip(result.trials, full.trials, strict=True):
        if trial.status is not Status.TRAINED:
            continue
        member = Member(None, trial.key)  # type: ignore[arg-type]
        end = min(lowest(member) + 2, EPOCHS)
        assert (trial.status, trial.age) == (Status.TRAINED, end)
        assert trial.epochs["val_loss"] == other.epochs["val_loss"][:end]
        assert trial.value == trial.told == trial.epochs["val_loss"][-1]  # select: last_epoch
        why = f"no improvement in 2 epochs, after epoch {end}" if end < EPOCHS else None
        assert trial.reason == why
        ended += end < EPOCHS
    assert ended > 5
    epochs = sum(record.ledger["member_epochs"] for record in result.generations)
    assert epochs == sum(trial.age for trial in result.trials)
    assert result.best is not None
    counts = [int(line.split()[-1]) for line in executor.log if line.startswith("epoch")]
    assert sum(counts) == epochs


def test_with_both_the_value_is_that_of_the_whole_training():
    """The losses rise from their lowest point on: patience takes nothing away."""
    both, _ = tuned(select="best_epoch", patience=1)
    best, _ = tuned(select="best_epoch")
    facts = [[(t.value, t.told, t.epoch) for t in result.trials] for result in (both, best)]
    assert facts[0] == facts[1]
    assert both.best == both.trials[best.trials.index(best.best)]


def test_only_the_stopped_are_moved_by_what_is_told():
    result, _ = tuned(
        patience=2, select="best_epoch", schedule={"name": "halving", "reduction": 2, "first": 3}
    )
    patient = stopped = 0
    for record in result.generations:
        for trial in record.trials:
            if trial.status is Status.TRAINED:
                assert trial.told == trial.value
                patient += trial.age < EPOCHS
            for other in record.trials:
                if trial.status is Status.STOPPED and other.age > trial.age and other.told:
                    assert trial.told >= other.told
                    stopped += 1
    assert patient
    assert stopped
    assert result.best.status is Status.TRAINED


def test_told_values_of_the_impatient_stand_aside():
    """One that ended early with a bad value lifts nobody who was trained for longer."""
    judging = Judging(find_metric("val_loss"), patience=1, epochs=9)
    generation = Generation(4, 1, judging)
    for track, losses in zip(
        generation.tracks, [[0.5, 0.4, 0.3], [3.0, 5.0], [0.7, 0.6], [0.2]], strict=True
    ):
        for loss in losses:
            track.add({name: np.array([loss]) for name in LOSSES})
    generation.tracks[1].end(Status.TRAINED, "no improvement in 1 epochs, after epoch 2")
    generation.tracks[2].end(Status.STOPPED, "stopped by the schedule after epoch 2")
    generation.tracks[3].end(Status.STOPPED, "stopped by the schedule after epoch 1")
    assert generation.told() == pytest.approx([0.3, 5.0, 0.6, 5.0])


def test_the_mean_of_repetitions_decides_and_all_are_marked():
    marked = []

    class Marked(Bumpy):
        def start(self, members):
            population = super().start(members)
            mark = population.mark
            population.mark = lambda chosen: (marked.append(tuple(chosen)), mark(chosen))
            return population

    result, _ = tuned(Marked(), select="best_epoch", repeats=2, budget={})
    for trial in result.trials:
        if trial.value is not None:
            assert trial.value == min(trial.epochs["val_loss"])
            assert trial.epochs["val_loss"].index(trial.value) + 1 == trial.epoch
            own = bumpy(Member(config_of(trial), trial.key), trial.epoch - 1)
            assert trial.network["val_loss"] == pytest.approx(own)
    assert marked
    assert all(
        a + 1 == b for places in marked for a, b in zip(places[::2], places[1::2], strict=True)
    )


def config_of(trial):
    return hptjax.ModelConfig.model_validate(trial.config)


def test_the_key_stands_only_where_it_says_something(tmp_path):
    assert not study().to_dict().keys() & {"select", "patience", "keep_best"}
    said = study(select="best_epoch", patience=3, keep_best=2).to_dict()
    assert (said["select"], said["patience"], said["keep_best"]) == ("best_epoch", 3, 2)
    for select in ("last_epoch", "best_epoch"):
        with Journal(tmp_path / f"{select}.jsonl") as journal:
            result, _ = tuned(select=select, journal=journal)
        lines = [
            r for r in read_journal(tmp_path / f"{select}.jsonl")[0] if r["kind"] == "generation"
        ]
        chosen = select == "best_epoch"
        assert any("epoch" in trial for line in lines for trial in line["trials"]) == chosen
        assert tuple(map(generation_of, lines)) == result.generations
        frame = trials_frame(result.generations, "val_loss")
        assert ("epoch" in frame.columns) == chosen
        titles = [str(column.header) for column in leaderboard(result.trials, result.goal).columns]
        assert ("epoch" in titles) == chosen
        board = Leaderboard(result.trials, result.goal, 5, ("lr",))
        assert ("epoch" in board.to_frame().columns) == chosen
        assert (">epoch<" in board._repr_html_()) == chosen
    lines[0]["trials"][0] |= {"epoch": 99, "status": "trained"}
    with pytest.raises(DataError, match="judged by an epoch that it does not have"):
        generation_of(lines[0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"select": "best"}, "select: must be 'last_epoch' or 'best_epoch'"),
        ({"patience": 0}, "patience: must be greater than or equal to 1"),
        ({"keep_best": 0}, "keep_best: must be greater than or equal to 1"),
        ({"early_stopping": 3}, "hptjax calls it 'patience'"),
    ],
)
def test_mistakes_are_named(changes, message):
    with pytest.raises(ConfigError, match=message):
        study(**changes)


BOTH = {"select": "best_epoch", "patience": 2, "keep_best": 4, "strategies": ("random", "tpe")}


def test_the_best_are_kept_as_they_were_after_their_best_epochs():
    kept, best = Kept(), []
    result, _ = tuned(keeper=kept, on_best=lambda trial, own: best.append((trial, own)), **BOTH)
    expected = best_trials(result.trials, 4)
    assert list(kept.networks) == [(trial.strategy, trial.number) for trial in expected]
    assert sum(trial.age < EPOCHS for trial in expected) > 0
    for trial in expected:
        own = kept.networks[trial.strategy, trial.number]["params"]
        assert (own["trial"][0], own["age"][0]) == (trial.key, trial.epoch)
    assert best[-1][0] == result.best
    assert best[-1][1]["params"]["age"] == [result.best.epoch]
    assert len(kept.finished) == 2
    assert kept.finished[-1] == list(kept.networks)


def test_patience_alone_keeps_the_weights_that_a_trial_ended_with():
    kept = Kept()
    result, _ = tuned(keeper=kept, **{**BOTH, "select": "last_epoch"})
    for trial in best_trials(result.trials, 4):
        assert kept.networks[trial.strategy, trial.number]["params"]["age"] == [trial.age]


class Stop(Exception):
    pass


@pytest.mark.parametrize("at", [0, 3, 8, 11, 20, 30])
def test_interrupted_anywhere_the_same_trials_are_kept(tmp_path, at):
    whole = Kept()
    result, _ = tuned(keeper=whole, **BOTH)
    count = iter(range(10**6))

    class Stopping(Bumpy):
        def epoch(self, members, age):
            if next(count) == at:
                raise Stop
            return super().epoch(members, age)

    path, kept = tmp_path / "journal.jsonl", Kept()
    with pytest.raises(Stop), Journal(path) as journal:
        tuned(Stopping(), journal=journal, keeper=kept, **BOTH)
    with Journal(path) as journal:
        again, _ = tuned(journal=journal, keeper=kept, **BOTH)
    assert again.trials == result.trials
    assert kept.networks == whole.networks
    assert kept.finished[-1] == whole.finished[-1]


@given(
    st.integers(1, 4),
    st.lists(st.integers(0, 9), max_size=4),
    st.lists(st.lists(st.integers(0, 9), max_size=4), max_size=6),
)
def test_no_weights_of_the_best_are_let_go(most, known, epochs):
    """Ranks are (value, who came first); those before this generation came first."""
    known = sorted(known)[:most]
    spared, every, trial = Spared(most, known), [(value, -1) for value in known], 0
    for ending in epochs:
        for told, number in sorted((value, trial + k) for k, value in enumerate(ending)):
            every.append((told, number))
            if spared.wants(told, number):
                spared.take(told, number, {"of": number})
        trial += len(ending)
    best = {number for _, number in sorted(every)[:most] if number >= 0}
    assert best <= spared.weights.keys()
    assert len(spared.weights) <= most


@pytest.mark.parametrize("seed", range(3))
def test_extended_strategies_keep_the_best_of_all_of_them(tmp_path, seed):
    """The first one goes on before the others are replayed, whose networks are none of its own."""
    kept, best = Kept(), []
    for generations in (1, 2, 3):
        changes = {**BOTH, "seed": seed, "budget": {"generations": generations}}
        with Journal(tmp_path / "journal.jsonl") as journal:
            result, _ = tuned(
                journal=journal,
                keeper=kept,
                on_best=lambda trial, own: best.append(trial),
                **changes,
            )
        expected = best_trials(result.trials, 4)
        assert list(kept.networks) == [(trial.strategy, trial.number) for trial in expected]
        assert kept.finished[-1] == list(kept.networks)
        assert best[-1] == expected[0]
        lines = read_journal(tmp_path / "journal.jsonl")[0]
        written = [generation_of(line) for line in lines if line["kind"] == "generation"]
        assert list(result.generations) == written  # of equals the same one is the best


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("keep_best", [1, 3])
def test_copies_that_are_trained_again_take_no_place_from_the_best(seed, keep_best):
    """Of equal networks the first one counts, which may be the worst of them, and let go first."""
    space = Space({"lr": Categorical((0.01, 0.02, 0.05, 0.08))})
    rules = {**BOTH, "keep_best": keep_best, "seed": seed, "duplicates": "retrain"}
    config = study(space, epochs=EPOCHS, **{**rules, "strategies": ("random",)})
    keeper, last = Kept(), []
    given = {"keeper": keeper, "on_best": lambda *best: last.append(best)}
    result = run_study(config, data(), executor=Bumpy(), **given)
    best = best_trials(result.trials, keep_best)
    assert list(keeper.networks) == [(trial.strategy, trial.number) for trial in best]
    for trial in best:
        own = keeper.networks[trial.strategy, trial.number]["params"]
        assert (own["trial"][0], own["age"][0]) == (trial.key, trial.epoch)
    assert last[-1][0] == best[0]
