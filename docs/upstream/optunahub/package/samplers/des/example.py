"""Minimises a rotated, badly scaled function of five numbers."""

import optuna
import optunahub


def objective(trial: optuna.Trial) -> float:
    x = [trial.suggest_float(f"x{i}", -5, 5) for i in range(5)]
    steps = [a - b for a, b in zip(x, [*x[1:], 1.0], strict=True)]
    return sum(100**i * step**2 for i, step in enumerate(steps))


if __name__ == "__main__":
    module = optunahub.load_module(package="samplers/des")
    study = optuna.create_study(sampler=module.DESSampler(seed=0))
    study.optimize(objective, n_trials=420)
    print(study.best_value, study.best_params)
