"""The options of the command line that set keys of a config."""

import argparse
from typing import Any

from hptjax.config.overrides import Override
from hptjax.config.yaml_file import parse_yaml

SHORTHANDS = {
    "searcher": "strategies",
    "strategy": "strategies",  # of earlier versions, as is time_budget
    "data": "data.source",
    "data_dir": "data.data_dir",
    "epochs": "epochs",
    "schedule": "schedule",
    "seed": "seed",
    "augment": "data.augment",
    "trials": "budget.trials",
    "generations": "budget.generations",
    "population_size": "population_size",
    "seconds": "budget.seconds",
    "time_budget": "budget.seconds",
    "metric": "metric",
    "keep_best": "keep_best",
    "executor": "executor",
    "address": "executor.address",
    "workers": "executor.workers",
}
FLAGS = {"augment": "--no-augment"}  # all other names follow a rule


def overrides(args: argparse.Namespace) -> list[str | Override]:
    """The changes that options make to a config: those that set a key, then --set."""
    given = {
        key: (option, getattr(args, option))
        for option, key in SHORTHANDS.items()
        if getattr(args, option, None) is not None
    }
    given |= {key: ("warm_start", value) for key, value in _warm_start(args).items()}
    resources = getattr(args, "resources", None)
    if resources is not None:
        given["executor.resources"] = "resources", parse_yaml(resources, "--resources")
    changes: list[str | Override] = [
        Override(tuple(key.split(".")), value, FLAGS.get(option, f"--{option.replace('_', '-')}"))
        for key, (option, value) in given.items()
        if value is not None
    ]
    return [*changes, *args.sets]


def _warm_start(args: argparse.Namespace) -> dict[str, Any]:
    """--warm-start replaces the config's own; --best alone changes only the number."""
    source, best = getattr(args, "warm_start", None), getattr(args, "best", None)
    if source is None:
        return {"warm_start.best": best}
    kind = "trials" if source.suffix == ".csv" else "run"
    return {"warm_start": {kind: str(source)} | ({} if best is None else {"best": best})}
