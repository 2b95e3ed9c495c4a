"""Measures the cost of maps with fewer bits: losses of networks with rounded maps.

    nice -n 10 python -m experiments.benchmarks.rounding [--networks 29] [--seeds 3] [--epochs 3]
        [--images 6400] [--data auto] [--precisions control f16 bf16]

Networks of the trial-1 space are trained on one core in float32, then again from the same weights,
with the same images and dropout. In the second training every map, its gradient and the kernels of
convolutions are rounded to the numbers of a format. Sums, statistics, weights, moments and all
units stay in float32.

`bf16` is `precision: bfloat16` of the recipe, which does not round in evaluation. The others are
patches, which do. `control` keeps 22 of the 23 bits of a float32: another order of additions would
make about the same difference. In `f16`, gradients are rounded as if the loss were multiplied by
4096. A seed is a draw of weights and of dropout; all seeds have the same images in the same order.
The last line of output is one JSON object.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple
from unittest.mock import patch

import jax
import numpy as np
from jax import Array, lax

from hptjax.config.schema import ModelConfig
from hptjax.devices import set_up
from hptjax.models.layers import conv, norms, pieces, pools, residual
from hptjax.population import Member, Population, PopulationTrainer, make_plan

from .common import machine, mixed_members, rounded, show, shuffled, training_images

VALIDATION = 2048  # images
METRICS = ("train_loss", "val_loss", "val_accuracy")


class Format(NamedTuple):
    """The bits of exponent and mantissa; scale: the factor of the loss."""

    exponent: int
    mantissa: int
    scale: float = 1.0


FORMATS = {"control": Format(8, 22), "f16": Format(5, 10, 4096.0)}
BF16 = "bf16"  # hptjax's own: `precision: bfloat16` in the recipe
PRECISIONS = [*FORMATS, BF16]


@contextmanager
def rounded_maps(form: Format) -> Iterator[None]:
    """Makes programs traced within round maps [C, H, W, B], their gradients, and kernels."""

    def nearest(x: Array, scale: float = 1.0) -> Array:
        return lax.reduce_precision(x * scale, form.exponent, form.mantissa) / scale

    @jax.custom_vjp
    def both_ways(x: Array) -> Array:
        return nearest(x)

    both_ways.defvjp(lambda x: (nearest(x), None), lambda _, g: (nearest(g, form.scale),))

    @jax.custom_vjp
    def straight(w: Array) -> Array:
        """A rounded kernel for products; its gradient stays in float32."""
        return nearest(w)

    straight.defvjp(lambda w: (nearest(w), None), lambda _, g: (g,))

    def maps(x: Array) -> Array:
        return both_ways(x) if x.ndim == 4 else x

    def giving(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(x: Any, *args: Any, **options: Any) -> Any:
            given = function(x, *args, **options)
            return (maps(given[0]), *given[1:]) if isinstance(given, tuple) else maps(given)

        return wrapped

    def convolution(x: Array, w: Array, *args: Any, **options: Any) -> Array:
        # images are maps, too: the first layer's input is rounded
        return maps(_conv(maps(x), straight(w), *args, **options))

    def both(x: Array, w: Array, p: Array, *args: Any, **options: Any) -> tuple[Array, Array]:
        y, z = _both(x, straight(w), straight(p), *args, **options)
        return maps(y), maps(z)

    _conv, _both = conv.conv, residual.conv_and_projection
    changed = [
        (conv, "conv", convolution),
        (residual, "conv", convolution),
        (residual, "conv_and_projection", both),
        (norms, "normalise", giving(norms.normalise)),
        (norms, "normalise_by", giving(norms.normalise_by)),
        (residual, "activated", giving(residual.activated)),
        (residual, "normed_sum", giving(residual.normed_sum)),
        (pieces, "activated", giving(pieces.activated)),
        (pools, "average_pool", giving(pools.average_pool)),
    ]
    with ExitStack() as stack:
        for module, name, function in changed:
            stack.enter_context(patch.object(module, name, function))
        yield


def trained(args: argparse.Namespace, name: str | None) -> tuple[dict[str, np.ndarray], float]:
    """{metric: [networks, seeds]} after the last epoch, and the CPU seconds of the training.

    name: of the precision; None: float32.
    """
    recipe = {"precision": "bfloat16" if name == BF16 else "float32"}
    trees = mixed_members(args.networks, 0)
    configs = [ModelConfig.from_dict(tree).model_copy(update=recipe) for tree in trees]
    images = shuffled(training_images(args.data, args.data_dir), 0)
    count = min(args.images, images.size - VALIDATION)
    began = sum(os.times()[:2])
    members = [
        Member(config, k + len(configs) * seed)
        for k, config in enumerate(configs)
        for seed in range(args.seeds)
    ]
    with ExitStack() as stack:
        if name in FORMATS:
            stack.enter_context(rounded_maps(FORMATS[name]))
        trainer = PopulationTrainer(
            make_plan(configs, capacity=len(members)),
            images.take(np.arange(VALIDATION, VALIDATION + count)),
            images.take(np.arange(VALIDATION)),
            seed=0,
            augment=False,
            devices=jax.local_devices()[:1],
        )
        curves = Population.start(trainer, members).advance(args.epochs).curves
    last = {name: np.asarray(curves[name])[-1] for name in METRICS}
    seconds = sum(os.times()[:2]) - began
    return {name: row.reshape(-1, args.seeds) for name, row in last.items()}, seconds


def compared(ours: np.ndarray, plain: np.ndarray) -> dict[str, float]:
    """Mean difference, its standard error by networks, and spread, over pairs that are finite."""
    difference = ours - plain
    finite = np.isfinite(difference)
    by_network = np.array([row[ok].mean() for row, ok in zip(difference, finite, strict=True)])
    error = np.std(by_network, ddof=1) / np.sqrt(len(by_network))
    return {
        "mean": float(ours[finite].mean()),
        "difference": float(difference[finite].mean()),
        "error": float(error),
        "median": float(np.median(difference[finite])),
        "median_size": float(np.median(np.abs(difference[finite]))),
        "worse": float((difference[finite] > 0).mean()),
        "not_finite": int((~np.isfinite(ours)).sum()),
    }


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--networks", type=int, default=29)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--images", type=int, default=6400, help="to train on")
    parser.add_argument("--data", default="auto")
    parser.add_argument("--data-dir", default=None)
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=PRECISIONS)
    args = parser.parse_args(given)
    set_up(compile_cache=False)
    plain, seconds = trained(args, None)
    print(f"{machine()}\nf32: {seconds:.0f} s of CPU", file=sys.stderr, flush=True)
    found: dict[str, Any] = {}
    for name in args.precisions:
        ours, seconds = trained(args, name)
        found[name] = {metric: compared(ours[metric], plain[metric]) for metric in METRICS}
        print(f"{name}: {seconds:.0f} s of CPU, {found[name]}", file=sys.stderr, flush=True)
    rows = []
    for metric in METRICS:
        rows.append([f"{metric}, f32", float(np.nanmean(plain[metric]))])
        for name, of in found.items():
            own = of[metric]
            both = f"{own['difference']:+.4f} +- {own['error']:.4f}"
            figures = f"{own['median']:+.4f}", own["median_size"], f"{own['worse']:.0%}"
            rows.append([f"{metric}, {name}", own["mean"], both, *figures, own["not_finite"]])
    columns = ["what", "mean", "paired difference", "its median", "median size", "larger"]
    columns.append("not finite")
    rows = [[*row, *(None,) * (len(columns) - len(row))] for row in rows]
    show(
        f"{args.networks} networks of the trial-1 space, {args.seeds} seeds, {args.epochs} epochs "
        f"of {args.images} images; +-: standard error by networks",
        columns,
        rows,
    )
    numbers = {
        name: {m: {k: rounded(v) for k, v in own.items()} for m, own in of.items()}
        for name, of in found.items()
    }
    print(json.dumps({"f32": {m: float(np.nanmean(v)) for m, v in plain.items()}} | numbers))
    return 0


if __name__ == "__main__":
    sys.exit(main())
