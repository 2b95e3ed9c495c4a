"""configs/mnist_5k.yaml: two or three convolutions, each with a norm and a pool, and a layer."""

import optuna
from torch import nn  # pyright: ignore[reportMissingImports]

from ..augment import crop, rotate
from ..training import Candidate, Data, optimizer_of


def candidate(trial: optuna.Trial, data: Data) -> Candidate:
    channels, height, width = data.train.shape
    layers: list[nn.Module] = []
    for i in range(trial.suggest_int("depth", 2, 3)):
        maps = trial.suggest_int(f"channels_{i}", 8, 48)
        conv = nn.Conv2d(channels, maps, 3, padding=1, bias=False)
        layers += [conv, nn.BatchNorm2d(maps), nn.ReLU(inplace=True), nn.MaxPool2d(2)]
        channels, height, width = maps, height // 2, width // 2
    units = trial.suggest_int("units", 16, 128, log=True)
    rate = trial.suggest_float("dropout", 0.0, 0.5)
    model = nn.Sequential(
        *(*layers, nn.Flatten(), nn.Linear(channels * height * width, units)),
        *(nn.ReLU(), nn.Dropout(rate), nn.Linear(units, data.classes)),
    )
    lr = trial.suggest_float("lr", 1e-4, 1e-1, log=True)
    optimizer = optimizer_of("adam", model, {"lr": lr})
    return Candidate(model, optimizer, 64, augment=lambda x: crop(rotate(x, 10), 2))
