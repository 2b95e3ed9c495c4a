"""Turns the arguments of `hptjax.tune` into a study and the objects beside its config."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hptjax.checks import is_integer
from hptjax.config.recipe import Recipe
from hptjax.data.dataset import ImageDataset
from hptjax.data.request import once
from hptjax.data.sources import path_of
from hptjax.entries import Categorical, Float, Integer
from hptjax.errors import ConfigError, did_you_mean, shown
from hptjax.executors.base import Executor
from hptjax.paths import user_path
from hptjax.records.run_dir import FREE_KEYS
from hptjax.space import Space
from hptjax.study.config import StudyConfig
from hptjax.study.data import StudyData
from hptjax.study.executors import ExecutorConfig
from hptjax.study.metric import Metric, advice
from hptjax.synonyms import NAMES
from hptjax.tuning.images import digest_of, read_images, read_test, split_source
from hptjax.tuning.models import read_network
from hptjax.tuning.result import Result
from hptjax.tuning.running import Given
from hptjax.tuning.searchers import factories, read_searchers
from hptjax.tuning.start import Start

FRACTION = 0.2  # default share of the images for validation
# {study key that is an argument of the same name: its default}. An argument at its default is left
# out of the config, as in a file.
KEYS: Mapping[str, Any] = {
    "select": "last_epoch",
    "patience": None,
    "constraints": None,
    "keep_best": 1,
}
OTHERS = ("metrics", "duplicates", "max_failures", "tensorboard", "sinks", "budget")
GRID_ROWS, DES_ROWS = 16, 4  # candidates in a generation; for DES, per dimension
# (a study's key in errors, the argument of `tune` for it)
_RENAMED = (("strategies", "searcher"), ("budget.", ""))
_NOT_TUNED = (
    "space: nothing is tuned; give space={'lr': hptjax.loguniform(1e-4, 1e-1)}, or put an entry in "
    "the model, in the place of a value."
)


@dataclass(frozen=True)
class Order:
    """A study that a caller in Python asked for.

    name: the name of the model, for the run's directory. notices: lines about changed arguments.
    """

    study: StudyConfig
    given: Given
    name: str
    notices: tuple[str, ...] = ()

    @property
    def place(self) -> Path:
        """The default directory of the run: a name that differs between studies."""
        free = (*FREE_KEYS, "seed")
        tree = {key: own for key, own in self.study.to_dict().items() if key not in free}
        images = self.given.images
        text = json.dumps(tree) + ("" if images is None else digest_of(images))
        digest = hashlib.blake2b(text.encode(), digest_size=3).hexdigest()
        return Path("runs") / f"{self.name}-{digest}-seed{self.study.seed}"

    def begin(self, how: Start) -> Result:
        """Runs the study."""
        return how.run(self.study, self.given, self.place, self.notices)


def read_order(model: Any, data: Any, arguments: Mapping[str, Any]) -> Order:
    """Reads the arguments of `tune`, given by name; raises ConfigError or DataError."""
    others = _others(arguments["others"])
    network = read_network(model)
    source, images = split_source(data)
    trees, own = read_searchers(arguments["searcher"])
    space = network.space if arguments["space"] is None else arguments["space"]
    tree: dict[str, Any] = {
        "model": network.model,
        **_space(space),
        "data": _data(source, arguments["validation"], images),
        "strategies": trees,
        "budget": _budget(arguments),
        "first": _points(arguments["first"]),
        **{key: arguments[key] for key in ("epochs", "seed", "schedule", "repeats")},
        **{key: arguments[key] for key, usual in KEYS.items() if arguments[key] != usual},
        **others,
    }
    metric, tree["metric"] = _metric(arguments["metric"])
    executor, tree["executor"] = _executor(arguments["executor"])
    tree |= _warm_start(arguments["warm_start"])
    study = _sized(StudyConfig.from_dict(tree), arguments["population_size"])
    notices = [f"{network.name}: only its model and space are taken."] * bool(network.unused)
    held, found, test = _held(arguments["validation"]), None, arguments["test"]
    if images is not None:
        how = study.task.kind, study.data.channels, once(notices.append)
        found = read_images(images, held, *how)
        test = None if test is None else read_test(test, images, found, *how)
    elif held is not None:
        raise ConfigError(
            "validation: images are held out of a source; where you give some for validation, "
            "give those for training, too, as data=(X, y)."
        )
    elif test is not None:
        raise ConfigError(
            "test: a source has its own test images; where you give some, give those for training, "
            "too, as data=(X, y)."
        )
    given = Given(found, test, metric, executor, factories(study, own))
    return Order(study, given, network.name, tuple(notices))


@contextmanager
def in_python() -> Iterator[None]:
    """Makes errors name the arguments of `tune` instead of the keys of a file."""
    try:
        yield
    except ConfigError as error:
        text = str(error).replace("--out", "out")
        for key, name in _RENAMED:  # at the beginning of the text, or as the first key that differs
            text = name + text.removeprefix(key) if text.startswith(key) else text
            text = text.replace(f"holds another study ({key}", f"holds another study ({name}")
        text = _NOT_TUNED if text.startswith("space: must be given") else text
        raise type(error)(text) from None


def _space(space: Any) -> dict[str, Any]:
    """The space in a config's form; space: a Space, or a mapping of paths to entries and values."""
    if space is None:
        return {}
    if isinstance(space, Space):
        return {"space": space}
    if not isinstance(space, Mapping):
        raise ConfigError(
            "space: must be a mapping such as {'lr': hptjax.loguniform(1e-4, 1e-1)}, got "
            f"{shown(space)}."
        )
    entries = [isinstance(own, Float | Integer | Categorical) for own in space.values()]
    return {"space": Space(space) if entries and all(entries) else dict(space)}


