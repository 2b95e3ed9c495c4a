"""configs/resnet_cifar.yaml: ResNet-8, 14 or 20 (He et al. 2016) of some width."""

import math

import optuna
import torch  # pyright: ignore[reportMissingImports]
from torch import Tensor, nn  # pyright: ignore[reportMissingImports]

from ..augment import crop, flip
from ..training import Candidate, Data, optimizer_of

WARMUP = 0.05  # share of all steps


class Block(nn.Module):
    """conv-bn-relu-conv-bn beside the identity, or a 1 x 1 convolution with a norm."""

    def __init__(self, inputs: int, outputs: int, stride: int, projects: bool) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        projection = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
        self.shortcut = (
            nn.Sequential(projection, nn.BatchNorm2d(outputs)) if projects else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.body(x) + self.shortcut(x))


def candidate(trial: optuna.Trial, data: Data) -> Candidate:
    width = trial.suggest_int("width", 8, 32, log=True)
    depth = trial.suggest_int("depth", 1, 3)
    smoothing = trial.suggest_float("label_smoothing", 0.0, 0.2)
    options = {
        "lr": trial.suggest_float("lr", 0.01, 1.0, log=True),
        "weight_decay": trial.suggest_float("weight_decay", 1e-5, 1e-3, log=True),
        "momentum": 0.9,
        "nesterov": True,
    }
    model = resnet(data.train.shape[0], width, depth, data.classes)
    optimizer = optimizer_of("sgd", model, options)
    return Candidate(model, optimizer, 64, factor, smoothing, lambda x: flip(crop(x, 4)))


def resnet(channels: int, width: int, depth: int, classes: int) -> nn.Module:
    stem = [nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)]
    layers: list[nn.Module] = [*stem, nn.ReLU(inplace=True)]
    before = width
    for stage in range(3):
        after = width * 2**stage
        for copy in range(depth):
            first = stage > 0 and copy == 0
            layers.append(Block(before, after, 2 if first else 1, first))
            before = after
    pool = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, classes))
    return nn.Sequential(*layers, *pool)


def factor(step: int, steps: int) -> float:
    """Up linearly, then half a cosine."""
    ramp = min((step + 1) / (WARMUP * steps), 1.0)
    after = max((step / steps - WARMUP) / (1 - WARMUP), 0.0)
    return ramp * math.cos(math.pi / 2 * after) ** 2
