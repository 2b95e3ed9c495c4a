"""Studies on the real trainer: devices, lanes, halving and interruption change nothing."""

import random
from functools import partial
from types import SimpleNamespace

import jax
import numpy as np
import pytest

from hptjax.config.model import read_model
from hptjax.executors import local as local_module
from hptjax.executors.local import LocalExecutor, make_trainer
from hptjax.executors.snapshots import SnapshotStore
from hptjax.models import evaluate_variables
from hptjax.population import Member, Population, PopulationTrainer, make_plan
from hptjax.records import Status
from hptjax.records.journal import Journal
from hptjax.records.trial import best_trials
from hptjax.search import run_study
from hptjax.search.retrain import train_alone
from hptjax.space import Categorical, Float, Integer, Space
from hptjax.study import StudyConfig
from hptjax.transpile import Problem, with_hparams
from tests import fakes
from tests.compilations import count_compilations
from tests.nets import config, images

SPACE = Space(
    {
        "lr": Float(0.001, 0.1, log=True),
        "resnet_out_channels_l0": Integer(2, 5),
        "resnet_stride_l0": Integer(1, 2),
        "mlp_do_l0": Float(0, 0.5),
        # of each weight two numbers are kept, or one
        "optimizer": Categorical({"adam": "adam", "heavy": {"sgd": {"momentum": 0.9}}}),
        "lr_schedule": Categorical({"none": "constant", "waves": "cosine"}),
        "warmup": Float(0.0, 0.3),
    }
)
pytestmark = pytest.mark.slow


def study(**changes) -> StudyConfig:
    tree = {
        "strategies": ["random"],
        "population_size": 6,
        "epochs": 4,
        "schedule": {"name": "halving", "reduction": 2},
        "budget": {"generations": 2},
        "seed": 4,
    }
    return StudyConfig.from_dict({"model": fakes.model(), "space": SPACE, **tree, **changes})


def executor(config: StudyConfig, **options) -> LocalExecutor:
    data = fakes.data()

    def make(configs):
        plan = make_plan(configs, capacity=config.population_size, max_bodies=3)
        given = {"seed": config.seed, "horizon": config.epochs, **options}
        return PopulationTrainer(plan, data.train, data.validation, **given)

    return LocalExecutor(Problem(config.model, config.space, data.image), make)


def run(local: LocalExecutor, **changes):
    return run_study(study(**changes), fakes.data(), executor=local)


@pytest.fixture(scope="module")
def local():
    return executor(study())


@pytest.fixture(scope="module")
def whole(local):
    return run(local)


def close(result, expected):
    """The same trials, decisions and statuses; losses to the rounding that 16 steps carry along."""
    for a, b in zip(result.trials, expected.trials, strict=True):
        assert (a.hparams, a.status, a.age) == (b.hparams, b.status, b.age)
        for name, curve in b.epochs.items():
            np.testing.assert_allclose(a.epochs[name], curve, rtol=2e-3, atol=2e-3)


def test_halving_stops_some_and_trains_on_the_others(whole):
    assert {trial.age for trial in whole.trials} == {1, 2, 4}
    assert {trial.status for trial in whole.trials} == {Status.TRAINED, Status.STOPPED}
    for name in ("optimizer", "lr_schedule"):  # of those that go on where a test cuts off
        assert len({trial.hparams[name] for trial in whole.trials[6:] if trial.age > 1}) == 2


def test_learning_rates_are_scheduled_over_the_epochs_of_a_fully_trained_network(local, whole):
    """A network that is stopped has trained like one that is not, as far as it came."""
    full = run(local, schedule="full")
    assert {trial.age for trial in full.trials} == {4}
    for stopped, trained in zip(whole.trials, full.trials, strict=True):
        assert stopped.config == trained.config
        for name, curve in stopped.epochs.items():
            assert curve == trained.epochs[name][: stopped.age]


def test_the_same_again_bit_by_bit(local, whole):
    assert run(local).trials == whole.trials


@pytest.mark.parametrize("places", [1, 3])
def test_the_number_of_places_changes_no_bit(whole, places):
    devices = jax.devices()[:1] * places
    assert run(executor(study(), devices=devices)).trials == whole.trials


