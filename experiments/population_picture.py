"""Draws the curves of 48 different networks that were trained at once.

    python -m experiments.population_picture [--out FILE.png]

The networks have one structure, and differ in widths, activation, dropout, optimizer, learning
rate and its schedule. They are random points of the space below, trained on the bundled sample.
FILE.png is population.png by default; `--out docs/assets/population.png` replaces the README's.
"""

import argparse
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.ticker import MaxNLocator

import hptjax
from hptjax import choice, integer, loguniform, uniform
from hptjax import layers as L

OUT = Path("population.png")
ACTIVATIONS = choice(["relu", "gelu", "tanh", "silu"])
IMAGES = "sample"
NETWORKS, EPOCHS = 48, 16
COLOURS = matplotlib.colormaps["viridis_r"]


def model() -> hptjax.Model:
    """A convolutional network of one structure, with the hparams that vary."""
    first = L.Conv(integer(4, 24, log=True), stride=2, activation=ACTIVATIONS)
    second = L.Conv(integer(4, 24, log=True), stride=2, activation=ACTIVATIONS)
    return hptjax.Model(
        layers=[first, second, L.Flatten(), L.Dropout(uniform(0.0, 0.6)), L.Head()],
        optimizer=choice(["adam", "adamw", "sgd", "rmsprop"]),
        lr=loguniform(1e-4, 1e-1),
        lr_schedule=choice(["constant", "cosine"]),
        batch_size=32,
    )


def accuracies(trial: hptjax.Trial) -> np.ndarray:
    """The validation accuracy of each epoch, [epochs]; NaN where there is none."""
    curve = trial.curves["val_accuracy"]
    return np.array([np.nan if value is None else value for value in curve])


def draw(result: hptjax.Result, out: Path) -> None:
    """Writes the figure; result: a search whose trials all have curves of val_accuracy."""
    norm = LogNorm(1e-4, 1e-1)
    figure, axes = plt.subplots(figsize=(8.6, 3.6), layout="constrained")
    best = max(result.trials, key=lambda trial: np.nan_to_num(accuracies(trial)[-1]))
    for trial in result.trials:
        curve = accuracies(trial)
        strong = trial is best
        axes.plot(
            np.arange(1, len(curve) + 1),
            curve,
            color=COLOURS(norm(trial.hparams["lr"])),
            linewidth=2.4 if strong else 0.9,
            alpha=1.0 if strong else 0.75,
            zorder=3 if strong else 2,
        )
    best_curve = accuracies(best)
    name = f"{best.hparams['conv0.out_channels']} and {best.hparams['conv1.out_channels']} channels"
    axes.annotate(
        f"{best_curve[-1]:.3f}: {best.hparams['optimizer']}, {name}",
        (len(best_curve), best_curve[-1]),
        xytext=(-8, 10),
        textcoords="offset points",
        ha="right",
        fontsize=9,
    )
    axes.set(xlabel="epoch", ylabel="validation accuracy", ylim=(0.4, 0.92), xlim=(1, EPOCHS))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="0.9", linewidth=0.8)
    bar = figure.colorbar(ScalarMappable(norm, COLOURS), ax=axes, pad=0.01)
    bar.set_label("learning rate")
    bar.outline.set_visible(False)
    figure.savefig(out, dpi=160)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=OUT, help=f"the file (default: {OUT})")
    args = parser.parse_args()
    matplotlib.use("agg")
    result = hptjax.tune(
        model(),
        IMAGES,
        searcher="random",
        trials=NETWORKS,
        population_size=NETWORKS,
        epochs=EPOCHS,
        out=False,
    )
    draw(result, args.out)
    print(f"Wrote {args.out}.")


if __name__ == "__main__":
    main()
