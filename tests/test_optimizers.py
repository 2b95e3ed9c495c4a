"""The law of optimizers over their whole table, and PyTorch's steps on frozen arrays.

experiments/make_recipe_reference.py made the arrays, with torch 2.14 in float64 arithmetic.
"""

import inspect
import json
import pickle
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import FunctionType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from hptjax.config.named import part
from hptjax.config.traced import static_kind, traced_numbers
from hptjax.errors import ConfigError
from hptjax.ops.numbers import Numbers
from hptjax.population.optimizers import OPTIMIZERS
from hptjax.population.optimizers.base import Optimizer
from hptjax.population.optimizers.optax import ELEMENTWISE as KNOWN
from hptjax.population.optimizers.optax import REFUSED
from tests.parts import at_bound

ARRAYS = np.load(Path(__file__).parent / "data" / "recipe_reference.npz")
ELEMENTWISE = tuple(name for name in KNOWN if hasattr(optax, name))  # the oldest lacks signum
TREES: tuple[Any, ...] = (
    *(word for word in OPTIMIZERS.names() if not word.startswith("optax.")),
    {"sgd": {"momentum": 0.9, "nesterov": True}},
    {"rmsprop": {"momentum": 0.9, "centered": True}},
    *OPTIMIZERS.members("optax.<name>"),
    {"optax.sgd": {"momentum": 0.9, "nesterov": True}},
    {"optax.rmsprop": {"momentum": 0.9, "centered": True, "eps": 1e-3}},
)
SIZE, LIVE = 16, 11
FULL, PADDED, OTHER, LOWEST, HIGHEST = range(5)  # lanes


def made(tree: Any) -> Optimizer:
    return part(OPTIMIZERS, tree, "optimizer").options


def numbers(optimizer: Optimizer, lr: float, weight_decay: float, **own: float) -> Numbers:
    values = {name: getattr(optimizer, name) for name in traced_numbers(optimizer)} | own
    values |= {"lr": lr, "weight_decay": weight_decay}
    return Numbers(**{name: jnp.float32(value) for name, value in values.items()})


@partial(jax.jit, static_argnums=0)
def descend(optimizer: Optimizer, params, target, h: Numbers, steps):
    """Params and slots [..., N] after some steps towards the target, from a quadratic's slopes."""

    def descend_one(params, target, h):
        slopes = 0.5 + jnp.cos(jnp.arange(params.size)) ** 2

        def step(i, carry):
            return optimizer.update(
                carry[0], slopes * (carry[0] - target), carry[1], h.replace(step=i + 1)
            )

        start = params, optimizer.start(params, h)
        params, slots = jax.lax.fori_loop(0, steps, step, start)
        return params, jnp.stack(slots) if slots else jnp.zeros((0, *params.shape))

    return (jax.vmap(descend_one) if params.ndim == 2 else descend_one)(params, target, h)


def problem() -> tuple[np.ndarray, np.ndarray]:
    """Where lanes start and go to; the tail of all but the first is dead."""
    rng = np.random.default_rng(0)
    params, target = (np.tile(rng.normal(size=SIZE), (5, 1)).astype(np.float32) for _ in range(2))
    params[PADDED:, LIVE:] = target[PADDED:, LIVE:] = 0
    return params, target


def lanes(optimizer: Optimizer) -> Numbers:
    usual = numbers(optimizer, 0.01, 0.1)
    others = {name: 0.9 * getattr(optimizer, name) for name in traced_numbers(optimizer)}
    each = [usual, usual, numbers(optimizer, 0.02, 0.3, **others)]
    each += [numbers(optimizer, 0.01, 0.1, **at_bound(optimizer, which)) for which in (0, 1)]
    return jax.tree.map(lambda *values: jnp.stack(values), *each)


def same_bits(a, b) -> bool:
    return np.array_equal(np.asarray(a).view(np.int32), np.asarray(b).view(np.int32))


