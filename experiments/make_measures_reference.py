"""Freezes scikit-learn's measures of some outputs, as the reference of the measures' tests.

    pip install scikit-learn
    python -m experiments.make_measures_reference      # writes tests/data/measures_reference.npz

    classes/CASE/outputs [N, K], classes/CASE/targets [N]       of a classification
    labels/CASE/outputs [N, K], labels/CASE/targets [N, K]      of several labels, 0 or 1
    targets/CASE/outputs [N, T], targets/CASE/targets [N, T]    of a regression, [N] if T is 1
    KIND/CASE/MEASURE                                           scalar

In the cases `plain` every class and label occurs. In `absent` class 1 has no image and is never
predicted, class 2 has none and is predicted, class 3 is never predicted; likewise the labels. In
`far` targets lie far from zero; in `constant` one of them is the same for all images. Made by
scikit-learn 1.9.1.
"""

import argparse
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sklearn import metrics  # pyright: ignore[reportMissingImports]

Arrays = Iterator[tuple[str, Any]]
COUNT, CLASSES = 60, 6


def classes(case: str, outputs: np.ndarray, targets: np.ndarray) -> Arrays:
    guesses, numbers = outputs.argmax(1), np.arange(outputs.shape[1])
    yield f"classes/{case}/outputs", outputs
    yield f"classes/{case}/targets", targets
    each: Any = None  # scikit-learn has no types, and its defaults are strings
    recalls: Any = metrics.recall_score(targets, guesses, labels=numbers, average=each)
    found = {
        "accuracy": metrics.accuracy_score(targets, guesses),
        "balanced_accuracy": metrics.balanced_accuracy_score(targets, guesses),
        "macro_f1": metrics.f1_score(targets, guesses, average="macro"),
        "macro_precision": metrics.precision_score(targets, guesses, average="macro"),
        "macro_recall": metrics.recall_score(targets, guesses, average="macro"),
        **{
            f"top_{k}_accuracy": metrics.top_k_accuracy_score(targets, outputs, k=k, labels=numbers)
            for k in (1, 2, 3)
        },
        **{f"recall_{k}": recalls[k] for k in numbers},
    }
    yield from ((f"classes/{case}/{name}", np.float64(value)) for name, value in found.items())


def labels(case: str, outputs: np.ndarray, targets: np.ndarray) -> Arrays:
    guesses = (outputs > 0).astype(int)
    yield f"labels/{case}/outputs", outputs
    yield f"labels/{case}/targets", targets
    found = {
        "accuracy": metrics.accuracy_score(targets, guesses),
        "hamming_loss": metrics.hamming_loss(targets, guesses),
        "macro_f1": metrics.f1_score(targets, guesses, average="macro"),
        "micro_f1": metrics.f1_score(targets, guesses, average="micro"),
    }
    yield from ((f"labels/{case}/{name}", np.float64(value)) for name, value in found.items())


def targets(case: str, outputs: np.ndarray, wanted: np.ndarray) -> Arrays:
    yield f"targets/{case}/outputs", outputs
    yield f"targets/{case}/targets", wanted
    given = wanted.reshape(len(wanted), -1).astype(np.float64), outputs.astype(np.float64)
    found = {
        "mae": metrics.mean_absolute_error(*given),
        "rmse": metrics.root_mean_squared_error(*given),
        "r2": metrics.r2_score(*given),
    }
    yield from ((f"targets/{case}/{name}", np.float64(value)) for name, value in found.items())


def arrays(rng: np.random.Generator) -> Arrays:
    own = rng.integers(0, CLASSES, COUNT)
    outputs = rng.normal(size=(COUNT, CLASSES)).astype(np.float32)
    outputs[np.arange(COUNT), own] += 1.5
    yield from classes("plain", outputs, own)
    own, outputs = own.copy(), outputs.copy()
    own[(own == 1) | (own == 2)] = 0
    outputs[:, [1, 3]] -= 20
    yield from classes("absent", outputs, own)
    flags = rng.integers(0, 2, (COUNT, 4))
    outputs = (rng.normal(size=flags.shape) + 2 * flags - 1).astype(np.float32)
    yield from labels("plain", outputs, flags)
    flags, outputs = flags.copy(), outputs.copy()
    flags[:, [1, 2]] = 0
    outputs[:, [1, 3]] = -1
    yield from labels("absent", outputs, flags)
    for case, shape in (("plain", (COUNT,)), ("several", (COUNT, 3)), ("far", (COUNT, 2))):
        wanted = rng.normal(size=shape).astype(np.float32) + 1000 * np.float32(case == "far")
        noise = rng.normal(0, 0.5, (COUNT, wanted.size // COUNT)).astype(np.float32)
        yield from targets(case, wanted.reshape(COUNT, -1) + noise, wanted)
    wanted = rng.normal(size=(COUNT, 2)).astype(np.float32)
    wanted[:, 1] = 0.1
    outputs = wanted + rng.normal(0, 0.5, wanted.shape).astype(np.float32)
    yield from targets("constant", outputs, wanted)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("tests/data/measures_reference.npz"))
    warnings.simplefilter("ignore")  # warnings about absent classes
    np.savez_compressed(parser.parse_args().out, **dict(arrays(np.random.default_rng(0))))
