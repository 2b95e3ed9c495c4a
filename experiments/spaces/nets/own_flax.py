"""configs/own_flax.yaml: the ConvNeXt of hptjax/nn/convnext.py, layer by layer in PyTorch."""

import optuna
import torch  # pyright: ignore[reportMissingImports]
import torch.nn.functional as F  # pyright: ignore[reportMissingImports]
from torch import Tensor, nn  # pyright: ignore[reportMissingImports]

from ..training import Candidate, Data, optimizer_of

STAGES, PATCH = 2, 2


class Norm(nn.Module):
    """Layer norm over the channels of each pixel of x [B, C, H, W]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)  # no copy in channels_last


class Block(nn.Module):
    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.scale = nn.Parameter(torch.full((width,), 0.1))
        self.dropout = dropout

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.conv(x).permute(0, 2, 3, 1))
        y = F.gelu(self.up(y), approximate="tanh")
        y = self.down(F.dropout(y, self.dropout, self.training))
        return x + (y * self.scale).permute(0, 3, 1, 2)


class ConvNeXt(nn.Module):
    def __init__(
        self, channels: int, width: int, blocks: int, dropout: float, classes: int
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(channels, width, PATCH, PATCH), Norm(width)]
        for stage in range(STAGES):
            if stage:
                layers += [Norm(width), nn.Conv2d(width, 2 * width, 2, 2)]
                width *= 2
            layers += [Block(width, dropout) for _ in range(blocks)]
        self.body = nn.Sequential(*layers)
        self.norm, self.head = nn.LayerNorm(width, eps=1e-6), nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(self.body(x).mean((2, 3))))


def candidate(trial: optuna.Trial, data: Data) -> Candidate:
    width = trial.suggest_categorical("width", [16, 32])
    blocks = trial.suggest_categorical("blocks", [2, 4])
    dropout = trial.suggest_float("dropout", 0.0, 0.3)
    model = ConvNeXt(data.train.shape[0], width, blocks, dropout, data.classes)
    word = trial.suggest_categorical("optimizer", ["adamw", "sgd"])
    options = {"lr": trial.suggest_float("lr", 1e-4, 1e-1, log=True), "weight_decay": 0.0}
    options |= {"momentum": 0.9, "nesterov": True} if word == "sgd" else {}
    return Candidate(model, optimizer_of(word, model, options), batch_size=64)
