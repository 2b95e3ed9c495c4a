"""Convolutions [B, H, W, C] on our kernels: a function with lax's signature, and a module."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jax import Array, lax

from hptjax.errors import ConfigError
from hptjax.nn.layout import images, maps
from hptjax.ops.conv import conv
from hptjax.ops.depthwise import depthwise
from hptjax.ops.moves import Pad

_NHWC = lax.ConvDimensionNumbers((0, 3, 1, 2), (3, 2, 0, 1), (0, 3, 1, 2))


def conv_general_dilated(
    lhs: Array,
    rhs: Array,
    window_strides: Sequence[int],
    padding: str | Sequence[tuple[int, int]],
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: Any = None,
    feature_group_count: int = 1,
    *,
    strict: bool = False,
    **others: Any,
) -> Array:
    """Computes `jax.lax.conv_general_dilated`, by our kernels where they can.

    Pass it as `conv_general_dilated=` to flax.linen.Conv or flax.nnx.Conv. lax computes the
    convolutions that our kernels cannot; with strict, these raise ConfigError.
    """
    call = _Call.of(lhs, rhs, window_strides, padding, rhs_dilation, feature_group_count)
    missing = _missing(lhs, rhs, call, lhs_dilation, dimension_numbers, others)
    if missing is None:
        return _convolved(lhs, rhs, call)
    if strict:
        raise ConfigError(f"hptjax.nn.Conv: {missing}; flax.linen.Conv takes others, more slowly.")
    return lax.conv_general_dilated(
        lhs,
        rhs,
        window_strides,
        padding,
        lhs_dilation=lhs_dilation,
        rhs_dilation=rhs_dilation,
        dimension_numbers=dimension_numbers,
        feature_group_count=feature_group_count,
        **others,
    )


_strict = partial(conv_general_dilated, strict=True)


class Conv(nn.Conv):
    """`flax.linen.Conv` on our kernels, for images [B, H, W, C].

    It has the fields and variables of Flax's Conv. Raises ConfigError for what our kernels cannot
    compute: other than two dimensions, numbers other than float32, strides or dilations that differ
    between rows and columns, input_dilation, a precision, and groups other than one or one per
    channel.
    """

    conv_general_dilated: Any = _strict


@dataclass(frozen=True)
class _Call:
    """How the kernel moves over rows and over columns. groups: of channels."""

    strides: tuple[int, ...]
    pads: tuple[Pad, ...]
    dilations: tuple[int, ...]
    groups: int

    @classmethod
    def of(
        cls,
        x: Array,
        kernel: Array,
        strides: Sequence[int],
        padding: str | Sequence[tuple[int, int]],
        dilations: Sequence[int] | None,
        groups: int,
    ) -> "_Call":
        """Returns the call with these arguments of lax, x [B, ..., C] and kernel [..., C, O]."""
        dilations = tuple(dilations or (1,) * len(strides))
        if isinstance(padding, str):
            reach = [d * (k - 1) + 1 for d, k in zip(dilations, kernel.shape, strict=False)]
            padding = lax.padtype_to_pads(x.shape[1:-1], reach, strides, padding)
        pads = tuple((before, after) for before, after in padding)
        return cls(tuple(strides), pads, dilations, groups)


def _missing(
    x: Array, kernel: Array, call: _Call, lhs_dilation: Any, numbers: Any, others: Any
) -> str | None:
    """Returns why our kernels cannot compute a call, for an error's text; None if they can."""
    height, width, _, features = (*kernel.shape, 0, 0)[:4]
    must = {
        "it must have images [B, H, W, C] and a kernel [H, W, C, O]": (
            x.ndim == kernel.ndim == 4
            and lax.conv_dimension_numbers(x.shape, kernel.shape, numbers) == _NHWC
        ),
        "numbers must be float32": x.dtype == kernel.dtype == jnp.float32,
        "strides must be the same for rows and columns": len(set(call.strides)) == 1,
        "kernel_dilation must be the same for rows and columns": len(set(call.dilations)) == 1,
        "input_dilation must be 1": set(lhs_dilation or (1,)) == {1},
        "padding must not be negative": min(sum(call.pads, (0,))) >= 0,
        "feature_group_count must be 1, or both the channels and the features": (
            call.groups == 1 or call.groups == x.shape[-1] == features
        ),
        "the kernel must fit into the padded images": all(
            size + sum(pad) > dilation * (k - 1)
            for size, pad, dilation, k in zip(
                x.shape[1:3], call.pads, call.dilations, (height, width), strict=False
            )
        ),
        "precision and other options of lax must be left out": not any(
            value is not None for value in others.values()
        ),
    }
    return next((text for text, holds in must.items() if not holds), None)


def _convolved(x: Array, kernel: Array, call: _Call) -> Array:
    """Convolves x [B, H, W, C] by a kernel [H, W, C, O]; our kernels must support the call."""
    x, stride, dilation = maps(x), call.strides[0], call.dilations[0]
    options: dict[str, Any] = {"stride": stride, "padding": call.pads, "dilation": dilation}
    if call.groups > 1:
        return images(depthwise(x, kernel[:, :, 0].transpose(2, 0, 1), **options))
    return images(conv(x, kernel.transpose(3, 0, 1, 2), **options))
