"""A package that adds a searcher, an executor, a schedule, a source and a metric."""

import sys

import pytest
import yaml

from hptjax import importing
from hptjax.cli import main as cli
from hptjax.errors import ConfigError
from hptjax.executors.ray import worker
from hptjax.records.goal import Goal
from hptjax.search import run_study
from hptjax.study import load_study
from hptjax.study.sink import Sink
from tests import fakes

POINTS = """
[hptjax.searchers]
climb = galaxy.search:Climb
ladder.<rungs> = galaxy.search:ladder

[hptjax.executors]
pretend = galaxy.train

[hptjax.schedules]
two_steps = galaxy.train:TwoSteps

[hptjax.metrics]
brightest = galaxy.train:brightest

[hptjax.sources]
stars = galaxy.images:stars
sky:<path> = galaxy.images:sky
"""
SEARCH = '''
import numpy as np

from hptjax.config.frozen import Frozen
from hptjax.errors import ConfigError
from hptjax.strategies import proposal_at


class Climb:
    """Steps from the best point so far."""

    class Options(Frozen):
        step: float = 0.1

    def __init__(self, context, options):
        self.space, self.step = context.space, options.step
        self.rng = np.random.default_rng(context.own_seed)
        self.at, self.low = np.full(len(context.space), 0.5), np.inf

    def ask(self, count):
        steps = self.step * self.rng.normal(size=(count, self.at.size))
        return [proposal_at(self.space, point) for point in (self.at + steps).clip(0, 1)]

    def tell(self, proposals, values):
        for proposal, value in zip(proposals, values):
            if value < self.low:
                self.at, self.low = np.array(proposal.genotype), value


def ladder(rungs):
    """A ladder of so many rungs."""
    if not rungs.isdigit():
        raise ConfigError(f"a ladder has a number of rungs, got {rungs!r}.")
    return Climb


def members():
    return ["3", "5"]
'''
TRAIN = '''
"""An executor that only pretends."""
from contextlib import contextmanager

import hptjax
from hptjax.config.frozen import Frozen, Positive
from hptjax.study.schedule import Step
from tests.fakes import FakeExecutor


class Options(Frozen):
    """What is written down."""

    note: str = ""


@contextmanager
def open_executor(study, data, options, notify):
    notify(f"pretending: {options.note} on {data.train.name}")
    yield FakeExecutor()


@hptjax.metric("maximize")
def brightest(curves):
    """The best accuracy of any epoch."""
    return curves["val_accuracy"].max()


class TwoSteps(Frozen):
    """All for one epoch, then the best `keep` for the others."""

    epochs: Positive = 1
    keep: Positive = 2

    def size(self, generation, most):
        return most

    def decide(self, generation, age, values):
        if age >= self.epochs:
            return None
        if age == 0:
            return Step(tuple(values), 1)
        best = sorted(values, key=lambda place: (values[place], place))[: self.keep]
        return Step(tuple(sorted(best)), self.epochs - age)
'''
IMAGES = '''
from dataclasses import replace

from hptjax.data.request import NoSplitError
from tests.nets import images


def stars(request):
    """Stars that were drawn."""
    if request.split != "train":
        raise NoSplitError(f"stars: has no {request.split} set.")
    return replace(images(64), name="stars of a galaxy")


def sky(path):
    """A file of the sky."""
    return lambda request: path
'''
PARTS = {
    "data": {"source": "stars"},
    "strategies": [{"climb": {"step": 0.2, "label": "up"}}, "ladder.3"],
    "executor": {"pretend": {"note": "hard"}},
    "schedule": {"two_steps": {"keep": 3}},
    "metric": "brightest",
    "epochs": 3,
}


@pytest.fixture
def galaxy(package):
    modules = {"galaxy.search": SEARCH, "galaxy.train": TRAIN, "galaxy.images": IMAGES}
    package("galaxy_tools", POINTS, modules)


class Lines(Sink):
    def __init__(self):
        self.said = []

    def message(self, text):
        self.said.append(text)


@pytest.mark.usefixtures("galaxy")
def test_a_study_of_anothers_parts_runs_and_is_read_back(tmp_path):
    path, tree = tmp_path / "study.yaml", fakes.study().to_dict() | PARTS
    path.write_text(yaml.safe_dump(tree, sort_keys=False))
    study = load_study(path)
    noted = study.to_dict()
    assert noted["strategies"] == [{"name": "climb", "label": "up", "step": 0.2}, "ladder.3"]
    assert noted["executor"] == {"name": "pretend", "note": "hard"}
    path.write_text(yaml.safe_dump(noted, sort_keys=False))
    assert load_study(path) == study
    lines = Lines()
    result = run_study(study, sinks=[lines])
    assert "pretending: hard on stars of a galaxy" in lines.said
    first = [trial for trial in result.generations[0].trials if trial.status.value != "diverged"]
    assert sorted(len(trial.epochs["val_loss"]) for trial in first)[-4:] == [1, 3, 3, 3]
    assert set(result.stops) == {"up", "ladder.3"}
    assert result.goal == Goal("brightest", "maximize")
    assert noted["metric"] == {"name": "brightest", "direction": "maximize", "word": "brightest"}
    best = result.best
    assert best.value == pytest.approx(max(best.epochs["val_accuracy"]))