def test_lanes_do_not_matter(whole):
    close(run(executor(study(), devices=jax.devices()[:1], lanes=2)), whole)


def test_a_generation_that_was_cut_off_goes_on_bit_by_bit(tmp_path, local, whole, monkeypatch):
    monkeypatch.setattr(SnapshotStore, "due", lambda self, size: True)

    class Stop(Exception):
        pass

    epochs = iter(range(99))
    advance = Population.advance

    def breaking(self, count, *, seconds=float("inf")):
        if next(epochs) == 5:
            raise Stop
        return advance(self, count, seconds=seconds)

    def journalled():
        with Journal(tmp_path / "journal.jsonl") as journal:
            return run_study(
                study(),
                fakes.data(),
                executor=local,
                journal=journal,
                snapshots=tmp_path / "snapshots",
            )

    with monkeypatch.context() as patch:
        patch.setattr(Population, "advance", breaking)
        with pytest.raises(Stop):
            journalled()
    assert any((tmp_path / "snapshots").iterdir())
    assert journalled().trials == whole.trials
    assert not (tmp_path / "snapshots").exists()


def test_a_shape_that_the_program_lacks_gets_a_program_of_its_own():
    """33 batch sizes are more than the main program holds."""
    space = Space({"batch_size": Integer(2, 40), "lr": Float(0.001, 0.01)})
    config = study(space=space)
    problem = Problem(config.model, space, fakes.data().image)
    messages = []
    make = partial(_narrowly, executor(config))
    local = LocalExecutor(problem, make, notify=messages.append)
    members = [
        Member(with_hparams(problem.build({"batch_size": b, "lr": 0.01}).config), k)
        for k, b in enumerate((16, 7, 16, 7))
    ]
    population = local.start(members)
    first = population.advance(1).curves
    population.keep([1, 2])
    second = population.advance(1).curves
    bodies, rare, *compiled = messages
    assert "batch_size has 39 values; {choice: [2, 4, 16, 32]} makes 4" in bodies
    assert rare.startswith("A candidate has a shape that the compiled program lacks")
    assert len(compiled) == 2
    assert all(text.startswith("Compiled in ") for text in compiled)
    restored = local.start(members)
    again = restored.advance(2).curves
    for name, curve in again.items():
        np.testing.assert_array_equal(curve[:1], first[name])
        np.testing.assert_array_equal(curve[1:, [1, 2]], second[name])


def test_programs_of_rare_shapes_are_let_go_by_their_last_use(monkeypatch):
    monkeypatch.setattr(local_module, "MOST_RARE", 2)
    space = Space({"batch_size": Integer(2, 40), "lr": Float(0.001, 0.01)})
    problem = Problem(study(space=space).model, space, fakes.data().image)
    messages = []

    def make(configs):
        own = [c for c in configs if c.batch_size == 16] or configs
        return SimpleNamespace(plan=make_plan(own))  # a trainer that trains nothing

    local = LocalExecutor(problem, make, notify=messages.append)
    for batch, made in ((16, 0), (7, 1), (8, 2), (7, 2), (9, 3), (7, 3), (8, 4), (9, 5)):
        member = Member(problem.build({"batch_size": batch, "lr": 0.01}).config, 0)
        assert local._trainer_of(member).plan.covers(member.config)
        assert len(messages) == 1 + made


def _narrowly(local: LocalExecutor, configs):
    """A trainer for what is asked for, and of the space's cover for batches of 16 alone."""
    wanted = [c for c in configs if c.batch_size == 16] or list(configs)
    return local._make_trainer(wanted)


