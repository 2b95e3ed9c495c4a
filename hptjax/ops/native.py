"""Our CPU kernels: compiled once per machine (`ops.library`), called by XLA from programs.

Where there is no compiler, XLA's own operations replace them.
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
    "hptjax_activation",
    "hptjax_activation_and_slope",
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
    "hptjax_norm_pair",
    "hptjax_norm_pair_gradient",
    "hptjax_running_statistics",
    "hptjax_split",
)
MAPS = (1, 2, 0, 3)  # maps [C, H, W, B] are stored [H, W, C, B]


_left_out: ContextVar[tuple[str, ...] | None] = ContextVar("_left_out", default=None)


@contextmanager
def left_out(platforms: Sequence[str] = ()) -> Iterator[None]:
    """Traces programs in this context without kernels, so that other platforms can run them.

    platforms: the names of these platforms, where known.
    """
    token = _left_out.set(tuple(platforms))
    try:
        yield
    finally:
        _left_out.reset(token)


def for_tpu() -> bool:
    """Tells whether the program that is being traced is to run on TPUs, and on nothing else."""
    platforms = _left_out.get()
    return set(platforms or (jax.default_backend(),)) == {"tpu"}


def take(*arrays: Array) -> bool:
    """Tells whether kernels compute with these arrays; kernels take only float32."""
    floats = all(array.dtype == jnp.float32 for array in arrays)
    return floats and _left_out.get() is None and available()


def layout_of(x: Array) -> tuple[int, ...] | None:
    """Returns the layout in which a kernel takes maps [C, H, W, B], or units [N, B]."""
    return MAPS if x.ndim == 4 else None


def call(
    target: str, out: Any, arrays: Sequence[Array], layouts: Sequence[Any], to: Any, **options: Any
) -> Any:
    """Calls a kernel. layouts, to: for each argument and result MAPS, or None: a plain array."""
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
    """Calls a kernel that returns one array of float32; out: its shape. Otherwise as `call`."""
    shape = jax.ShapeDtypeStruct(out, jnp.float32)
    return call(target, shape, arrays, layouts, to, **options)


@lru_cache(maxsize=1)
def available() -> bool:
    """Tells whether this process has the kernels; the first call on a machine compiles them."""
    if os.environ.get(library.SWITCH) == "0" or jax.default_backend() != "cpu":
        return False
    kernels = library.load(TARGETS)
    if kernels is None:
        return False
    for target in TARGETS:
        capsule = jax.ffi.pycapsule(getattr(kernels, target))
        jax.ffi.register_ffi_target(target, capsule, platform="cpu")
    return True
