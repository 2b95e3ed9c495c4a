"""Workers of different kinds: what the driver expects of each is in the workers' own prices.

And what is told where none of them has room.
"""

import itertools

import pytest

from hptjax.errors import ConfigError
from hptjax.models.signature import net_shape
from hptjax.population.plan import make_plan
from hptjax.population.price import KERNELS, LANES, LOOPS
from tests import fakes
from tests.nets import config

pytest.importorskip("ray")
from hptjax.executors.ray import crew as module
from hptjax.executors.ray.crew import Crew, Hand
from hptjax.executors.ray.executor import RayExecutor
from hptjax.executors.ray.population import RayPopulation
from hptjax.executors.ray.worker import Facts

NETS = [config(channels=(width, 8)) for width in (2, 5, 16)]
SHAPES = [net_shape(net) for net in NETS]
SECONDS = 3.0


@pytest.fixture
def crew(monkeypatch):
    monkeypatch.setattr(module.ray, "put", lambda data: data)
    monkeypatch.setattr(module.ray, "get", lambda facts: facts)
    return Crew(fakes.study(), fakes.data(), None, None, print)


def joined(crew, kind, price, rounding=None):
    """A worker whose program has one body, that of the widest network."""
    plan = make_plan(NETS, price=price, max_bodies=1)
    hand = Hand(None, "node", Facts(kind, 2, module.versions(), 1, plan, rounding or {}))
    crew._take_in(hand)
    assert hand.facts is not None
    return hand


@pytest.mark.parametrize("first", [KERNELS, LOOPS, LANES])
@pytest.mark.parametrize("price", [KERNELS, LOOPS, LANES])
def test_what_a_worker_took_is_what_the_driver_expects_of_it(crew, first, price):
    joined(crew, "the first", first)
    hand = joined(crew, "another", price)
    plan = hand.facts.plan
    (body,) = plan.bodies
    work = sum(plan.price(body, shape) for shape in SHAPES) * crew.images
    crew.measured(hand, work / SECONDS, SHAPES, 0.0)
    expected = sum(crew.price(shape) for shape in SHAPES) / crew.speeds([hand])[hand]
    assert expected == pytest.approx(SECONDS)
    allowed = crew.allowed(hand, sum(crew.price(shape) for shape in SHAPES))
    assert allowed == pytest.approx(module.GRACE_S + module.SLACK * SECONDS)


def test_a_shape_that_the_plan_lacks_has_the_price_of_its_own_body(crew):
    hand = joined(crew, "a kind", LANES)
    lacked = net_shape(config(strides=(3, 1)))
    assert hand.facts.plan.body_of(lacked) is None
    assert hand.facts.price(lacked) == LANES(lacked, lacked)


def test_a_population_is_priced_by_the_first_worker(crew):
    from hptjax.population import Member

    hand = joined(crew, "a kind", LOOPS)
    members = [Member(net, k) for k, net in enumerate(NETS)]
    population = RayPopulation(crew, 0, members, None, 0, 3, print)
    assert population._prices == [crew.images * hand.facts.price(shape) for shape in SHAPES]


def test_what_decides_rounding_is_what_the_workers_say(crew):
    executor = RayExecutor(crew, 3)
    assert executor.rounding() is None
    for kernels in (True, True, False, True):
        joined(crew, "a kind", LOOPS, {"kernels": kernels, "jax": "0.10.1"})
    assert executor.rounding() == {"kernels": "False or True", "jax": "0.10.1"}


@pytest.fixture
def without_gpu(monkeypatch):
    """Makes a crew whose workers ask for a GPU, on a Ray that has none; its time flies."""
    node = {"NodeID": "node", "Alive": True, "Resources": {"CPU": 2.0}}
    clock = itertools.count()
    monkeypatch.setattr(module.ray, "put", lambda data: data)
    monkeypatch.setattr(module.ray, "nodes", lambda: [node])
    monkeypatch.setattr(module.ray, "cluster_resources", lambda: node["Resources"])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(module.time, "sleep", lambda seconds: None)

    def made(alone):
        told = []
        return Crew(fakes.study(), fakes.data(), 1, {"GPU": 1}, told.append, alone=alone), told

    return made


def test_a_ray_of_this_machine_that_never_has_room_is_not_waited_for(without_gpu):
    crew, told = without_gpu(alone=True)
    text = r"on this machine: Ray has CPU 2\.0, and a worker asks for GPU 1\. .* \(--resources\)"
    with pytest.raises(ConfigError, match=text):
        crew.gather()
    assert not told


def test_what_a_cluster_is_waited_for_is_told_once(without_gpu):
    crew, told = without_gpu(alone=False)
    with pytest.raises(ConfigError, match="no worker started within 120 s"):
        crew.gather()
    want = "Ray: waits up to 120 s for a worker: Ray has CPU 2.0, and a worker asks for GPU 1"
    assert told == [want]
