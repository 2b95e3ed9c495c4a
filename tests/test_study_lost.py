"""Members that are lost with the workers that trained them: trials that failed, and no more."""

import io

import numpy as np
import pytest
from rich.console import Console

from hptjax.executors import snapshots as snapshots_module
from hptjax.population import Cost, Outcome
from hptjax.records import RunDirectory, Status
from hptjax.report.progress import describe_generation
from hptjax.report.status import read_status, status_table
from hptjax.search import run_study
from tests.fakes import FakeExecutor, FakePopulation, data, study
from tests.test_study_loop import run
from tests.test_study_resume import journalled, lasting

LOST = 3  # place of a member in the first generation
FATE = "the worker was lost 4 times"


class LosingExecutor(FakeExecutor):
    """Loses a member of the first generation in some epoch."""

    def __init__(self, epoch, places=(LOST,)):
        super().__init__()
        self.at, self.places, self.generations = epoch, places, 0

    def start(self, members):
        self.generations += 1
        return LosingPopulation(self, tuple(members), 0)


class LosingPopulation(FakePopulation):
    def advance(self, epochs, *, seconds=np.inf):
        outcome = super().advance(epochs, seconds=seconds)
        if self.executor.generations > 1 or self.age != self.executor.at + 1:
            return outcome
        cost = outcome.cost + Cost(workers_lost=4, retries=9)
        for curve in outcome.curves.values():
            curve[-1, list(self.executor.places)] = np.nan
        return Outcome(outcome.curves, cost, dict.fromkeys(self.executor.places, FATE), 2)


@pytest.mark.parametrize("epoch", [0, 1])
def test_a_lost_member_is_a_failed_trial_and_the_study_goes_on(epoch):
    healthy = run(study(strategies=("random",)))
    result = run(study(strategies=("random",)), executor=LosingExecutor(epoch))
    lost = result.trials[LOST]
    assert lost.status is Status.LOST
    assert lost.reason == FATE
    assert lost.value is lost.told is None
    assert lost.age == epoch  # the epochs before are as they were
    assert lost.epochs == {
        name: curve[:epoch] for name, curve in healthy.trials[LOST].epochs.items() if epoch
    }
    assert result.trials[:LOST] == healthy.trials[:LOST]
    assert result.trials[LOST + 1 :] == healthy.trials[LOST + 1 :]
    ledger = result.generations[0].ledger
    assert (ledger["workers"], ledger["workers_lost"], ledger["retries"]) == (2, 4, 9)


def test_progress_and_status_say_so(tmp_path):
    with RunDirectory(tmp_path / "run", study(strategies=("random",)).to_dict()) as directory:
        result = run(
            study(strategies=("random",)), executor=LosingExecutor(0), journal=directory.journal
        )
    first, second = (
        describe_generation(record, result.best, "val_loss") for record in result.generations[:2]
    )
    assert first.endswith(", 2 workers, 4 lost, 9 retries")
    assert "worker" not in second
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(status_table(read_status(tmp_path / "run")))
    text = console.export_text()
    assert "1 lost" in text
    assert "2 workers, 4 lost, 9" in text


def test_one_lost_repetition_loses_its_trial():
    result = run(study(strategies=("random",), repeats=2), executor=LosingExecutor(1))
    assert [t.status is Status.LOST for t in result.trials[:3]] == [False, True, False]


def test_lost_trials_count_as_failures():
    config = study(strategies=("random",), max_failures=1)
    result = run(config, executor=LosingExecutor(0))
    assert "too many failures" in result.stops["random"]
    assert len(result.generations) == 1


@pytest.mark.parametrize("epoch", [0, 1])
@pytest.mark.parametrize("places", [(LOST,), tuple(range(8))])
def test_the_record_replays_a_loss(tmp_path, epoch, places):
    path, config = tmp_path / "journal.jsonl", study(strategies=("des", "tpe"))
    whole = journalled(path, LosingExecutor(epoch, places), config)
    records, executor = lasting(path), FakeExecutor()
    again = journalled(path, executor, config)
    assert again.trials == whole.trials
    assert lasting(path) == records
    assert executor.log == []


def test_a_snapshot_keeps_a_loss(tmp_path, monkeypatch):
    """Killed after the second epoch of the first generation, in the first of which one is lost."""

    class Killed(Exception):
        pass

    class Killing(LosingExecutor):
        def epoch(self, members, age):
            if age == 2:
                raise Killed
            return super().epoch(members, age)

    monkeypatch.setattr(snapshots_module.SnapshotStore, "due", lambda self, size: True)
    config = study(strategies=("random",), epochs=3)
    whole = run(config, executor=LosingExecutor(0))
    options = {"snapshots": tmp_path / "snapshots"}
    with pytest.raises(Killed):
        run_study(config, data(), executor=Killing(0), **options)
    executor = FakeExecutor()
    again = run_study(config, data(), executor=executor, **options)
    assert executor.log[:2] == ["restore 7 at 2", "epoch 2 of 7"]
    assert again.trials == whole.trials
    assert again.generations[0].ledger["workers_lost"] == 4
