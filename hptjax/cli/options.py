"""Options of the command line that stand for keys of a config."""

import argparse
from typing import Any

from hptjax.config.yaml_file import dump_yaml, parse_yaml

SHORTHANDS = {
    "strategy": "strategies",
    "data": "data.source",
    "data_dir": "data.data_dir",
    "epochs": "epochs",
    "schedule": "schedule",
    "seed": "seed",
    "augment": "data.augment",
    "generations": "budget.generations",
    "population_size": "population_size",
    "time_budget": "budget.seconds",
    "executor": "executor",
    "address": "executor.address",
    "workers": "executor.workers",
}


def overrides(args: argparse.Namespace) -> list[str]:
    """The options that stand for a key of the config, in the form of --set."""
    given = {key: getattr(args, option, None) for option, key in SHORTHANDS.items()}
    given |= _warm_start(args)
    resources = getattr(args, "resources", None)
    if resources is not None:
        given["executor.resources"] = parse_yaml(resources, "--resources")
    return [f"{key}={_as_yaml(value)}" for key, value in given.items() if value is not None]


def _warm_start(args: argparse.Namespace) -> dict[str, Any]:
    """--warm-start in place of the config's own; --best alone changes only the number."""
    source, best = getattr(args, "warm_start", None), getattr(args, "best", None)
    if source is None:
        return {"warm_start.best": best}
    kind = "trials" if source.suffix == ".csv" else "run"
    return {"warm_start": {kind: str(source)} | ({} if best is None else {"best": best})}


def _as_yaml(value: Any) -> str:
    return dump_yaml(value, flow=True)
