"""Training one PyTorch network on images that lie in memory, as fast as a CPU does it.

No DataLoader: its workers and copies cost more than these networks. No torch.compile: every trial
has another shape, and compiling one takes longer than training it.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch  # pyright: ignore[reportMissingImports]
import torch.nn.functional as F  # pyright: ignore[reportMissingImports]
from torch import Tensor, nn  # pyright: ignore[reportMissingImports]

EVALUATED = 128  # images at a time: their maps should stay in the cache

Augment = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Split:
    """Images float32 [N, C, H, W] in [0, 1] and labels int64 [N]."""

    images: Tensor
    labels: Tensor

    @classmethod
    def from_arrays(cls, images: np.ndarray, labels: np.ndarray) -> "Split":
        """images: uint8 [N, H, W, C]; the tensor is in channels_last order without a copy more."""
        pixels = torch.from_numpy(images.astype(np.float32) / 255)
        return cls(pixels.permute(0, 3, 1, 2), torch.from_numpy(labels.astype(np.int64)))

    def laid_out(self, layout: torch.memory_format) -> "Split":
        return Split(self.images.contiguous(memory_format=layout), self.labels)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height, width."""
        channels, height, width = self.images.shape[1:]
        return channels, height, width


@dataclass(frozen=True)
class Data:
    """What hptjax trains on, too.

    test: None where the source has no test set. epoch_images: that an epoch goes through, the first
    of its order.
    """

    train: Split
    validation: Split
    test: Split | None
    classes: int
    epoch_images: int

    @classmethod
    def read(cls, path: str) -> "Data":
        """From the file that `experiments.spaces.arrays` writes."""
        with np.load(path) as arrays:
            parts = {
                name: Split.from_arrays(arrays[f"x_{name}"], arrays[f"y_{name}"])
                for name in ("train", "validation", "test")
                if f"x_{name}" in arrays
            }
            counts = int(arrays["K"]), int(arrays["epoch_images"])
            return cls(parts["train"], parts["validation"], parts.get("test"), *counts)

    def laid_out(self, layout: torch.memory_format) -> "Data":
        test = None if self.test is None else self.test.laid_out(layout)
        train, validation = self.train.laid_out(layout), self.validation.laid_out(layout)
        return Data(train, validation, test, self.classes, self.epoch_images)


@dataclass(frozen=True)
class Candidate:
    """A network and how it is trained.

    lr_factor: of (step, steps), step from 0; None: constant. augment: of a batch [B, C, H, W].
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    batch_size: int
    lr_factor: Callable[[int, int], float] | None = None
    label_smoothing: float = 0.0
    augment: Augment | None = None


def train(candidate: Candidate, data: Data, epochs: int) -> float:
    """Validation accuracy after the last epoch, measured after each; 0 once a loss is not finite.

    Every epoch is shuffled anew, and the last part of a batch dropped.
    """
    size, count = candidate.batch_size, len(data.train.labels)
    steps, accuracy = data.epoch_images // size, 0.0
    for epoch in range(epochs):
        candidate.model.train()
        total = torch.zeros(())
        for i, batch in enumerate(torch.randperm(count)[: steps * size].split(size)):
            _set_rate(candidate, epoch * steps + i, epochs * steps)
            total += _step(candidate, data.train.images[batch], data.train.labels[batch])
        if not math.isfinite(total.item()):
            return 0.0
        accuracy = accuracy_of(candidate.model, data.validation)
    return accuracy


def warm_up() -> None:
    """One step of a tiny network: what PyTorch loads with its first optimizer takes seconds."""
    model = nn.Linear(1, 1)
    candidate = Candidate(model, optimizer_of("adam", model, {"lr": 1e-3}), 1)
    _step(candidate, torch.zeros(1, 1), torch.zeros(1, dtype=torch.int64))


def _set_rate(candidate: Candidate, step: int, steps: int) -> None:
    if candidate.lr_factor is not None:
        for group in candidate.optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
            group["lr"] = group["initial_lr"] * candidate.lr_factor(step, steps)


def _step(candidate: Candidate, images: Tensor, labels: Tensor) -> Tensor:
    """The loss of a batch before the step."""
    images = images if candidate.augment is None else candidate.augment(images)
    candidate.optimizer.zero_grad(set_to_none=True)
    logits = candidate.model(images)
    loss = F.cross_entropy(logits, labels, label_smoothing=candidate.label_smoothing)
    loss.backward()
    candidate.optimizer.step()
    return loss.detach()


@torch.inference_mode()
def accuracy_of(model: nn.Module, split: Split) -> float:
    model.eval()
    parts = zip(split.images.split(EVALUATED), split.labels.split(EVALUATED), strict=True)
    right = sum(int((model(x).argmax(1) == y).sum()) for x, y in parts)
    return right / len(split.labels)


def optimizer_of(word: str, model: nn.Module, options: Mapping[str, Any]) -> torch.optim.Optimizer:
    """Adam, AdamW and SGD in one fused kernel, which is faster here; RMSprop has none."""
    classes = {
        "adam": torch.optim.Adam,
        "adamw": torch.optim.AdamW,
        "rmsprop": torch.optim.RMSprop,
        "sgd": torch.optim.SGD,
    }
    fused = {} if word == "rmsprop" else {"fused": True}
    return classes[word](model.parameters(), **options, **fused)