def test_two_hundred_extreme_networks_give_a_number_or_a_failure():
    """Hparams at the ends of what the schema takes, 64 images, one epoch."""
    generator = random.Random(5)
    numbers = {
        "lr": (1e-30, 1e-8, 1e-3, 1.0, 1e8, 1e30),
        "weight_decay": (0.0, 1e-30, 1.0, 1e30),
        "beta_1": (0.0, 0.9, 0.9999999),
        "beta_2": (0.0, 0.999, 0.9999999),
        "mlp_do_l0": (0.0, 0.5, 0.999999),
        "mlp_af_l0": Categorical(("none", "relu", "tanh", "sigmoid", "logsoftmax")).choices,
        "mlp_bn_l0": (False, True),
        "mlp_out_l0": (1, 2, 9),
        "resnet_out_channels_l0": (1, 3),
        "resnet_out_channels_l1": (1, 2),
    }
    chosen = [{k: generator.choice(v) for k, v in numbers.items()} for _ in range(200)]
    members = [Member(with_hparams(config(), **h), k) for k, h in enumerate(chosen)]
    members = [Member(_repaired(member.config), member.key) for member in members]
    plan = make_plan([member.config for member in members], max_bodies=2)
    trainer = PopulationTrainer(plan, images(64), images(32, seed=1), seed=0)
    curves = Population.start(trainer, members).advance(1).curves
    finite = np.isfinite(curves["val_loss"][0])
    assert 20 < finite.sum() < 200
    gentle = [m.config.lr <= 1e-3 and m.config.weight_decay <= 1.0 for m in members]
    assert finite[gentle].all()
    accuracy = curves["val_accuracy"][0]
    assert ((accuracy >= 0) & (accuracy <= 1)).all()


def _repaired(model):
    from hptjax.config.geometry import ImageSpec
    from hptjax.transpile import repair

    return repair(model, ImageSpec(12, 12, 1, 10)).config


CHOSEN = {"select": "best_epoch", "patience": 1, "keep_best": 3, "epochs": 5}


def kept_by(executor, **changes):
    """The trials and the networks of a study that judges by best epochs."""
    keeper = fakes.Kept()
    given = {"executor": executor, "keeper": keeper}
    return run_study(study(**CHOSEN, **changes), fakes.data(), **given).trials, keeper.networks


def same_networks(found, expected):
    assert found.keys() == expected.keys()
    jax.tree.map(np.testing.assert_array_equal, found, expected)


@pytest.fixture(scope="module")
def five():
    """The executor of a study of five epochs."""
    return executor(study(epochs=5))


@pytest.fixture(scope="module", params=["full", {"name": "halving", "reduction": 2}])
def chosen(request, five):
    """A schedule, and what came of it."""
    return request.param, *kept_by(five, schedule=request.param)


def test_to_select_and_to_be_patient_changes_no_bit_and_compiles_nothing(five, chosen):
    schedule, trials, _ = chosen
    plain = run(five, epochs=5, schedule="full").trials
    for trial, full in zip(trials, plain, strict=True):
        for name, curve in trial.epochs.items():
            assert curve == full.epochs[name][: trial.age]
    assert {trial.epoch for trial in trials} != {trial.age for trial in trials}
    if schedule == "full":
        assert any(trial.age < 5 for trial in trials)
    with count_compilations() as compiled:
        kept_by(five, schedule=schedule)
    assert compiled == []


def test_what_is_kept_is_what_training_alone_to_that_epoch_gives(five, chosen):
    _, trials, networks = chosen
    best = best_trials(trials, 3)
    assert list(networks) == [(trial.strategy, trial.number) for trial in best]
    assert any(trial.epoch < 5 for trial in best)
    for trial in best:
        alone = five.start([Member(read_model(trial.config), trial.key)])
        variables, metrics = train_alone(alone, trial.epoch)
        same_networks(networks[trial.strategy, trial.number], variables)
        assert metrics["val_loss"] == trial.value
        measured = evaluate_variables(read_model(trial.config), variables, fakes.data().validation)
        assert measured["loss"] == pytest.approx(trial.value, rel=1e-5)


@pytest.fixture(scope="module")
def three_places():
    return executor(study(epochs=5), devices=jax.devices()[:1] * 3)


def test_the_number_of_places_changes_no_bit_of_what_is_kept(three_places, chosen):
    schedule, trials, networks = chosen
    again = kept_by(three_places, schedule=schedule)
    assert again[0] == trials
    same_networks(again[1], networks)


