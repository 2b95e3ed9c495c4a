"""Our CPU kernels: compiled once per machine (`ops.library`), called from programs by XLA.

Where there is no compiler, the operations that have kernels are made of XLA's own.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from hptjax.ops import library

TARGETS = (
    "hptjax_conv",
    "hptjax_conv_input_gradient",
    "hptjax_conv_input_gradient_of_both",
    "hptjax_conv_weight_gradient",
    "hptjax_conv_bias_gradient",
    "hptjax_depthwise",
    "hptjax_depthwise_input_gradient",
    "hptjax_depthwise_weight_gradient",
    "hptjax_dropout",
    "hptjax_group_norm",
    "hptjax_group_norm_gradient",
    "hptjax_join",
    "hptjax_linear",
    "hptjax_linear_input_gradient",
    "hptjax_linear_weight_gradient",
    "hptjax_max_pool",
    "hptjax_max_pool_gradient",
    "hptjax_norm",
    "hptjax_norm_by_statistics",
    "hptjax_norm_gradient",
    "hptjax_running_statistics",
    "hptjax_split",
)
MAPS = (1, 2, 0, 3)  # maps [C, H, W, B] are stored [H, W, C, B]


_left_out: ContextVar[tuple[str, ...] | None] = ContextVar("_left_out", default=None)


@contextmanager
def left_out(platforms: Sequence[str] = ()) -> Iterator[None]:
    """Programs traced in here hold no kernels, and can be lowered for other platforms.

    platforms: which, where known.
    """
    token = _left_out.set(tuple(platforms))
    try:
        yield
    finally:
        _left_out.reset(token)


def for_tpu() -> bool:
    """Whether what is being traced is to run on TPUs, and on nothing else."""
    platforms = _left_out.get()
    return set(platforms or (jax.default_backend(),)) == {"tpu"}


def take(*arrays: Array) -> bool:
    """Whether kernels compute with these arrays; theirs are of float32 alone."""
    floats = all(array.dtype == jnp.float32 for array in arrays)
    return floats and _left_out.get() is None and available()


def call(
    target: str, out: Any, arrays: Sequence[Array], layouts: Sequence[Any], to: Any, **options: Any
) -> Any:
    """Calls a kernel; layouts, to: of the arguments and results, MAPS or None for a plain array."""
    function = jax.ffi.ffi_call(
        target, out, input_layouts=layouts, output_layouts=to, vmap_method="sequential"
    )
    return function(*arrays, **options)


def call_one(
    target: str,
    arrays: Sequence[Array],
    layouts: Sequence[Any],
    out: tuple[int, ...],
    to: Any,
    **options: Any,
) -> Array:
    """As `call`, of a kernel that gives one array of float32; out: its shape."""
    shape = jax.ShapeDtypeStruct(out, jnp.float32)
    return call(target, shape, arrays, layouts, to, **options)


@lru_cache(maxsize=1)
def available() -> bool:
    """Whether this process has the kernels; a machine's first question compiles them."""
    if os.environ.get(library.SWITCH) == "0" or jax.default_backend() != "cpu":
        return False
    kernels = library.load(TARGETS)
    if kernels is None:
        return False
    for target in TARGETS:
        capsule = jax.ffi.pycapsule(getattr(kernels, target))
        jax.ffi.register_ffi_target(target, capsule, platform="cpu")
    return True
