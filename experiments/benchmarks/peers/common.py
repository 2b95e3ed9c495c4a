"""What all peers share: tasks, batches, work estimates, cores, checks on their populations."""

import gzip
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hptjax.errors import ConfigError, DataError, MissingExtraError

Config = Mapping[str, Any]
OPTIMISER = ("lr", "weight_decay", "beta_1", "beta_2")


@dataclass(frozen=True, eq=False)
class Task:
    """What to train and how.

    members: dicts in the original study's form; images uint8 [N, H, W, C], labels [N]; steps: of
    each member in a round. plan: configs that our engine plans its program from (empty: members);
    others: another population, for the check on recompilation. augment: with augmentation, and a
    fifth of the images held out and evaluated (ours and original_pipeline only). exact: our engine
    compiles a body for each member's own shape. device: of PyTorch's peers; JAX has its own way.
    streams: of torch_graphs.
    """

    members: Sequence[Config]
    images: np.ndarray
    labels: np.ndarray
    steps: int = 20
    threads: int = 2
    channels_last: bool = False
    fused: bool = False
    augment: bool = False
    exact: bool = False
    device: str = "cpu"
    streams: int = 1
    plan: Sequence[Config] = ()
    others: Sequence[Config] = ()


@dataclass(frozen=True)
class Round:
    """Seconds of one round; losses of each member's last step show that training took place."""

    seconds: float
    losses: tuple[float, ...] = ()


@dataclass(frozen=True)
class Prepared:
    """A peer built, compiled and warmed up: every call of `run` trains on for one round."""

    run: Callable[[], Round]
    info: Mapping[str, Any] = field(default_factory=dict)


def import_torch() -> Any:
    """Imports torch, or says which extra brings it."""
    try:
        import torch  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise MissingExtraError("this benchmark peer", "torch", "bench") from error
    return torch


def batch_starts(count: int, batch_size: int, steps: int) -> list[int]:
    """First image of each step's batch: consecutive, wrapping round, a last part dropped."""
    if not 0 < batch_size <= count:
        raise ConfigError(f"a batch of {batch_size} needs as many images, got {count}.")
    per_epoch = count // batch_size
    return [step % per_epoch * batch_size for step in range(steps)]


def pixels(images: np.ndarray) -> np.ndarray:
    """uint8 [N, H, W, C] -> float32 in [0, 1], same layout."""
    return images.astype(np.float32) / 255


def step_flops(member: Config, height: int, width: int) -> int:
    """Floating-point operations of one forward pass of a batch: convolutions and linear layers."""
    net = member["resnet_config"]
    size, total = (height, width), 0
    for depth, conv in enumerate((net["first_conv"], *net["block_list"])):
        k, padding = conv["kernel_size"], conv["padding"]
        total_pad = k - 1 if padding == "same" else 2 * padding
        size = tuple((n + total_pad - k) // conv["stride"] + 1 for n in size)
        taps = conv["in_channels"] * k * k
        if depth:  # a block: the second convolution and the 1x1 shortcut as well
            taps += conv["out_channels"] * k * k + conv["in_channels"]
        total += taps * conv["out_channels"] * size[0] * size[1]
    total += sum(b["in_size"] * b["out_size"] for b in member["mlp_config"]["block_list"])
    return 2 * total * member["batch_size"]


def shape_of(member: Config) -> dict[str, Any]:
    """The member without the numbers of its optimiser: equal shapes can share one program."""
    return {key: value for key, value in member.items() if key not in OPTIMISER}


def check_equal_shapes(members: Sequence[Config]) -> None:
    """Raises ConfigError unless all members differ in their optimiser's numbers only."""
    odd = [k for k, member in enumerate(members) if shape_of(member) != shape_of(members[0])]
    if odd:
        raise ConfigError(
            "this peer needs members that differ in lr, weight_decay and betas only; "
            f"members {odd} differ from member 0 in more."
        )


def limit_cores(count: int) -> None:
    """Confines this process to `count` cores; XLA sizes its pool so, hence before its first use."""
    if not hasattr(os, "sched_setaffinity"):
        return  # not Linux: XLA takes all cores, and the figures must say so
    cores = sorted(os.sched_getaffinity(0))
    if count > len(cores):
        raise ConfigError(f"threads must be at most the {len(cores)} usable cores, got {count}.")
    os.sched_setaffinity(0, cores[:count])


def read_idx(path: Path) -> np.ndarray:
    """Reads a gzipped IDX file of uint8 (the format of MNIST); DataError where it is none."""
    if not path.is_file():
        raise DataError(f"{path}: no such file; FashionMNIST's four idx.gz files are needed.")
    raw = gzip.decompress(path.read_bytes())
    if raw[:3] != b"\x00\x00\x08":
        raise DataError(f"{path}: not an IDX file of unsigned bytes.")
    shape = np.frombuffer(raw, ">i4", count=raw[3], offset=4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(shape)


def fashion_mnist(folder: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 [N, 28, 28, 1] and labels int32 [N]; split: "train" or "t10k"."""
    images = read_idx(folder / f"{split}-images-idx3-ubyte.gz")
    labels = read_idx(folder / f"{split}-labels-idx1-ubyte.gz")
    return images[..., None], labels.astype(np.int32)


def default_member() -> dict[str, Any]:
    """The original study's default model, in its dict form."""
    conv = ("in_channels", "out_channels", "kernel_size", "stride", "padding")
    slp = ("in_size", "out_size", "activation_fun", "batch_norm", "dropout")
    blocks = [(32, 16, 3, 2, 1), (16, 8, 3, 1, "same")]
    layers = [(72, 64, "relu", True, 0.1), (64, 10, "logsoftmax", False, 0.0)]
    return {
        "weight_decay": 1e-4,
        "batch_size": 64,
        "beta_1": 0.9,
        "beta_2": 0.999,
        "lr": 1e-3,
        "init_width": 28,
        "init_length": 28,
        "resnet_config": {
            "first_conv": dict(zip(conv, (1, 32, 3, 2, 1), strict=True)),
            "block_list": [dict(zip(conv, block, strict=True)) for block in blocks],
            "pool_size": 2,
        },
        "mlp_config": {"block_list": [dict(zip(slp, row, strict=True)) for row in layers]},
        "img_key": 0,
        "class_key": 1,
    }