def test_lanes_keep_what_they_trained():
    """Against the lanes' own training: other lanes round otherwise."""
    one_body = {"space": Space({"lr": SPACE["lr"]}), "schedule": "full", "budget": {}}
    lanes = executor(study(epochs=5, **one_body), devices=jax.devices()[:1], lanes=2)
    trials, networks = kept_by(lanes, **one_body)
    members = [Member(read_model(t.config), t.key) for t in trials if t.config is not None]
    for trial in best_trials(trials, 3):
        population = lanes.start(members)
        population.advance(trial.epoch)
        expected = population.weights([member.key for member in members].index(trial.key))
        same_networks(networks[trial.strategy, trial.number], expected)


@pytest.mark.parametrize("at", [3, 5])
def test_a_generation_that_was_cut_off_keeps_the_same(tmp_path, five, chosen, monkeypatch, at):
    schedule, trials, networks = chosen
    monkeypatch.setattr(SnapshotStore, "due", lambda self, size: True)

    class Stop(Exception):
        pass

    epochs, advance, keeper = iter(range(99)), Population.advance, fakes.Kept()

    def breaking(self, count, *, seconds=float("inf")):
        if next(epochs) == at:
            raise Stop
        return advance(self, count, seconds=seconds)

    def journalled():
        given = {"executor": five, "keeper": keeper, "snapshots": tmp_path / "snapshots"}
        with Journal(tmp_path / "journal.jsonl") as journal:
            config = study(**CHOSEN, schedule=schedule)
            return run_study(config, fakes.data(), journal=journal, **given)

    with monkeypatch.context() as patch:
        patch.setattr(Population, "advance", breaking)
        with pytest.raises(Stop):
            journalled()
    assert journalled().trials == trials
    same_networks(keeper.networks, networks)


@pytest.mark.parametrize("metric", ["val_loss", "val_accuracy"])
def test_weighed_classes_and_the_best_epoch_are_those_of_each_network_alone(metric):
    """Each network is compiled at its exact shape, trained to the end, and then judged by hand."""
    space = Space({"lr": Float(0.01, 0.5, log=True), "linear0.out_features": Integer(2, 9)})
    weights = {"classification": {"class_weights": [0.1, 4.0] * 5, "label_smoothing": 0.1}}
    layers = ["flatten", {"linear": {"out_features": 4}}, {"activation": "tanh"}, "head"]
    tree = {"model": {"layers": layers, "batch_size": 24, "task": weights}, "space": space}
    rules = {"select": "best_epoch", "patience": 2, "keep_best": 2, "metric": metric}
    others = {"strategies": ["random"], "population_size": 6, "epochs": 6, "seed": 4}
    config, data, keeper = StudyConfig.from_dict(tree | rules | others), fakes.data(), fakes.Kept()
    result = run_study(config, data, keeper=keeper)
    best = best_trials(result.trials, 2)
    assert list(keeper.networks) == [(trial.strategy, trial.number) for trial in best]
    assert any(trial.epoch < trial.age < 6 for trial in result.trials)
    for trial in best:
        model = read_model(trial.config)
        trainer = make_trainer([model], data, config.data, seed=config.seed, epochs=config.epochs)
        population = Population.start(trainer, [Member(model, trial.key)])
        curve, kept = [], []
        for _ in range(config.epochs):
            curve.append(float(population.advance(1).curves[metric][0, 0]))
            kept.append(population.weights(0))
        age, epoch = judged_by_hand([-v if metric == "val_accuracy" else v for v in curve], 2)
        assert (trial.age, trial.epoch) == (age, epoch)
        assert trial.value == pytest.approx(curve[epoch - 1], rel=1e-5)
        given = keeper.networks[trial.strategy, trial.number]
        close_to = partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-5)
        jax.tree.map(close_to, dict(given), dict(kept[epoch - 1]))


def judged_by_hand(losses, patience):
    """How many epochs are trained, and which of them is the best, the earliest of equals."""
    age = next(
        (
            age
            for age in range(patience + 1, len(losses))
            if min(losses[age - patience : age]) >= min(losses[: age - patience])
        ),
        len(losses),
    )
    return age, 1 + int(np.argmin(losses[:age]))
