"""Plans: the number of bodies, and the padding that they compute."""

import numpy as np

from hptjax.models.signature import net_shape
from hptjax.population import make_plan
from hptjax.population.price import KERNELS, LOOPS
from tests.nets import config


def test_plan_waste_is_bounded_and_padding_is_counted():
    rng = np.random.default_rng(0)
    configs = [
        config(channels=(int(rng.integers(4, 17)), int(rng.integers(2, 9))), strides=(s, 1))
        for s in (1, 2, 3)
        for _ in range(30)
    ]
    one_tier, plan = (make_plan(configs, price=LOOPS, max_bodies=most) for most in (3, None))
    assert len(one_tier.bodies) == 3 < len(plan.bodies) <= 7
    shapes = [net_shape(c) for c in configs]
    assert 1 <= plan.waste(shapes) < one_tier.waste(shapes)
    assert make_plan(configs, price=KERNELS, max_bodies=3).waste(shapes) == 1


def test_bodies_are_as_many_as_the_work_ahead_pays_for():
    rng = np.random.default_rng(0)
    configs = [
        config(channels=(int(n), 8), strides=(s, 1))
        for s in (1, 2)
        for n in rng.integers(4, 33, 30)
    ]
    few, some, many = (make_plan(configs, samples=n, price=LOOPS) for n in (1e5, 1e6, 1e10))
    assert len(few.bodies) == 2 < len(some.bodies) < len(many.bodies)
    assert make_plan(configs, samples=1e10, seconds=1.0, price=LOOPS).bodies == few.bodies
    assert len(make_plan(configs, samples=1e7, price=KERNELS).bodies) < len(
        make_plan(configs, samples=1e7, price=LOOPS).bodies
    )
    shapes = [net_shape(c) for c in configs]
    assert many.waste(shapes) < some.waste(shapes) < few.waste(shapes)


def test_padding_in_pixels_or_by_its_word_is_one_body():
    configs = [config(first=(6, 3, 1, padding)) for padding in (1, "same")]
    assert len(make_plan(configs).bodies) == 1
