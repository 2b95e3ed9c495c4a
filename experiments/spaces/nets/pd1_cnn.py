"""configs/pd1_cnn.yaml: the four hparams of PD1 (Wang et al. 2021), with a small CNN."""

import optuna
from torch import nn  # pyright: ignore[reportMissingImports]

from ..training import Candidate, Data, optimizer_of

END = 1e-3  # of the learning rate


def candidate(trial: optuna.Trial, data: Data) -> Candidate:
    channels, height, width = data.train.shape
    layers: list[nn.Module] = []
    for maps in (64, 64, 32):
        layers += [nn.Conv2d(channels, maps, 3, padding=1), nn.ReLU(inplace=True)]
        channels = maps
    model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * height * width, data.classes))
    momentum = 1 - trial.suggest_float("one_minus_momentum", 1e-3, 1.0, log=True)
    options = {
        "lr": trial.suggest_float("lr", 1e-5, 10.0, log=True),
        "momentum": momentum,
        "nesterov": momentum > 0,  # PyTorch refuses it without momentum, where it means nothing
        "weight_decay": 5e-4,
    }
    power = trial.suggest_float("power", 0.1, 2.0)
    share = trial.suggest_float("decay_steps_factor", 0.01, 0.99)

    def factor(step: int, steps: int) -> float:
        left = max(1 - step / (steps * share), 0.0)
        return END + (1 - END) * left**power

    return Candidate(model, optimizer_of("sgd", model, options), 256, lr_factor=factor)
