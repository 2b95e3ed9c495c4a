"""evaluate_population: a call like an earlier one compiles nothing and returns the same."""

import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from hptjax.population import Member, Population, PopulationTrainer, evaluate_population, make_plan
from hptjax.population import evaluate as module
from tests.compilations import count_compilations
from tests.nets import config, images

ONE = {"channels": (4,), "kernels": (3,), "strides": (2,)}
TRAIN, VALIDATION = images(48), images(16, seed=1)


@pytest.fixture(autouse=True)
def _no_trainers(monkeypatch):
    monkeypatch.setattr(module, "_cache", module.TrainerCache())


def nets(*rates: float):
    return [config(lr=rate, **ONE) for rate in rates]


def test_the_same_kind_of_networks_on_the_same_images_compile_once():
    first = evaluate_population(nets(1e-3, 1e-2), TRAIN, VALIDATION, seed=5)
    with count_compilations() as compiled:
        again = evaluate_population(nets(3e-3, 1e-2), TRAIN, VALIDATION, seed=5, epochs=2)
        one = evaluate_population(nets(1e-3), images(48), VALIDATION, seed=5)
    assert compiled == []
    plan = make_plan(nets(1e-3), capacity=2)
    trainer = PopulationTrainer(plan, TRAIN, VALIDATION, seed=5)
    members = [Member(net, k) for k, net in enumerate(nets(3e-3, 1e-2))]
    fresh = Population.start(trainer, members).advance(2).curves
    for name, curve in first.items():
        np.testing.assert_array_equal(again[name][0, 1], curve[0, 1])
        np.testing.assert_array_equal(one[name], curve[:, :1])
        np.testing.assert_array_equal(fresh[name], again[name])


class Fake:
    """Makes a trainer without training."""

    def __init__(self, plan, *_, **__) -> None:
        self.plan = plan


def test_other_programs_or_images_get_a_new_trainer_and_few_are_kept(monkeypatch):
    monkeypatch.setattr(module, "PopulationTrainer", Fake)

    def trainer(count=1, train=TRAIN, seed=0, augment=True, **changes):
        plan = make_plan([config(**{**ONE, **changes})] * count)
        return module._cache.get(plan, train, VALIDATION, seed, augment, None, ("device",)).trainer

    first = trainer(2)
    assert trainer(2) is trainer(1) is trainer(1, lr=0.5) is first
    others = [trainer(seed=1), trainer(augment=False), trainer(units=9), trainer(dropout=0.1)]
    assert len({id(one) for one in (first, *others)}) == 5
    assert len(module._cache) == module.KEPT == 4
    assert trainer(dropout=0.1) is others[-1]
    assert trainer(2) is not first  # let go, as the one used longest ago

    copy = images(48)
    before = trainer(train=copy)
    assert trainer(train=images(48)) is before
    copy.images[0, 0, 0, 0] ^= 1
    assert trainer(train=copy) is not before
    assert trainer(3, train=copy).plan.capacity == 3
    assert len(module._cache) == 4


def test_threads_share_one_program_and_get_the_results_of_one_thread(monkeypatch):
    made, real = [], module.PopulationTrainer
    monkeypatch.setattr(
        module, "PopulationTrainer", lambda *args, **kw: made.append(1) or real(*args, **kw)
    )
    start = threading.Barrier(4)

    def run(rate):
        start.wait()
        return evaluate_population(nets(rate), TRAIN, VALIDATION, seed=5)

    rates = (1e-3, 1e-2, 1e-3, 1e-2)
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(run, rates))
    assert len(made) == 1
    for rate, got in zip(rates, together, strict=True):
        alone = evaluate_population(nets(rate), TRAIN, VALIDATION, seed=5)
        for name, curve in alone.items():
            np.testing.assert_array_equal(got[name], curve)


def test_clear_drops_programs_and_images(monkeypatch):
    monkeypatch.setattr(module, "PopulationTrainer", Fake)
    plan = make_plan(nets(1e-3))
    kept = weakref.ref(
        module._cache.get(plan, TRAIN, VALIDATION, 0, True, None, ("device",)).trainer
    )
    gc.collect()
    assert kept() is not None
    module.clear()
    gc.collect()
    assert kept() is None
    assert len(module._cache) == 0
