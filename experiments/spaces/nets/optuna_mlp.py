"""configs/optuna_mlp.yaml: Optuna's example examples/pytorch/pytorch_simple.py."""

import optuna
from torch import nn  # pyright: ignore[reportMissingImports]

from ..training import Candidate, Data, optimizer_of


def candidate(trial: optuna.Trial, data: Data) -> Candidate:
    channels, height, width = data.train.shape
    layers: list[nn.Module] = [nn.Flatten()]
    features = channels * height * width
    for i in range(trial.suggest_int("n_layers", 1, 3)):
        units = trial.suggest_int(f"n_units_l{i}", 4, 128)
        rate = trial.suggest_float(f"dropout_l{i}", 0.2, 0.5)
        layers += [nn.Linear(features, units), nn.ReLU(), nn.Dropout(rate)]
        features = units
    model = nn.Sequential(*layers, nn.Linear(features, data.classes))
    word = trial.suggest_categorical("optimizer", ["adam", "rmsprop", "sgd"])
    lr = trial.suggest_float("lr", 1e-5, 1e-1, log=True)
    return Candidate(model, optimizer_of(word, model, {"lr": lr}), batch_size=128)
