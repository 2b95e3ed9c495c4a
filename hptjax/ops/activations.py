"""Activations of the networks, and what each does to zeros and to padding.

Values and gradients equal those of PyTorch with its default arguments; `ACTIVATIONS` names them.
"""

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, cast

import jax
import jax.numpy as jnp
from jax import Array, lax

from hptjax.config.parts import ACTIVATIONS
from hptjax.errors import ConfigError, shown
from hptjax.ops import native


@dataclass(frozen=True)
class Activation:
    """An activation of the population's networks.

    fn: maps an array of any shape, number by number; a function that looks across units finds them
    on the last axis. keeps_zero: whether fn(0) is 0; if not, padded units are masked. across:
    replaces fn in padded networks: a function of x [units, B] and of a mask [units, 1] of the live
    units; it must return 0 for the other units. kernel: the name of fn in our CPU kernel, if it has
    one; padded networks use it.
    """

    fn: Callable[[Array], Array]
    keeps_zero: bool = True
    across: Callable[[Array, Array], Array] | None = None
    kernel: str | None = None

    @property
    def about(self) -> str:
        """The activation in one line: the first line of its function's docstring."""
        fn, settings = (self.fn, {})
        if isinstance(self.fn, partial):
            fn, settings = self.fn.func, self.fn.keywords
        first = inspect.cleandoc(fn.__doc__ or "").split("\n")[0].removesuffix(".")
        plain = re.sub(r":math:`\\mathrm{(\w+)}`", r"\1", first)
        return ", ".join([plain, *(f"{key}={value}" for key, value in settings.items())])


def _log_softmax(x: Array, live: Array) -> Array:
    top = lax.stop_gradient(jnp.max(jnp.where(live, x, -jnp.inf), 0))
    shifted = jnp.where(live, x - top, 0)
    total = jnp.sum(jnp.where(live, jnp.exp(shifted), 0), 0)
    return jnp.where(live, shifted - jnp.log(total), 0)


# log(1 + n) is 2 artanh(z) with z = n / (2 + n): for n in (0, 1] these terms of its series in z^2
# leave an error below the rounding of float32. XLA's log1p on CPUs takes five times as long.
_ARTANH = tuple(2 / (2 * k + 1) for k in range(8))


@jax.custom_jvp
def _softplus(x: Array) -> Array:
    """log(1 + exp(x)), a smooth relu."""
    n = jnp.exp(-jnp.abs(x))
    z = n / (2 + n)
    square, series = z * z, jnp.full_like(x, _ARTANH[-1])
    for factor in _ARTANH[-2::-1]:
        series = series * square + factor
    return jnp.maximum(x, 0) + z * series


@_softplus.defjvp
def _softplus_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (x,), (dx,) = primals, tangents
    return _softplus(x), dx * jax.nn.sigmoid(x)


@jax.custom_jvp
def _mish(x: Array) -> Array:
    """x tanh(softplus(x)) (Misra 2019)."""
    return x * _tanh_softplus(x, jnp.exp(-jnp.abs(x)))


@_mish.defjvp
def _mish_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (x,), (dx,) = primals, tangents
    n = jnp.exp(-jnp.abs(x))
    tanh, sigmoid = _tanh_softplus(x, n), jnp.where(x >= 0, 1, n) / (1 + n)
    return x * tanh, dx * (tanh + x * (1 - tanh * tanh) * sigmoid)


def _tanh_softplus(x: Array, n: Array) -> Array:
    """tanh(softplus(x)) as a fraction; n: exp(-|x|), which never overflows."""
    above = jnp.where(x >= 0, 1 + 2 * n, n * (n + 2))
    return above / (above + 2 * jnp.where(x >= 0, n * n, 1))


