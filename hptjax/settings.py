"""Fixes the settings of JAX that would change numbers while our programs are traced or run.

A notebook may have switched on float64, another random generator or NaN checks for its own work. A
study must give the same numbers under any of them.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jax import Array

GENERATOR = "threefry2x32"  # the k-th draw of a key does not depend on how many are made


@contextmanager
def fixed_settings() -> Iterator[None]:
    """Gives JAX its default settings in this thread, whatever the process has set."""
    import jax  # on demand: the table of searchers does without it

    with ExitStack() as stack:
        for setting in (
            jax.enable_x64(False),
            jax.default_prng_impl(GENERATOR),
            jax.threefry_partitionable(True),
            jax.numpy_dtype_promotion("standard"),
            jax.numpy_rank_promotion("allow"),
            jax.debug_nans(False),  # a network that diverges is a result
            jax.debug_infs(False),
        ):
            stack.enter_context(setting)
        yield


def named_key(seed: int) -> "Array":
    """A random key of our generator, whatever JAX's default generator is."""
    import jax

    return jax.random.key(seed, impl=GENERATOR)
