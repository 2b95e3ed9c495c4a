"""Freezes PyTorch's results for the parts of a recipe, as the reference of their tests.

    pip install 'hptjax[bench]'
    python -m experiments.make_recipe_reference          # writes tests/data/recipe_reference.npz

    optimizer/params [N], optimizer/grads [10, N]   where all start, and the gradients of each step
    optimizer/CASE/steps [10, N]      the params after each step
    schedule/CASE/factors [steps]     the learning rate at each step / the one that was given
    activation/x [points]             a grid with the kinks and both far ends
    activation/smooth [points]        bool: not at a kink (0, +-1, +-3, 6) of any of them
    activation/NAME/{value,grad}      [points]; at a kink the derivative is a convention
    activation/logsoftmax/{value,grad}  [B, K] of loss/logits; the gradient of the sum that
                                      loss/targets weighs
    loss/logits [B, K], loss/labels [B], loss/classes [K] (weights of the classes)
    loss/outputs [B, K], loss/targets [B, K]        of a regression; B the batch
    loss/flags [B, K] of 0 and 1, loss/positives [K] (weights of the positives)
    loss/CASE/{value,grad}            the mean over the batch, and its gradient [B, K]

The name of a case is the word in our table and its options in JSON: `sgd{"momentum": 0.9}`. The
options of an optimizer include `lr` and `weight_decay`, those of a schedule `steps` and `warmup`
(in steps, too). All is computed in float64 from float32 numbers, so that a test sees only its own
rounding.
"""

import argparse
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from experiments.benchmarks.peers.common import import_torch

torch = import_torch()

import torch.nn.functional as F  # noqa: E402  # pyright: ignore[reportMissingImports]

Tensor = torch.Tensor
Optimizer = torch.optim.Optimizer
LRScheduler = torch.optim.lr_scheduler.LRScheduler
STEPS = 10
Arrays = Iterator[tuple[str, Any]]

# {our option: PyTorch's name}; beta_1 and beta_2 are its pair
TORCH_NAMES = {"epsilon": "eps"}
OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": torch.optim.SGD,
    "rmsprop": torch.optim.RMSprop,
}
OPTIMIZER_CASES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("adam", {"lr": 1e-2}),
    ("adam", {"lr": 0.1, "weight_decay": 0.05, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3}),
    ("adam", {"lr": 1e-2, "beta_1": 0.0}),
    ("adamw", {"lr": 1e-2, "weight_decay": 0.01}),
    ("adamw", {"lr": 0.1, "weight_decay": 0.5, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3}),
    ("sgd", {"lr": 0.1}),
    ("sgd", {"lr": 0.1, "weight_decay": 0.05, "momentum": 0.9}),
    ("sgd", {"lr": 0.05, "weight_decay": 0.05, "momentum": 0.7, "nesterov": True}),
    ("rmsprop", {"lr": 1e-2}),
    ("rmsprop", {"lr": 1e-2, "weight_decay": 0.05, "alpha": 0.9, "momentum": 0.8}),
    ("rmsprop", {"lr": 1e-2, "weight_decay": 0.05, "alpha": 0.7, "epsilon": 0.1, "centered": True}),
    ("rmsprop", {"lr": 1e-2, "alpha": 0.9, "momentum": 0.5, "epsilon": 0.1, "centered": True}),
)

SCHEDULE_CASES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("constant", {"steps": 12}),
    ("cosine", {"steps": 20}),
    ("cosine", {"steps": 17, "end_factor": 0.1}),
    ("linear", {"steps": 12}),
    ("linear", {"steps": 12, "end_factor": 0.25}),
    ("polynomial", {"steps": 20, "power": 2.0}),
    ("polynomial", {"steps": 20, "power": 0.5, "decay_steps_factor": 0.6}),
    ("step", {"steps": 30}),
    ("step", {"steps": 20, "size": 0.15, "gamma": 0.5}),
    ("exponential", {"steps": 20}),
    ("exponential", {"steps": 12, "end_factor": 0.5}),
    ("one_cycle", {"steps": 20}),
    ("one_cycle", {"steps": 33, "pct_start": 0.1, "div_factor": 4.0, "final_div_factor": 100.0}),
    ("cosine", {"steps": 20, "warmup": 5}),
    ("step", {"steps": 22, "warmup": 2, "size": 0.25}),
    ("constant", {"steps": 15, "warmup": 6}),
)

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "none": torch.nn.Identity(),
    "relu": F.relu,
    "leaky_relu": F.leaky_relu,  # slope 0.01
    "elu": F.elu,
    "celu": F.celu,
    "selu": F.selu,
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "silu": F.silu,
    "hardswish": F.hardswish,
    "mish": F.mish,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "softplus": lambda x: torch.logaddexp(x, torch.zeros_like(x)),  # torch's is linear above 20
    "hardtanh": F.hardtanh,
    "hardsigmoid": F.hardsigmoid,
    "relu6": F.relu6,
    "softsign": F.softsign,
}
KINKS = (0.0, -1.0, 1.0, -3.0, 3.0, 6.0)


