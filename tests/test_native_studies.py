"""Searchers on a real space of native networks: depths and kinds, trained in one program."""

from importlib.util import find_spec

import pytest

from hptjax.config.model import read_model
from hptjax.config.yaml_file import parse_yaml
from hptjax.executors import local
from hptjax.records import Status
from hptjax.records.journal import Journal
from hptjax.search import run_study
from hptjax.study.config import StudyConfig
from hptjax.study.data import StudyData
from hptjax.transpile.identity import as_computed
from hptjax.transpile.problem import Problem
from tests.nets import images

MODEL = """
layers:
  - avg_pool: 4
  - flatten
  - linear: {label: hidden, depth: {int: [1, 2]}, out_features: {int: [3, 4], each: true}}
  - {label: kind, choice: [none, {dropout: {rate: {choice: [0.1, 0.4]}}}]}
  - head
lr: 0.01
batch_size: 16
"""
STRATEGIES = ("grid", "random", "tpe", "des", "evosax.CMA_ES")
STRATEGIES += ("optuna.CmaEsSampler",) if find_spec("cmaes") else ()
POINTS = (2 + 2 * 2) * (1 + 2)  # widths of one layer or of two, by kinds
DATA = StudyData(images(48), images(32, seed=1))


def study(strategies=STRATEGIES, generations=3):
    return StudyConfig.from_dict(
        {
            "model": parse_yaml(MODEL, "model"),
            "strategies": strategies,
            "population_size": 6,
            "budget": {"generations": generations},
            "epochs": 1,
            "seed": 3,
        }
    )


STUDY = study()
SPACE = Problem(STUDY.model, STUDY.space, DATA.image).space


@pytest.fixture(scope="module")
def executor():
    """One program for all studies here."""
    with local.open_executor(STUDY, DATA, local.Options(), lambda text: None) as live:
        assert len(live.plan.bodies) == 4
        yield live
        assert not live._rare


@pytest.fixture(scope="module")
def whole(executor, tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "journal.jsonl"
    return path, journalled(path, STUDY, executor)


def journalled(path, config, executor):
    with Journal(path) as journal:
        return run_study(config, DATA, journal=journal, executor=executor)


def of(result, strategy):
    return tuple(trial for trial in result.trials if trial.strategy == strategy)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_trial_has_its_active_hparams_and_no_network_is_trained_twice(whole, strategy):
    trials = of(whole[1], strategy)
    assert len(trials) == POINTS == 18
    networks = set()
    for trial in trials:
        assert trial.status is Status.TRAINED
        point = SPACE.decode(trial.genotype)
        assert trial.hparams == SPACE.active(point)
        assert ("hidden.1.out_features" in trial.hparams) == (trial.hparams["hidden.depth"] == 2)
        assert ("kind.dropout.rate" in trial.hparams) == (trial.hparams["kind"] == "dropout")
        if not trial.reused:
            networks.add(as_computed(read_model(trial.config)))
    assert len(networks) == sum(not trial.reused for trial in trials)


def test_the_grid_holds_each_network_once(whole):
    trials = of(whole[1], "grid")
    assert not any(trial.reused for trial in trials)
    assert SPACE.size() == SPACE.grid_size() == len({repr(trial.hparams) for trial in trials})


@pytest.mark.parametrize("strategy", ["tpe", "des"])
def test_a_study_that_was_cut_short_or_is_extended_ends_as_one_that_was_not(
    whole, executor, tmp_path, strategy
):
    wanted = of(whole[1], strategy)
    journalled(tmp_path / "extended", study([strategy], 1), executor)
    assert journalled(tmp_path / "extended", study([strategy], 3), executor).trials == wanted
    records = (tmp_path / "extended").read_bytes().splitlines(keepends=True)
    (tmp_path / "torn").write_bytes(b"".join(records[:2]) + records[2][:100])
    assert journalled(tmp_path / "torn", study([strategy], 3), executor).trials == wanted