def test_parts_of_a_module_beside_the_study_need_no_package(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "beside_a_study.py").write_text(SEARCH + IMAGES)
    tree = {"strategies": ["beside_a_study:Climb"], "data": {"source": "beside_a_study:stars"}}
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(fakes.study().to_dict() | tree, sort_keys=False))
    study = load_study(path)
    assert study.labels == ("Climb",)
    assert run_study(study, executor=fakes.FakeExecutor()).stops.keys() == {"Climb"}
    del sys.modules["beside_a_study"]


def test_workers_find_the_modules_of_a_study_too(tmp_path, monkeypatch):
    (tmp_path / "beside_a_worker.py").write_text(SEARCH)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(importing, "_FOLDERS", [])
    monkeypatch.setattr(worker, "set_up", lambda **options: None)
    monkeypatch.setattr(worker.Worker, "make_executor", lambda self, study, *more: study)
    tree = fakes.study().to_dict() | {"strategies": [{"beside_a_worker:Climb": {"label": "up"}}]}
    setting = {"accelerated": True, "cores": 1, "share": 1, "compile_cache": False}
    with pytest.raises(ConfigError, match="no module 'beside_a_worker' to import it from"):
        worker.Worker(tree, fakes.data(), **setting)
    made = worker.Worker(tree, fakes.data(), folders=[str(tmp_path)], **setting)
    assert made._executor.labels == ("up",)
    del sys.modules["beside_a_worker"]


@pytest.mark.usefixtures("galaxy")
def test_its_rows_are_listed_with_its_name(capsys):
    for words, line in (
        ([], "climb (galaxy_tools), ladder.<rungs> (galaxy_tools)"),
        (["searchers"], "ladder.<rungs> (galaxy_tools)  A ladder of so many rungs"),
        (["searchers", "climb"], "# From the package galaxy_tools.\n# Steps from the best point"),
        (["searchers", "ladder.3"], "name: ladder.3\nstep: 0.1  # number\n"),
        (["executors", "pretend"], 'under `executor`.\nname: pretend\nnote: ""  # text\n'),
        (["schedules", "two_steps"], "name: two_steps\nkeep: 2  # integer >= 1\n"),
        (["metrics"], "brightest (galaxy_tools)  The best accuracy of any epoch; higher is better"),
        (["metrics", "brightest"], "higher is better\nmetric: brightest\n"),
        (["sources", "stars"], "# Stars that were drawn.\ndata: {source: stars}\n"),
        (["sources", "sky:a"], "# A file of the sky.\ndata: {source: 'sky:a'}\n"),
    ):
        assert cli.main(["list", *words]) == 0
        assert line in capsys.readouterr().out


@pytest.mark.usefixtures("galaxy")
@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"strategies": ["climbs"]}, "strategies: unknown searcher 'climbs'; did you mean 'climb'"),
        ({"strategies": [{"climb": {"stp": 1}}]}, r"strategies\.climb\.stp: unknown key"),
        ({"strategies": ["ladder.a"]}, "strategies: a ladder has a number of rungs, got 'a'"),
        ({"strategies": ["galaxy.images:sky"]}, "strategies: galaxy.images:sky must have Options"),
        ({"strategies": ["galaxy.train"]}, "strategies: unknown searcher 'galaxy.train'"),
        ({"executor": "galaxy.train:TwoSteps"}, "executor: .* it lacks Options, open_executor"),
        ({"metric": "brightes"}, "metric: .*did you mean 'brightest'"),
        (
            {"metric": "galaxy.images:stars"},
            "must be a metric, made with @hptjax.metric",
        ),
        ({"schedule": "galaxy.search:Climb"}, "schedule: .* it lacks model_fields, size, decide"),
        ({"data": {"source": "star"}}, "data.source: must be sample, .*, stars or sky:<path>, got"),
        ({"data": {"source": "galaxy.images:star"}}, "galaxy.images has no 'star'; did you mean"),
    ],
)
def test_mistakes_are_named(changes, text):
    with pytest.raises(ConfigError, match=text):
        fakes.study(**changes)


@pytest.mark.usefixtures("galaxy")
def test_a_source_must_give_images(tmp_path):
    study = fakes.study(data={"source": "sky:a"})
    with pytest.raises(ConfigError, match="data source sky:a: must give an ImageDataset, got 'a'"):
        run_study(study)