none = Activation(lambda x: x)
relu = Activation(jax.nn.relu)
leaky_relu = Activation(jax.nn.leaky_relu)
relu6 = Activation(jax.nn.relu6)
elu = Activation(jax.nn.elu)
selu = Activation(jax.nn.selu)
celu = Activation(jax.nn.celu)
gelu = Activation(partial(jax.nn.gelu, approximate=False), kernel="gelu")
gelu_tanh = Activation(partial(jax.nn.gelu, approximate=True))
silu = Activation(jax.nn.silu)
hardswish = Activation(jax.nn.hard_swish)
mish = Activation(_mish, kernel="mish")
tanh = Activation(jnp.tanh)
hardtanh = Activation(jax.nn.hard_tanh)
sigmoid = Activation(jax.nn.sigmoid, keeps_zero=False)
hardsigmoid = Activation(jax.nn.hard_sigmoid, keeps_zero=False)
softplus = Activation(_softplus, keeps_zero=False)
softsign = Activation(jax.nn.soft_sign)
logsoftmax = Activation(jax.nn.log_softmax, across=_log_softmax)


@lru_cache(maxsize=256)
def find_activation(name: str) -> Activation:
    """Returns the activation of a name; measures a bare function of another package at 0.

    Raises ConfigError for an unknown name, and for a function that cannot be padded: one that does
    not work number by number, or has no finite gradient at 0.
    """
    found: Any = ACTIVATIONS.find(name, "activation_fun")
    if isinstance(found, Activation):
        return found
    with jax.ensure_compile_time_eval():  # a program that is being traced may ask for an activation
        return _measured(name, found)


def _measured(name: str, found: Any) -> Activation:
    where = f"activation_fun: {name}"
    if not callable(found):
        raise ConfigError(f"{where} must be a function of an array, it is {shown(found)}.")
    fn = cast(Callable[[Any], Array], found)
    x = jnp.array([0.0, 1.0, -2.0])
    together, alone = jnp.asarray(fn(x)), jnp.stack([jnp.asarray(fn(value)) for value in x])
    if together.shape != x.shape or not jnp.allclose(together, alone, atol=1e-6):
        raise ConfigError(f"{where} must map each number by itself; write an Activation instead.")
    if not jnp.isfinite(jax.grad(fn)(0.0)):
        raise ConfigError(f"{where} must have a finite gradient at 0: padding holds zeros.")
    return Activation(fn, keeps_zero=bool(together[0] == 0))


def activate(x: Array, names: Sequence[str], choice: Array, live: Array) -> Array:
    """Applies the activation names[choice] to x [C, ...]; channels not in live [C] stay zeros."""
    column = live.reshape(-1, *(1,) * (x.ndim - 1))
    branches = [partial(_padded, find_activation(name), live=column) for name in names]
    return branches[0](x) if len(branches) == 1 else lax.switch(choice, branches, x)


def _padded(activation: Activation, x: Array, live: Array) -> Array:
    if activation.across is not None:
        return activation.across(x, live)
    if activation.kernel is not None and x.ndim in (2, 4) and native.take(x):
        return _by_kernel(activation.kernel, x)
    return activation.fn(x) if activation.keeps_zero else jnp.where(live, activation.fn(x), 0)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _by_kernel(name: str, x: Array) -> Array:
    """Applies an activation of `kernels/activation.cc` to units [N, B] or maps [C, H, W, B]."""
    layout = native.layout_of(x)
    return native.call_one("hptjax_activation", (x,), (layout,), x.shape, layout, name=name)


def _value_and_slope(name: str, x: Array) -> tuple[Array, Array]:
    """Returns the values, and the slopes: computed together, they share an exponential."""
    layout = native.layout_of(x)
    out = [jax.ShapeDtypeStruct(x.shape, jnp.float32)] * 2
    target = "hptjax_activation_and_slope"
    y, slope = native.call(target, out, (x,), (layout,), [layout] * 2, name=name)
    return y, slope


def _by_slope(name: str, slope: Array, g: Array) -> tuple[Array]:
    return (g * slope,)


_by_kernel.defvjp(_value_and_slope, _by_slope)
