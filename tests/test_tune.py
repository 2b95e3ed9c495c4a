"""`hptjax.tune`: one call, its run directory, how it goes on, and what it says of mistakes."""

import gc
import signal

import numpy as np
import optuna
import pytest

import hptjax
from hptjax import layers as L
from hptjax.config.frozen import Frozen
from hptjax.config.yaml_file import dump_yaml
from hptjax.errors import ConfigError
from hptjax.records import run_dir
from hptjax.strategies import proposal_at
from hptjax.study.config import StudyConfig
from tests import fakes

SPACE = {"lr": hptjax.loguniform(0.001, 0.05), "resnet_stride_l0": hptjax.integer(1, 3)}


def tune(executor=None, **changes):
    """Two generations of four, that only pretend to be trained."""
    arguments = {"model": fakes.model(), "data": fakes.data(), "space": SPACE, "epochs": 2}
    arguments |= {"trials": 8, "population_size": 4, "searcher": "random", "seed": 1}
    given = arguments | {"executor": executor or fakes.FakeExecutor(), "tensorboard": False}
    given |= changes
    return hptjax.tune(given.pop("model"), given.pop("data"), **given)


def history(result):
    return [(t.id, t.hparams, t.value, t.curves) for t in result.trials]


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_without_a_place_the_run_is_kept_in_one_that_is_said_first(capsys, tmp_path):
    result = tune()
    first = capsys.readouterr().out.splitlines()[0]
    assert first == f"Run directory: {result.path}"
    assert str(result.path).startswith("runs/model-")
    assert str(result.path).endswith("-seed1")
    kept = {path.name for path in result.path.iterdir()}
    assert kept >= {"config.yaml", "journal.jsonl", "trials.csv", "epochs.csv", "optuna.journal"}
    others = [tune(seed=2), tune(epochs=3), tune(data=hptjax.StudyData(*[fakes.data().train] * 2))]
    assert len({result.path, *(other.path for other in others)}) == 4
    assert tune(trials=4, searcher="random").path == result.path


def test_the_same_call_gives_back_what_is_there(capsys):
    first, again = fakes.FakeExecutor(), fakes.FakeExecutor()
    result = tune(first, out="run")
    assert len(first.log) > 0
    capsys.readouterr()
    assert history(tune(again, out="run")) == history(result)
    assert again.log == []
    assert "run: this run is finished; a larger budget goes on with it." in capsys.readouterr().out


def test_a_larger_budget_extends_and_everything_else_is_refused():
    part, whole = tune(out="run"), tune(out="whole", trials=16)
    extended = tune(out="run", trials=16)
    assert history(extended)[:8] == history(part)
    assert history(extended) == history(whole)
    changed = {
        "epochs": ({"epochs": 5}, "epochs: 2 there, 5 here"),
        "space": (
            {"space": {**SPACE, "lr": hptjax.loguniform(0.001, 0.01)}},
            "space.lr.high: 0.05 there, 0.01 here",
        ),
        "metric": ({"metric": "val_accuracy"}, "metric: 'val_loss' there, 'val_accuracy' here"),
        "searcher": ({"searcher": "tpe"}, "searcher.0: 'random' there, 'tpe' here"),
        "model": ({"model": fakes.model() | {"batch_size": 8}}, "model.batch_size: 16 there, 8 he"),
    }
    for change, text in changed.values():
        with pytest.raises(ConfigError) as caught:
            tune(out="run", **change)
        assert str(caught.value).startswith(f"run holds another study ({text}")
        assert "use another out" in str(caught.value)
    images = hptjax.StudyData(*[fakes.data().train] * 2)
    with pytest.raises(
        ConfigError, match="the validation images or labels of memory are not those"
    ):
        tune(out="run", data=images, trials=16)


def test_nothing_is_kept_where_nothing_shall_be(tmp_path):
    result = tune(out=False)
    assert list(tmp_path.iterdir()) == []
    assert result.path is None
    assert history(result) == history(tune(out="run"))
    folder = result._folder
    assert folder.exists()
    del result
    gc.collect()
    assert not folder.exists()