def _data(source: Mapping[str, Any], validation: Any, images: Any) -> dict[str, Any]:
    """The config's data; a relative path is relative to the working directory."""
    tree = dict(source)
    path = path_of(tree["source"]) if isinstance(tree.get("source"), str) else None
    if path is not None and not user_path(path).is_absolute():
        tree.setdefault("data_dir", os.getcwd())
    if _held(validation) is not None or validation == FRACTION:
        return tree
    if isinstance(images, StudyData):
        raise ConfigError("validation: a StudyData has its validation images; leave one out.")
    for key in ("validation", "validation_fraction"):
        if key in tree:
            raise ConfigError(f"validation: data.{key} says it, too; leave one of them out.")
    return {**tree, "validation": validation}


def _held(validation: Any) -> Any:
    """The caller's images for validation; None if validation says how many to split off."""
    return validation if isinstance(validation, tuple | ImageDataset) else None


def _budget(arguments: Mapping[str, Any]) -> dict[str, Any]:
    given = arguments["others"].get("budget", {})
    if not isinstance(given, Mapping):
        number = given if is_integer(given) and given > 0 else 20
        example = f"{{'trials': {number}}}"
        raise ConfigError(f"budget: must be a mapping such as {example}, got {shown(given)}.")
    own = {key: arguments[key] for key in ("trials", "seconds") if arguments[key] is not None}
    twice = sorted(own.keys() & given.keys())
    if twice:
        raise ConfigError(f"{twice[0]}: budget says it, too; leave one of them out.")
    if not {key for key, value in given.items() if value is not None} and not own:
        raise ConfigError(
            "trials, seconds: one of them must be given, it is the budget of each searcher, as in "
            "trials=50 or seconds=600."
        )
    return {**given, **own}


def _points(first: Any) -> list[Any]:
    """The points to be tried first; a trial is replaced by its hparams."""
    if isinstance(first, Mapping) or not isinstance(first, Sequence):
        example = "[{'lr': 0.01}]"
        raise ConfigError(f"first: must be a list of hparams, as in {example}, got {shown(first)}.")
    return [getattr(point, "hparams", point) for point in first]


def _others(others: Mapping[str, Any]) -> dict[str, Any]:
    """Further keys of a study, by name; ConfigError for an unknown one."""
    known = [key for key in StudyConfig.model_fields if key not in _TAKEN]
    for key in others:
        if key not in known and key not in OTHERS:
            raise ConfigError(f"tune has no argument {key!r}; {_meant(key)}")
    return {key: value for key, value in others.items() if key != "budget"}


def _meant(key: str) -> str:
    """What an unknown argument means: another argument, or a key of the model."""
    if key in ("strategies", "strategy"):
        return "it is called 'searcher' here."
    words = (key, *NAMES.get(key.lower(), ()))
    own = next((word for word in words if word in Recipe.model_fields), None)
    if own is None:
        return did_you_mean(key, _NAMES)
    return (
        f"give it to the model, as in Model(layers=[...], {own}=...), or to space, as in "
        f"space={{{own!r}: ...}}; a range is loguniform(1e-4, 1e-1), a list is choice([...])."
    )


ARGUMENTS = (
    *("epochs", "trials", "seconds", "space", "searcher", "metric", "validation", "test"),
    *("seed", "schedule", "population_size", "repeats", "first", "warm_start", "progress"),
    *("executor", "out", "callbacks", *KEYS),
)
_NAMES = (*ARGUMENTS, *OTHERS)
_TAKEN = (*ARGUMENTS, "model", "data", "strategies")


def _metric(metric: Any) -> tuple[Metric | None, Any]:
    """The caller's own metric, and the metric in the config."""
    if isinstance(metric, Metric):
        return metric, metric.to_tree()
    if callable(metric):
        raise ConfigError(f"metric: {advice(metric)}")
    return None, metric


def _executor(executor: Any) -> tuple[Executor | None, Any]:
    """The caller's own executor, and the executor in the config."""
    if isinstance(executor, str | Mapping | ExecutorConfig):
        return None, executor
    if all(callable(getattr(executor, name, None)) for name in ("start", "restore")):
        return executor, "local"
    raise ConfigError(
        "executor: must be a word such as 'local', a mapping such as {'ray': {'workers': 2}}, or "
        f"an object with start and restore, got {shown(executor)}."
    )


def _warm_start(start: Any) -> dict[str, Any]:
    """The warm start of a config; start: a run, a trials.csv, a Result, a mapping, or None."""
    if start is None:
        return {}
    if isinstance(start, Mapping):
        return {"warm_start": dict(start)}
    path = start if isinstance(start, str | Path) else getattr(start, "path", start)
    if path is None:
        raise ConfigError(
            "warm_start: this result kept no files; give first=[result.best.hparams] instead."
        )
    if not isinstance(path, str | Path):
        raise ConfigError(
            f"warm_start: must be a run's directory, a trials.csv or a Result, got {shown(start)}."
        )
    kind = "trials" if str(path).endswith(".csv") else "run"
    return {"warm_start": {kind: os.path.abspath(user_path(path))}}


def _sized(study: StudyConfig, size: int | None) -> StudyConfig:
    """The study with a population size: the given one, or the default of its searchers."""
    if size is None:
        searches_by_des = any(strategy.name == "des" for strategy in study.strategies)
        size = DES_ROWS * len(study.space) + 1 if searches_by_des else GRID_ROWS
    return study.model_copy(update={"population_size": size})
