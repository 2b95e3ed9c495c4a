"""configs/keras_cnn.yaml: the network of KerasTuner's tutorials."""

import optuna
from torch import nn  # pyright: ignore[reportMissingImports]

from ..training import Candidate, Data, optimizer_of


def candidate(trial: optuna.Trial, data: Data) -> Candidate:
    channels, height, width = data.train.shape
    maps = trial.suggest_int("conv_filters", 32, 64, step=16)
    kernel = trial.suggest_categorical("conv_kernel", [3, 5])
    units = trial.suggest_int("dense_units", 32, 128, step=32)
    rate = trial.suggest_float("dropout", 0.0, 0.5, step=0.1)
    pixels = ((height - kernel + 1) // 2) * ((width - kernel + 1) // 2)
    model = nn.Sequential(
        *(nn.Conv2d(channels, maps, kernel), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(maps * pixels, units), nn.ReLU()),
        *([nn.Dropout(rate)] if rate else []),  # a rate of 0 would still draw a mask
        nn.Linear(units, data.classes),
    )
    lr = trial.suggest_categorical("learning_rate", [1e-2, 1e-3, 1e-4])
    return Candidate(model, optimizer_of("adam", model, {"lr": lr}), batch_size=32)
