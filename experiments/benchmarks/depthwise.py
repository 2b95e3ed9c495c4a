"""Times depthwise convolutions with their gradients: our kernels, products per tap, XLA's own.

    taskset -c 0 python -m experiments.benchmarks.depthwise          # one core
    taskset -c 0 python -m experiments.benchmarks.depthwise --torch  # PyTorch's beside them

The ways take turns; medians are shown. The seconds of the first call include compiling.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from hptjax.ops import taps
from hptjax.ops.depthwise import depthwise

from .common import show

STEPS, ROUNDS = 8, 7
SHAPES = [  # channels, height and width, images, kernel, stride
    (32, 14, 64, 7, 1),
    (16, 28, 64, 7, 1),
    (64, 14, 32, 5, 1),
    (32, 14, 64, 3, 1),
    (32, 14, 64, 3, 2),
    (64, 7, 64, 3, 1),
]
Run = Callable[[], Any]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--torch", action="store_true", help="PyTorch's, too (extra [torch])")
    args = parser.parse_args()
    ways: dict[str, Callable[..., Run]] = {
        "kernels": lambda *given: _jitted(_ours(depthwise), *given),
        "taps": lambda *given: _jitted(_ours(taps.depthwise), *given),
        "XLA": lambda *given: _jitted(_xla, *given),
    }
    if args.torch:
        ways["PyTorch"] = _torch
    rows = []
    for channels, side, images, kernel, stride in SHAPES:
        rng = np.random.default_rng(0)
        x = rng.normal(size=(channels, side, side, images)).astype(np.float32)
        w = (0.1 * rng.normal(size=(channels, kernel, kernel))).astype(np.float32)
        out = (side + 2 * (kernel // 2) - kernel) // stride + 1
        gflop = 3 * 2 * channels * out**2 * images * kernel**2 / 1e9
        runs = {way: make(x, w, stride) for way, make in ways.items()}
        first = {way: _seconds(run) for way, run in runs.items()}
        rounds = [{way: _seconds(run) for way, run in runs.items()} for _ in range(ROUNDS)]
        times = {way: statistics.median(r[way] for r in rounds) / STEPS for way in runs}
        rows.append(
            [
                f"{channels} x {side} x {side}, {images} images, {kernel} x {kernel} / {stride}",
                *(f"{1e3 * times[way]:.2f} ({first[way]:.1f})" for way in runs),
                f"{gflop / times['kernels']:.0f}",
                *(f"{times[way] / times['kernels']:.1f}" for way in runs if way != "kernels"),
            ]
        )
    named = [f"{way}, ms (first call, s)" for way in ways]
    ratios = [f"{way} / kernels" for way in ways if way != "kernels"]
    show("Depthwise convolutions", ["maps", *named, "kernels, GFLOP/s", *ratios], rows)


def _seconds(run: Run) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def _ours(function: Callable[..., Array]) -> Callable[..., Array]:
    def convolve(x: Array, w: Array, stride: int) -> Array:
        pad = w.shape[1] // 2, w.shape[1] // 2
        return function(x, w, stride=stride, padding=(pad, pad))

    return convolve


def _xla(x: Array, w: Array, stride: int) -> Array:
    """XLA's convolution on [B, H, W, C], Flax's order, from maps in that order."""
    pad = w.shape[1] // 2, w.shape[1] // 2
    return lax.conv_general_dilated(
        x.transpose(3, 1, 2, 0),
        w.transpose(1, 2, 0)[:, :, None],
        (stride, stride),
        (pad, pad),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=len(w),
    )


def _jitted(convolve: Callable[..., Array], x: np.ndarray, w: np.ndarray, stride: int) -> Run:
    """A compiled loop of A compiled loop of STEPS steps, each of which needs the one before."""

    def step(carry: tuple[Array, Array], _: None):
        y, back = jax.vjp(lambda x, w: convolve(x, w, stride), *carry)
        gradients = back(y)
        return tuple(a - 1e-6 * g for a, g in zip(carry, gradients, strict=True)), None

    run = jax.jit(lambda x, w: lax.scan(step, (x, w), None, length=STEPS)[0])
    return lambda: jax.block_until_ready(run(jnp.asarray(x), jnp.asarray(w)))


def _torch(x: np.ndarray, w: np.ndarray, stride: int) -> Run:
    """PyTorch's convolution on [B, C, H, W] in channels_last, on one thread."""
    import torch  # pyright: ignore[reportMissingImports]

    torch.set_num_threads(1)
    maps = torch.from_numpy(x.transpose(3, 0, 1, 2).copy())
    maps = maps.contiguous(memory_format=torch.channels_last)
    kernel = torch.from_numpy(w[:, None].copy())

    def run() -> None:
        a, b = maps.clone().requires_grad_(), kernel.clone().requires_grad_()
        for _ in range(STEPS):
            y = torch.nn.functional.conv2d(a, b, None, stride, w.shape[1] // 2, groups=len(w))
            grads = torch.autograd.grad(y, (a, b), y.detach())
            with torch.no_grad():
                for array, gradient in zip((a, b), grads, strict=True):
                    array -= 1e-6 * gradient

    return run


if __name__ == "__main__":
    main()