def named(word: str, options: Mapping[str, Any]) -> str:
    return word + json.dumps(options)


def single(value: Any) -> Any:
    """A float32 number in float64; other values unchanged."""
    return float(np.float32(value)) if isinstance(value, float) else value


def optimizer_arrays(rng: np.random.Generator) -> Arrays:
    start = rng.normal(size=8).astype(np.float32)
    grads = (rng.normal(size=(STEPS, 8)) * np.logspace(-3, 1, 8)).astype(np.float32)
    grads[:, 3] = 0.25  # a constant gradient has deviation zero
    yield "optimizer/params", start
    yield "optimizer/grads", grads
    for word, options in OPTIMIZER_CASES:
        given = {TORCH_NAMES.get(k, k): single(v) for k, v in options.items()}
        if word.startswith("adam"):
            given["betas"] = single(given.pop("beta_1", 0.9)), single(given.pop("beta_2", 0.999))
        params = torch.tensor(start, dtype=torch.float64, requires_grad=True)
        optimizer = OPTIMIZERS[word]([params], **{"weight_decay": 0.0, **given})
        steps = []
        for gradient in grads:
            params.grad = torch.tensor(gradient, dtype=torch.float64)
            optimizer.step()
            steps.append(params.detach().numpy().copy())
        yield f"optimizer/{named(word, options)}/steps", np.stack(steps)


def scheduler(
    word: str, optimizer: Optimizer, steps: int, options: Mapping[str, Any]
) -> LRScheduler:
    """PyTorch's scheduler for our word; `steps`: the steps of the whole training."""
    lrs, end = torch.optim.lr_scheduler, options.get("end_factor", 0.0)
    decay = round(steps * options.get("decay_steps_factor", 1.0))
    drop = round(steps * options.get("size", 1 / 3))
    made: dict[str, Callable[[], LRScheduler]] = {
        "constant": lambda: lrs.ConstantLR(optimizer, 1.0),
        "cosine": lambda: lrs.CosineAnnealingLR(optimizer, steps, eta_min=end),
        "linear": lambda: lrs.LinearLR(optimizer, 1.0, end, steps),
        "polynomial": lambda: lrs.PolynomialLR(optimizer, decay, options["power"]),
        "step": lambda: lrs.StepLR(optimizer, drop, options.get("gamma", 0.1)),
        "exponential": lambda: lrs.ExponentialLR(
            optimizer, options.get("end_factor", 0.01) ** (1 / steps)
        ),
        "one_cycle": lambda: lrs.OneCycleLR(optimizer, 1.0, steps, **options),
    }
    return made[word]()


def schedule_arrays() -> Arrays:
    for word, options in SCHEDULE_CASES:
        own = {name: v for name, v in options.items() if name not in ("steps", "warmup")}
        steps, warmup = options["steps"], options.get("warmup", 0)
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        schedule = scheduler(word, optimizer, steps - warmup, own)
        factors = []
        for i in range(warmup):  # by hand: chained PyTorch schedulers may restart the second one
            factors.append((i + 1) / warmup * optimizer.param_groups[0]["lr"])
        for _ in range(steps - warmup):
            factors.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            schedule.step()
        yield f"schedule/{named(word, options)}/factors", np.array(factors)


