"""The search box: checks it, reflects points back into it, and penalises leaving it."""

import jax
import jax.numpy as jnp
import numpy as np

from hptjax.errors import ConfigError


def check_box(lower, upper, dims: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Returns both bounds as float64 arrays [D]; repeats scalars for `dims` coordinates.

    Raises: ConfigError unless all bounds are finite and lower < upper everywhere.
    """
    low, high = np.atleast_1d(np.asarray(lower, float)), np.atleast_1d(np.asarray(upper, float))
    shape = (max(low.size, high.size) if dims is None else dims,)
    if low.ndim != 1 or high.ndim != 1 or any(b.size not in (1, *shape) for b in (low, high)):
        raise ConfigError(
            f"bounds must be scalars or one value for each of the {shape[0]} dimensions; "
            f"got shapes {low.shape} and {high.shape}."
        )
    low, high = np.broadcast_to(low, shape).copy(), np.broadcast_to(high, shape).copy()
    finite = np.isfinite(low) & np.isfinite(high)
    with np.errstate(invalid="ignore", over="ignore"):
        wrong = ~finite | ~(low < high) | ~np.isfinite(high - low)
    if wrong.any():
        k = int(np.flatnonzero(wrong)[0])
        rule = "lower < upper" if finite[k] else "finite lower and upper bounds"
        raise ConfigError(
            f"DES needs {rule} in every dimension; dimension {k} has [{low[k]:g}, {high[k]:g}]."
        )
    return low, high


def bounce_back(x: jax.Array, lower: jax.Array, upper: jax.Array) -> jax.Array:
    """Reflects coordinates outside the box back into it; does not change the input.

    x: [..., D] of finite values; lower, upper: [D]. Overshoot wraps modulo the box width, so one
    pass is enough; the last clip only undoes rounding.
    """
    width = upper - lower

    def wrapped(overshoot: jax.Array) -> jax.Array:  # overshoot % width: XLA's % is not vectorised
        return overshoot - width * jnp.floor(overshoot / width)

    x = jnp.where(x < lower, lower + wrapped(lower - x), x)
    x = jnp.where(x > upper, upper - wrapped(x - upper), x)
    return jnp.clip(x, lower, upper)


def finite_or_far(x: jax.Array, lower: jax.Array, upper: jax.Array) -> jax.Array:
    """Replaces NaN and infinities by a value far outside, which bounces back to the middle."""
    far = upper + 1000.5 * (upper - lower)
    return jnp.where(jnp.isfinite(x), x, far)


def outside(x: jax.Array, repaired: jax.Array, worst: jax.Array) -> jax.Array:
    """Returns the penalty of points x [M, D]: the worst seen plus the squared distance to repair.

    It is infinite while `worst` is, that is, before the first finite value.
    """
    distance = jnp.sum((x - repaired) ** 2, -1)
    return jnp.where(jnp.isfinite(worst), worst + distance, jnp.inf)