MISTAKES = {
    "model_type": ({"model": 42}, "model: must be a Model, a ModelConfig, a mapping, a file's pat"),
    "model_name": ({"model": "nosuch"}, "nosuch: no such file; "),
    "epochs": ({"epochs": 2.5}, "epochs: must be a valid integer, got 2.5."),
    "trials": ({"trials": 1.5}, "trials: must be a valid integer, got 1.5."),
    "no_budget": ({"trials": None}, "trials, seconds: one of them must be given, it is the budget"),
    "no_space": ({"space": None}, "space: nothing is tuned; give space={'lr': hptjax.loguniform("),
    "space": ({"space": ["lr"]}, "space: must be a mapping such as {'lr': hptjax.loguniform(1e-4"),
    "list": ({"space": {"lr": [0.1, 0.2]}}, "space.lr: a list is not a range; write {float: [0.1"),
    "data": ({"data": 3}, "data: must be a source such as 'folder:digits', (X, y), an ImageDatase"),
    "X": ({"data": np.zeros((4, 5, 5))}, "data: must be a source such as 'folder:digits', (X, y)"),
    "X_y": (
        {"data": (np.zeros((4, 5, 5), np.uint8), [0, 1, 0])},
        "the images given: 4 images but 3 labels.",
    ),
    "source": ({"data": "nosuch"}, "data.source: must be sample, fashion_mnist, "),
    "searcher": ({"searcher": "tpee"}, "searcher: unknown searcher 'tpee'; did you mean 'tpe'?"),
    "sampler": (
        {"searcher": optuna.samplers.RandomSampler(seed=1)},
        "searcher: give optuna's by its word, 'optuna.RandomSampler', with its options",
    ),
    "searcher_type": ({"searcher": 3}, "searcher: must be a word such as 'tpe', a mapping such as"),
    "metric": ({"metric": "f1"}, "metric: classification has no 'f1'; did you mean 'val_macro_f1'"),
    "function": ({"metric": max}, "metric: a function alone does not say which way is better;"),
    "executor": ({"executor": 3}, "executor: must be a word such as 'local', a mapping such as {"),
    "budget": ({"budget": 4}, "budget: must be a mapping such as {'trials': 4}, got 4."),
    "schedule": ({"schedule": "halvin"}, "schedule: unknown schedule 'halvin'; did you mean 'halv"),
    "seed": ({"seed": -1}, "seed: must be greater than or equal to 0, got -1."),
    "first": ({"first": {"lr": 0.01}}, "first: must be a list of hparams, as in [{'lr': 0.01}], "),
    "first_point": (
        {"first": [{"lr": 7}]},
        "first.0.lr: must be a number in [0.001, 0.05], got 7.",
    ),
    "warm": ({"warm_start": 3}, "warm_start: must be a run's directory, a trials.csv or a Result,"),
    "validation": (
        {"validation": 0.5},
        "validation: a StudyData has its validation images; leave one out.",
    ),
    "held": (
        {"data": "sample", "validation": (np.zeros((2, 5, 5), np.uint8), [0, 1])},
        "validation: images are held out of a source; where you give some for validation, give",
    ),
    "progress": ({"progress": 1}, "progress: must be True, False or None, got 1."),
    "out": ({"out": 3}, "out: must be a path, None or False, got 3."),
    "callbacks": ({"callbacks": print}, "callbacks: must be a list of functions f(result, trial)"),
    "callback": ({"callbacks": [3]}, "callbacks: must be functions f(result, trial) or sinks, got"),
    "other": (
        {"n_trials": 3, "trials": None},
        "tune has no argument 'n_trials'; hptjax calls it 'trials'.",
    ),
    "of_model": ({"lr": [0.1, 1]}, "tune has no argument 'lr'; give it to the model, as in Model("),
    "of_model_by_synonym": ({"learning_rate": 1}, "tune has no argument 'learning_rate'; give it"),
    "renamed": ({"strategies": 3}, "tune has no argument 'strategies'; it is called 'searcher' he"),
    "list_of_two": ({"data": [1, 2]}, "data: must be a source such as 'folder:digits', (X, y), an"),
    "no_source": ({"data": {"train_limit": 9}}, "data.source: must be given, it is missing."),
    "lines": ({"searcher": np.zeros((3, 3))}, "searcher: must be a word such as 'tpe', a mapping"),
    "size": ({"population_size": 1}, "population_size: must be greater than or equal to 2, got 1."),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_line(name, tmp_path):
    change, text = MISTAKES[name]
    with pytest.raises(ConfigError) as caught:
        tune(**change)
    assert str(caught.value).startswith(text)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []  # nothing was begun


def test_a_directory_of_something_else_is_refused(tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("mine")
    with pytest.raises(ConfigError, match="notes: not empty and not a run; use another out"):
        tune(out="notes")


def test_forms_of_a_model_and_of_a_space_mean_the_same(tmp_path, capsys):
    tree = fakes.model()
    (tmp_path / "mine.yaml").write_text(dump_yaml({"model": tree}))
    one = history(tune(out="mapping"))
    assert history(tune(model=hptjax.ModelConfig.from_dict(tree), out="config")) == one
    assert history(tune(model="mine.yaml", out="file")) == one
    assert history(tune(model=tmp_path / "mine.yaml", out="path")) == one
    assert tune(model="mine.yaml").path.name.startswith("mine-")
    loose = {"lr": {"float": [0.001, 0.05], "log": True}, "resnet_stride_l0": {"int": [1, 3]}}
    assert history(tune(space=loose, out="loose")) == one
    assert history(tune(space=hptjax.Space.from_dict(loose), out="space")) == one
    capsys.readouterr()
    packaged = tune(model="quickstart", data="sample", space=None, out=False, trials=2)
    assert "quickstart: only its model and space are taken." in capsys.readouterr().out
    assert set(packaged.space) == set(hptjax.load_study("quickstart").space)


def test_des_has_four_candidates_a_dimension_and_others_sixteen():
    def size(**changes):
        result = tune(population_size=None, trials=2, out=False, **changes)
        return result._records.config["population_size"]

    assert size(searcher="tpe") == size(searcher=["random", "grid"]) == 16
    assert size(searcher=["random", {"des": {"preset": "tevc"}}]) == 4 * len(SPACE) + 1


def test_first_points_and_warm_starts_come_first():
    result = tune(out="old")
    again = tune(out="new", warm_start=result, first=[{"lr": 0.02}, result.trials[3]])
    assert [t.hparams for t in again.trials[:3]] == [
        {"lr": 0.02, "resnet_stride_l0": 2},
        result.trials[3].hparams,
        result.best.hparams,
    ]
    with pytest.raises(
        ConfigError, match=r"kept no files; give first=\[result.best.hparams\] inst"
    ):
        tune(warm_start=tune(out=False))


class Climb:
    """Asks for points that come nearer to the best one."""

    class Options(Frozen):
        step: float = 0.1

    def __init__(self, context, options):
        self.space, self.rng = context.space, np.random.default_rng(context.own_seed)
        self.step, self.best = options.step, None

    def ask(self, count):
        best = np.full(len(self.space), 0.5) if self.best is None else self.best[1]
        points = best + self.step * self.rng.normal(size=(count, len(self.space)))
        return [proposal_at(self.space, point.clip(0, 1)) for point in points]

    def tell(self, proposals, values):
        for proposal, value in zip(proposals, values, strict=True):
            if np.isfinite(value) and (self.best is None or value < self.best[0]):
                self.best = value, np.array(proposal.genotype)


class Fixed:
    """Asks for one point for ever."""

    def __init__(self, space):
        self.space = space

    def ask(self, count):
        return [proposal_at(self.space, [0.5, 0.5])] * count

    def tell(self, proposals, values):
        pass


def test_searchers_of_ones_own_are_classes_or_objects():
    result = tune(searcher=[Climb, "random"], out="own", warm_start=None)
    assert {trial.id.partition("/")[0] for trial in result.trials} == {"Climb", "random"}
    assert history(tune(searcher=[Climb, "random"], out="own")) == history(result)
    assert (
        history(tune(searcher=[Climb, "random"], out="own", trials=12))[:8] == history(result)[:8]
    )
    space = hptjax.Space.from_dict(SPACE)
    fixed = tune(searcher=Fixed(space), out=False)
    assert {trial.hparams["resnet_stride_l0"] for trial in fixed.trials} == {2}
    assert "duplicate" in " ".join(fixed.to_frame().columns)
    with pytest.raises(
        ConfigError, match=r"own holds another study \(searcher: \[.*Fixed'}\] here"
    ):
        tune(searcher=Fixed(space), out="own")


def test_each_trial_is_told_once_and_a_callback_ends_the_search():
    seen = []

    def watch(result, trial):
        seen.append(trial.id)
        assert result.trials[-1].id >= trial.id
        assert result.stopped is None
        if trial.value is not None and len(seen) == 6:
            result.stop()

    result = tune(out="run", trials=12, callbacks=[watch])
    assert seen == [trial.id for trial in result.trials]
    assert len(seen) == 8  # to the end of the generation
    assert result.stopped == "stop()"
    assert history(tune(out="run", trials=12)) == history(tune(out="whole", trials=12))


def test_sinks_watch_too():
    class Labels(hptjax.Sink):
        def __init__(self):
            self.seen = []

        def begin(self, strategy, trials):
            self.seen.append((strategy, trials))

        def message(self, text):
            self.seen.append(text)

    labels = Labels()
    tune(out=False, callbacks=[labels])
    assert labels.seen == [("random", 8)]


class Interrupting(fakes.FakeExecutor):
    """Presses Ctrl-C while one of its epochs is trained."""

    def __init__(self, at):
        super().__init__()
        self.at = at

    def epoch(self, members, age):
        self.at -= 1
        if self.at == 0:
            signal.raise_signal(signal.SIGINT)
        return super().epoch(members, age)


@pytest.mark.parametrize("at", [2, 3, 5])
def test_ctrl_c_ends_a_script_after_the_epoch_and_the_same_call_goes_on(at):
    whole = tune(out="whole", epochs=3)
    executor = Interrupting(at)
    with pytest.raises(KeyboardInterrupt) as caught:
        tune(executor, out="run", epochs=3)
    assert caught.value.__notes__ == ["run: the same call goes on from here."]
    assert sum(text.startswith("epoch") for text in executor.log) == at
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    again = fakes.FakeExecutor()
    assert history(tune(again, out="run", epochs=3)) == history(whole)
    assert sum(text.startswith("epoch") for text in again.log) == 6 - at  # none is trained twice


def test_ctrl_c_after_the_last_epoch_is_not_lost():
    class Late(hptjax.Sink):
        def end(self, strategy, reason):
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        tune(out="run", callbacks=[Late()])
    executor = fakes.FakeExecutor()
    assert len(tune(executor, out="run").trials) == 8
    assert executor.log == []


def test_a_second_ctrl_c_stops_at_once():
    class Twice(fakes.FakeExecutor):
        def epoch(self, members, age):
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            return super().epoch(members, age)

    executor = Twice()
    with pytest.raises(KeyboardInterrupt):
        tune(executor, out="run")
    assert executor.log == ["start 4"]


def test_a_metric_of_ones_own_is_shown_as_itself():
    @hptjax.metric("maximize")
    def quickest(curves):
        return curves["val_accuracy"][0]

    result = tune(metric=quickest, out="run")
    values = [trial.value for trial in result.trials]
    assert result.best.value == max(values)
    assert str(result.metric) == "quickest (higher is better)"
    study = optuna.load_study(study_name="run/random", storage=storage("run"))
    assert study.best_value == result.best.value
    assert history(tune(metric=quickest, out="run")) == history(result)
    assert hptjax.load_run("run").metric == result.metric


def storage(folder):
    from hptjax.report.optuna_journal import open_storage

    return open_storage(f"{folder}/optuna.journal")


def test_a_file_says_the_same_study(tmp_path):
    """What tune runs is what `hptjax run` would, from the config.yaml that it leaves."""
    tune(out="run", schedule="halving", repeats=2, duplicates="retrain", max_failures=9)
    noted = run_dir.recorded_config(tmp_path / "run")
    study = StudyConfig.from_dict(noted)
    assert study.data.source == "memory"
    assert (study.repeats, study.duplicates, study.max_failures) == (2, "retrain", 9)
    with pytest.raises(ConfigError, match="data source memory: these images were given in Python"):
        hptjax.run_study(study)


class Even(fakes.FakeExecutor):
    """Whatever is trained has the same loss."""

    def epoch(self, members, age):
        return self.measured(np.ones(len(members), np.float32))


def test_a_model_tunes_what_stands_in_it():
    model = hptjax.Model(
        layers=[L.Flatten(), L.Linear(hptjax.integer(4, 8), activation="relu"), L.Head()],
        lr=hptjax.loguniform(0.001, 0.05),
    )
    result = tune(Even(), model=model, space=None, out=False)
    assert list(result.space) == ["linear0.out_features", "lr"]
    assert result.best.model.outputs == 10


def test_progress_is_lines_or_nothing(capsys):
    tune(out=False, progress=False)
    assert capsys.readouterr() == ("", "")
    tune(out=False)
    assert "random: stopped by trial budget, best val_loss" in capsys.readouterr().out
    tune(out=False, progress=True)
    assert "8/8" in capsys.readouterr().out