def activation_arrays() -> Arrays:
    far = np.array([10.0, 20.0, 50.0, 88.0, 100.0, 1e4])
    near = np.array([1e-6, 1e-3, 0.1, 0.5, 2.0, 2.5, 4.0, 5.0, 7.0])
    points = np.concatenate([far, near, -far, -near, KINKS])
    x = np.sort(points).astype(np.float32)
    yield "activation/x", x
    yield "activation/smooth", ~np.isin(x, KINKS)
    for name, function in ACTIVATIONS.items():
        given = torch.tensor(x, dtype=torch.float64, requires_grad=True)
        value = function(given)
        value.sum().backward()
        yield f"activation/{name}/value", value
        yield f"activation/{name}/grad", given.grad


def loss_arrays(rng: np.random.Generator) -> Arrays:
    logits = rng.normal(size=(6, 5)) * 3
    logits[5] *= 20  # too large for a careless exp
    given = {
        "logits": logits,
        "outputs": rng.normal(size=(6, 5)) * 2,
        "targets": rng.normal(size=(6, 5)),
        "classes": rng.uniform(0.2, 3, 5),
        "positives": rng.uniform(0.2, 3, 5),
        "flags": rng.integers(0, 2, (6, 5)),
    }
    given = {name: array.astype(np.float32) for name, array in given.items()}
    labels = np.array([0, 1, 2, 3, 4, 1], np.int32)
    yield "loss/labels", labels
    yield from ((f"loss/{name}", array) for name, array in given.items())
    t = {name: torch.tensor(array, dtype=torch.float64) for name, array in given.items()}
    y = torch.tensor(labels, dtype=torch.int64)
    smooth, delta = single(0.1), 0.5
    yield from log_softmax_arrays(t["logits"], t["targets"])
    cases: dict[str, tuple[str, Callable[[Tensor], Tensor]]] = {
        "cross_entropy": ("logits", lambda z: F.cross_entropy(z, y)),
        'cross_entropy{"label_smoothing": 0.1}': (
            "logits",
            lambda z: F.cross_entropy(z, y, label_smoothing=smooth),
        ),
        'cross_entropy{"class_weights": true}': (  # divided by the sum of the images' weights
            "logits",
            lambda z: F.cross_entropy(z, y, t["classes"]),
        ),
        'cross_entropy{"class_weights": true, "label_smoothing": 0.1}': (
            "logits",
            lambda z: F.cross_entropy(z, y, t["classes"], label_smoothing=smooth),
        ),
        "binary_cross_entropy": (
            "logits",
            lambda z: F.binary_cross_entropy_with_logits(z, t["flags"]),
        ),
        'binary_cross_entropy{"pos_weight": true}': (
            "logits",
            lambda z: F.binary_cross_entropy_with_logits(z, t["flags"], pos_weight=t["positives"]),
        ),
        "mse": ("outputs", lambda z: F.mse_loss(z, t["targets"])),
        "l1": ("outputs", lambda z: F.l1_loss(z, t["targets"])),
        'huber{"delta": 0.5}': ("outputs", lambda z: F.huber_loss(z, t["targets"], delta=delta)),
        'smooth_l1{"beta": 0.5}': (
            "outputs",
            lambda z: F.smooth_l1_loss(z, t["targets"], beta=delta),
        ),
    }
    for name, (of, function) in cases.items():
        outputs = t[of].clone().requires_grad_()
        value = function(outputs)
        value.backward()
        yield f"loss/{name}/value", value
        yield f"loss/{name}/grad", outputs.grad


def log_softmax_arrays(logits: Tensor, weights: Tensor) -> Arrays:
    outputs = logits.clone().requires_grad_()
    value = F.log_softmax(outputs, 1)
    (value * weights).sum().backward()
    yield "activation/logsoftmax/value", value
    yield "activation/logsoftmax/grad", outputs.grad


def as_array(value: Any) -> np.ndarray:
    array = value.detach().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)
    return array.astype(np.float32) if array.dtype.kind == "f" else array


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("tests/data/recipe_reference.npz"))
    out = parser.parse_args().out
    rng = np.random.default_rng(0)
    arrays = dict(optimizer_arrays(rng))
    arrays |= dict(schedule_arrays()) | dict(activation_arrays()) | dict(loss_arrays(rng))
    arrays = {name: as_array(value) for name, value in arrays.items()}
    np.savez_compressed(out, **arrays)
    size = out.stat().st_size / 1024
    print(f"{out}: {len(arrays)} arrays, {size:.0f} KB, torch {torch.__version__}")


if __name__ == "__main__":
    main()
