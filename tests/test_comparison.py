"""The comparison of strategies counts what was trained to the end, and no time of compiling."""

import numpy as np
import pytest

from experiments.comparison import HALVING, analyse, read_part
from hptjax.population import Cost, Outcome
from hptjax.records import RunDirectory
from hptjax.search import run_study
from tests.fakes import FakeExecutor, FakePopulation, data, study

COMPILING = 1e-5  # seconds that the first epoch of a run claims


class SlowStart(FakePopulation):
    def advance(self, epochs, *, seconds=float("inf")):
        outcome = super().advance(epochs, seconds=seconds)
        first = len([line for line in self.executor.log if line.startswith("epoch")]) == epochs
        return Outcome(outcome.curves, outcome.cost + Cost(compile_s=COMPILING * first))


class Executor(FakeExecutor):
    def start(self, members):
        return SlowStart(self, tuple(members), 0)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Budgets of two generations of eight, two epochs each, and an epoch of a third."""
    folder = tmp_path_factory.mktemp("runs")
    for variant, schedule in (("full", "full"), ("halving", {"name": "halving", "reduction": 2})):
        for seed in range(2):
            strategies = ["des", "random"] if variant == "full" else ["des"]
            config = study(
                strategies=strategies, schedule=schedule, seed=seed, budget={"member_epochs": 40}
            )
            path = folder / f"{variant}-seed{seed}"
            with RunDirectory(path, config.to_dict()) as directory:
                run_study(config, data(), executor=Executor(), journal=directory.journal)
    return folder


def test_trials_that_the_budget_cut_are_not_compared(runs):
    trials = read_part(runs).trials
    assert list(dict.fromkeys(trials["group"])) == ["des", HALVING, "random"]
    full = trials[trials["group"] != HALVING]
    assert set(full.loc[full["generation"] == 2, "epochs"]) == {1}
    for status, epochs in (("trained", {2}), ("stopped", {1})):
        assert set(full.loc[full["status"] == status, "epochs"]) == epochs


def test_compiling_takes_no_time(runs):
    tables = read_part(runs)
    assert tables.ledger["compile_s"].max() == COMPILING
    spent = tables.ledger["wall_s"] - tables.ledger["compile_s"]
    assert tables.trials["seconds"].sum() == pytest.approx(spent.sum())
    ledger = tables.ledger[tables.ledger["run"] == "full-seed0"]
    for strategy in ("des", "random"):
        rows = ledger[ledger["strategy"] == strategy]
        own = tables.trials.query("run == 'full-seed0' and strategy == @strategy")
        elapsed = own.drop_duplicates("generation")["elapsed"]
        np.testing.assert_allclose(elapsed, np.cumsum(spent[rows.index]))


def test_tables_and_figures_are_written(runs, tmp_path, capsys):
    analyse("sample", runs, tmp_path)
    analyse("fashion", runs / "none", tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [f"sample-{name}.csv" for name in ("trials", "best-so-far", "statistics", "tests")]
        + [f"sample-best-so-far-{axis}.png" for axis in ("evaluations", "member-epochs", "seconds")]
        + ["sample-values-by-strategy.png"]
    )
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert [row.split(" | ")[0] for row in rows[2:]] == ["| des", f"| {HALVING}", "| random"]
    assert rows[0].count("|") == rows[2].count("|")
