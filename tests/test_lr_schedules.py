"""Laws of learning-rate schedules over their whole table, and PyTorch's on frozen arrays.

experiments/make_recipe_reference.py made the arrays, with torch 2.14 in float64 arithmetic.
"""

import json
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hptjax.config.named import part
from hptjax.config.traced import static_kind, traced_numbers
from hptjax.ops.numbers import Numbers
from hptjax.population.lr_schedules import LR_SCHEDULES
from hptjax.population.lr_schedules.base import LrSchedule
from hptjax.population.lr_schedules.warmup import with_warmup
from tests.parts import bounds_of

ARRAYS = np.load(Path(__file__).parent / "data" / "recipe_reference.npz")
CASES = sorted(name.split("/")[1] for name in ARRAYS.files if name.startswith("schedule/"))
MOST = 40  # steps


def made(tree: Any) -> LrSchedule:
    return part(LR_SCHEDULES, tree, "lr_schedule").options


@partial(jax.jit, static_argnums=0)
def curves(schedule: LrSchedule, progress, steps, warmup, own: dict[str, Any]):
    """The factors [MOST] of all steps, with warm-up and without."""
    h = Numbers(steps=steps, **own)
    return with_warmup(schedule, progress, warmup, h), schedule.factor(progress, h)


def factors(schedule: LrSchedule, steps: int, warmup: float = 0.0) -> tuple[Any, Any]:
    """The factors [steps] with warm-up, a share of all steps, and without."""
    own = {name: jnp.float32(getattr(schedule, name)) for name in traced_numbers(schedule)}
    progress = np.arange(MOST, dtype=np.float32) / np.float32(steps)
    both = curves(static_kind(schedule), progress, jnp.float32(steps), jnp.float32(warmup), own)
    warmed, plain = (np.asarray(curve)[:steps] for curve in both)
    return warmed, plain


@pytest.mark.parametrize("case", CASES)
def test_factors_are_those_of_pytorch(case):
    word, _, options = case.partition("{")
    own = json.loads("{" + options)
    steps, warmup = own.pop("steps"), own.pop("warmup", 0)
    warmed, _ = factors(made({word: own}), steps, warmup / steps)
    np.testing.assert_allclose(warmed, ARRAYS[f"schedule/{case}/factors"], rtol=1e-5, atol=1e-7)


def schedules(word: str) -> st.SearchStrategy[LrSchedule]:
    """A schedule with numbers from all over their bounds."""
    cls = LR_SCHEDULES.find(word, "")
    drawn = {}
    for name in traced_numbers(cls):
        low, high = bounds_of(cls, name)
        drawn[name] = st.floats(low, min(high, 1e4), width=32, allow_subnormal=False)
    return st.builds(cls, **drawn)


@pytest.mark.parametrize("word", LR_SCHEDULES.names())
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_schedule_and_its_warm_up_obey_the_laws(word, data):
    schedule = data.draw(schedules(word))
    steps = data.draw(st.integers(1, MOST))
    ramp = data.draw(st.integers(0, steps))
    warmed, plain = factors(schedule, steps, ramp / steps)

    for curve in (warmed, plain):
        assert curve.dtype == np.float32
        assert (curve >= 0).all()
        assert (curve <= 1 + 1e-6).all()  # NaN is neither
    if ramp == 0:
        assert warmed.tobytes() == plain.tobytes()
        return
    first = warmed[ramp - 1]
    np.testing.assert_allclose(warmed[:ramp], first * np.arange(1, ramp + 1) / ramp, rtol=1e-5)
    if ramp < steps:  # goes on from where the ramp ends, over the steps that are left
        np.testing.assert_allclose(warmed[ramp], first, rtol=1e-6)
        np.testing.assert_allclose(first, factors(schedule, steps - ramp)[0][0], rtol=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 1, width=32), st.integers(1, MOST))
def test_any_share_of_warm_up_rises_to_the_schedule(warmup, steps):
    warmed, plain = factors(made("constant"), steps, warmup)
    assert (np.diff(warmed) >= 0).all()
    assert (warmed > 0).all()
    assert (warmed <= plain).all()
    assert (warmed[np.arange(steps) >= np.ceil(warmup * steps)] == 1).all()


def test_members_of_one_program_have_numbers_of_their_own():
    schedule = made("polynomial")
    own = [{"power": p, "end_factor": 0.1, "decay_steps_factor": 0.5} for p in (0.5, 1.0, 2.0)]
    each = [factors(made({"polynomial": numbers}), 10, 0.2)[0] for numbers in own]
    lanes = {name: jnp.float32([numbers[name] for numbers in own]) for name in own[0]}
    run = jax.vmap(partial(curves, static_kind(schedule)), (None, None, None, 0))
    progress = np.arange(MOST, dtype=np.float32) / np.float32(10)
    together, _ = run(progress, jnp.float32(10), jnp.float32(0.2), lanes)
    np.testing.assert_array_equal(np.asarray(together)[:, :10], each)


def test_a_word_and_its_main_option_name_a_schedule():
    assert made({"step": 0.25}) == made({"step": {"size": 0.25}})
    assert part(LR_SCHEDULES, {"linear": {"end_factor": 0.1}}, "").to_tree() == {"linear": 0.1}