@pytest.mark.parametrize("tree", TREES, ids=str)
def test_an_optimizer_obeys_the_law(tree):
    optimizer = made(tree)
    kind, h, (params, target) = static_kind(optimizer), lanes(optimizer), problem()
    after, slots = descend(kind, params, target, h, 5)

    # elementwise: whether others are padding is nothing to a weight
    assert same_bits(after[FULL, :LIVE], after[PADDED, :LIVE])
    assert same_bits(slots[FULL, :, :LIVE], slots[PADDED, :, :LIVE])
    # dead weights stay zero, whatever the numbers, and nothing grows without bound beside them
    assert not after[PADDED:, LIVE:].any()
    assert np.isfinite(slots[PADDED:, :, LIVE:]).all()
    # it moved, and a NaN in one member leaves the others alone
    assert (after[:OTHER, :LIVE] != params[:OTHER, :LIVE]).all()
    spoilt = h.replace(lr=h.lr.at[OTHER].set(jnp.nan))
    for now, before in zip(descend(kind, params, target, spoilt, 5), (after, slots), strict=True):
        assert same_bits(np.delete(now, OTHER, 0), np.delete(before, OTHER, 0))

    alone = [x[PADDED, :LIVE] for x in (params, target)]
    one = jax.tree.map(lambda number: number[PADDED], h)
    for exact, padded in zip(descend(kind, *alone, one, 5), (after, slots), strict=True):
        np.testing.assert_allclose(exact, padded[PADDED, ..., :LIVE], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("tree", TREES, ids=str)
def test_dead_weights_of_a_restored_network_stay_zero(tree):
    """Their slots are zeros, whatever they were before the snapshot."""
    optimizer, nothing = made(tree), jnp.zeros(2)
    h = numbers(optimizer, 0.01, 0.1).replace(step=jnp.int32(6))
    params, slots = optimizer.update(nothing, nothing, (nothing,) * optimizer.slots, h)
    assert not params.any()
    assert np.isfinite(slots).all()


@pytest.mark.parametrize("tree", TREES, ids=str)
def test_an_optimizer_finds_the_lowest_point_of_a_quadratic(tree):
    optimizer = made(tree)
    params, target = problem()
    lr = {"optax.adadelta": 20.0, "optax.adagrad": 0.5, "optax.signum": 0.01}.get(str(tree), 0.03)
    h = jax.tree.map(lambda number: jnp.full(5, number), numbers(optimizer, lr, 0.0))
    after, _ = descend(
        static_kind(optimizer), params, target, h, 150 if tree == "optax.rprop" else 400
    )
    assert np.abs(after - target).max() < 0.05  # those of fixed step length go round it


@partial(jax.jit, static_argnums=0)
def follow(optimizer: Optimizer, params, grads, h: Numbers):
    """The params [steps, N] after each step of given gradients."""

    def step(carry, given):
        gradient, i = given
        carry = optimizer.update(carry[0], gradient, carry[1], h.replace(step=i))
        return carry, carry[0]

    counts = jnp.arange(1, len(grads) + 1)
    return jax.lax.scan(step, (params, optimizer.start(params, h)), (grads, counts))[1]


CASES = sorted(
    name.split("/")[1]
    for name in ARRAYS.files
    if name.startswith("optimizer/") and name.endswith("/steps")
)


def check_case(case: str, tree: Any, options: dict[str, Any]) -> None:
    optimizer = made(tree)
    h = numbers(optimizer, options["lr"], options.get("weight_decay", 0.0))
    steps = follow(static_kind(optimizer), ARRAYS["optimizer/params"], ARRAYS["optimizer/grads"], h)
    np.testing.assert_allclose(steps, ARRAYS[f"optimizer/{case}/steps"], rtol=1e-5, atol=2e-6)


def split_case(case: str) -> tuple[str, dict[str, Any]]:
    word, _, options = case.partition("{")
    return word, json.loads("{" + options)


@pytest.mark.parametrize("case", CASES)
def test_steps_are_those_of_pytorch(case):
    word, options = split_case(case)
    own = {name: v for name, v in options.items() if name not in ("lr", "weight_decay")}
    check_case(case, {word: own}, options)


@pytest.mark.parametrize("case", [case for case in CASES if not case.startswith("rmsprop")])
def test_optax_takes_the_same_steps(case):
    word, options = split_case(case)
    names = {"beta_1": "b1", "beta_2": "b2", "epsilon": "eps", "momentum": "momentum"}
    own = {names[name]: value for name, value in options.items() if name in names}
    own |= {name: value for name, value in options.items() if name == "nesterov"}
    check_case(case, {f"optax.{word}": own}, options)


def test_one_minus_momentum_is_momentum_spelt_otherwise():
    usual = made({"sgd": {"momentum": 0.75}})
    other = made({"sgd": {"one_minus_momentum": 0.25}})
    given = ARRAYS["optimizer/params"], ARRAYS["optimizer/grads"]
    paths = [follow(static_kind(p), *given, numbers(p, 0.1, 0.0)) for p in (usual, other)]
    assert same_bits(*paths)
    assert static_kind(usual) == static_kind(other)  # one compilation
    with pytest.raises(ConfigError, match=r"^m\.sgd: must be given momentum or one_minus_momentum"):
        part(OPTIMIZERS, {"sgd": {"momentum": 0.9, "one_minus_momentum": 0.1}}, "m")


def takes_learning_rate(value: object) -> bool:
    known = isinstance(value, FunctionType | partial)
    return known and "learning_rate" in inspect.signature(value).parameters


def test_every_optimizer_of_optax_is_taken_or_refused_with_a_reason():
    makers = {name: value for name, value in vars(optax).items() if takes_learning_rate(value)}
    assert makers.keys() >= {*ELEMENTWISE, *REFUSED}
    for name in makers.keys() - {*ELEMENTWISE}:  # newer ones, and parts of optimizers, are refused
        reason = "cannot train padded networks" if name in REFUSED else "is no elementwise"
        with pytest.raises(ConfigError, match=rf"^optimizer: optax\.{name} {reason}"):
            OPTIMIZERS.find(f"optax.{name}", "optimizer")
    with pytest.raises(ConfigError, match=r"^model\.optimizer: optax\.lamb cannot .* norms"):
        OPTIMIZERS.find("optax.lamb", "model.optimizer")
    with pytest.raises(ConfigError, match=r"optax\.lyon is no .*; did you mean 'lion'\?"):
        OPTIMIZERS.find("optax.lyon", "model.optimizer")


def test_optax_classes_have_the_options_of_the_factory_and_can_be_sent():
    lion = OPTIMIZERS.find("optax.lion", "")
    assert traced_numbers(lion) == ("b1", "b2")
    assert OPTIMIZERS.find("optax.lion", "") is lion
    assert pickle.loads(pickle.dumps(lion(b1=0.5))) == lion(b1=0.5)
    assert traced_numbers(OPTIMIZERS.find("optax.sgd", "")) == ("momentum",)
    with pytest.raises(ConfigError, match=r"optax\.adam\.weight_decay: unknown key"):
        part(OPTIMIZERS, {"optax.adam": {"weight_decay": 0.1}}, "optimizer")
    with pytest.raises(ConfigError, match=r"optax\.adam\.eps: must be greater than or equal"):
        part(OPTIMIZERS, {"optax.adam": {"eps": 0.0}}, "optimizer")


def test_floats_are_traced_and_other_options_decide_the_code():
    class Own(Optimizer):
        rate: float
        count: int = 3

        def update(self, params, grads, slots, h):
            return params - h.rate * grads, slots

    assert traced_numbers(Own) == ("rate",)
    assert static_kind(Own(rate=2.0)) == static_kind(Own(rate=3.0))
    assert static_kind(Own(rate=2.0)) != static_kind(Own(rate=2.0, count=4))
    h = Numbers(lr=1, rate=2)
    assert jax.tree.map(lambda x: 2 * x, h).rate == 4
    assert h.replace(rate=3).rate == 3
    assert h.rate == 2
    with pytest.raises(AttributeError, match="no number 'ratte'; did you mean 'rate'"):
        _ = h.ratte


def test_a_table_brings_neither_the_engine_nor_optax_along():
    code = (
        "import sys\n"
        "from hptjax.population.optimizers import OPTIMIZERS\n"
        "from hptjax.population.lr_schedules import LR_SCHEDULES\n"
        "print('jax' in sys.modules)\n"
        "OPTIMIZERS.find('adam', ''), LR_SCHEDULES.find('cosine', '')\n"
        "print('optax' in sys.modules, 'hptjax.population.program' in sys.modules)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False"] * 3
