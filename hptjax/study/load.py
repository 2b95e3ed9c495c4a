"""Loads studies, and the settings of a single training, from YAML."""

import copy
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hptjax.config.explain import validated
from hptjax.config.inline import is_open
from hptjax.config.load import (
    blamed,
    find_config,
    holds_study,
    include,
    is_saved,
    load_model_config,
)
from hptjax.config.named import with_name
from hptjax.config.overrides import Override, apply_override, parse_overrides, places_of
from hptjax.config.yaml_file import read_yaml
from hptjax.data.sources import path_of
from hptjax.errors import ConfigError
from hptjax.importing import import_from
from hptjax.paths import user_path
from hptjax.strategies.table import as_searcher, with_searcher
from hptjax.study.config import StudyConfig
from hptjax.study.data_config import TrainConfig
from hptjax.transpile.opened import defaults_of

INCLUDED = ("model", "space")  # keys that may hold a path instead of a mapping
SETTINGS = ("data", "epochs", "seed")
PARTS = {"executor": "local", "schedule": "full"}  # {key: its default part}
MOST_PLACES = 3  # named in a hint
PATHS = (("data", "data_dir"), ("warm_start", "run"), ("warm_start", "trials"))


def load_study(path: str | Path, overrides: Sequence[str | Override] = ()) -> StudyConfig:
    """Reads a study from a file, from a run, or from a packaged config.

    path: a file, a run, or the name of a packaged config. overrides: "dotted.key=value", with the
    value as YAML; a strategy or an executor that is named without options keeps the options in the
    file. Paths in the file (`model`, `space`, data, warm start) are relative to the file; paths in
    overrides are relative to the working directory. Modules that the study names as
    `module:attribute` may stand beside the file. Raises ConfigError, which names the file or the
    override, and the mistake.

    Example:
        >>> import hptjax
        >>> study = hptjax.load_study("quickstart", ["epochs=2", "searcher=tpe"])
        >>> study.epochs, study.labels
        (2, ('tpe',))
    """
    path = find_config(path)
    tree = read_yaml(path)
    import_from([os.path.abspath(path.parent)])
    if "model" in tree and "space" not in tree and (is_saved(tree) or set(tree) == {"model"}):
        what = "a saved network" if is_saved(tree) else "only a model"
        if is_saved(tree) or not _is_open(tree["model"]):
            raise ConfigError(f"{path}: space: must be given, it is missing; is this {what}?")
    changes = [_renamed(change) for change in parse_overrides(overrides)]
    replaced = {change.keys[0] for change in changes if len(change.keys) == 1}
    for key in INCLUDED:
        if key not in replaced and (key == "model" or key in tree):
            tree[key] = include(tree.get(key), key, path.parent)
    _absolute(tree, path.parent)
    _check_keys(tree, changes)

    def build(changes: Sequence[Override]) -> StudyConfig:
        changed = with_searcher(copy.deepcopy(tree))
        for change in changes:
            _apply(changed, change)
        _place_images(changed, changes, path.parent)
        typed = any("searcher" in change.origin for change in changes)
        with as_searcher(typed or "searcher" in tree):
            return StudyConfig.from_dict(changed)

    return blamed(path, build, changes)


def _renamed(change: Override) -> Override:
    """The override with `searcher` renamed to `strategies`, the key in files."""
    first, *others = change.keys
    return replace(change, keys=("strategies", *others)) if first == "searcher" else change


def _check_keys(tree: Mapping[str, Any], changes: Sequence[Override]) -> None:
    """Raises ConfigError for an override that leaves out the first keys of one in the file."""
    for change in changes:
        if change.keys[0] in StudyConfig.model_fields or change.keys[0] in tree:
            continue
        found = list(places_of(tree, change.keys))[:MOST_PLACES]
        if found:
            own = ".".join(change.keys)
            hint = " or ".join(map(repr, found))
            raise ConfigError(f"{change.origin}: {own}: unknown key; did you mean {hint}?")


def _apply(tree: dict[str, Any], change: Override) -> None:
    """Applies one override; a name keeps the options that the file has for it."""
    keys, value = change.keys, change.value
    if keys in (("model",), ("space",)):
        tree[keys[0]] = include(value, keys[0], Path())
    elif keys == ("strategies",):
        tree["strategies"] = _with_options(value, tree.get("strategies"))
    elif keys == ("executor",) and isinstance(value, str):
        tree["executor"] = _with_options(value, tree.get("executor"))[0]
    elif keys[0] == "space":
        name, *inner = _split_name(keys[1:], tree.get("space"))
        apply_override(tree, replace(change, keys=("space", name, *inner)))
    else:
        if keys[0] in PARTS:
            tree[keys[0]] = with_name(tree.get(keys[0], PARTS[keys[0]]))
        elif keys[0] == "strategies" and isinstance(tree.get("strategies"), list):
            tree["strategies"] = list(map(with_name, tree["strategies"]))
        apply_override(tree, change)
        _absolute(tree, Path(), below=keys)


def _split_name(keys: tuple[str, ...], space: Any) -> tuple[str, ...]:
    """Splits keys into the name of an hparam, which may have dots, and the keys of its entry.

    A name that is not in the space takes all keys: it is new.
    """
    for count in range(len(keys), 0, -1):
        name = ".".join(keys[:count])
        if isinstance(space, dict) and name in space:
            return name, *keys[count:]
    return (".".join(keys),)


def _absolute(tree: dict[str, Any], folder: Path, below: tuple[str, ...] = ()) -> None:
    """Makes the paths below some keys absolute; folder: what they are relative to."""
    for outer, inner in PATHS:
        part = tree.get(outer)
        if isinstance(part, dict) and (outer, inner)[: len(below)] == below:
            value = part.get(inner)
            if isinstance(value, str):
                tree[outer] = part | {inner: os.path.abspath(folder / user_path(value))}


def _place_images(tree: dict[str, Any], changes: Sequence[Override], folder: Path) -> None:
    """Notes the folder of a relative path of images: the file's, or the shell's if typed there.

    The path itself stays relative: --data-dir may name another folder.
    """
    data = tree.get("data")
    if not isinstance(data, dict) or data.get("data_dir") is not None:
        return
    validation = data.get("validation")
    other = validation.get("source") if isinstance(validation, dict) else validation
    sources = [source for source in (data.get("source"), other) if isinstance(source, str)]
    paths = [path for path in map(path_of, sources) if path is not None]
    if any(not user_path(path).is_absolute() for path in paths):
        typed = any(change.keys in (("data",), ("data", "source")) for change in changes)
        tree["data"] = data | {"data_dir": os.path.abspath(Path() if typed else folder)}


def _with_options(chosen: Any, known: Any) -> Any:
    """The chosen parts, by name or label, with the options that the file has for them."""
    items = {
        item.get("label", item.get("name")): item
        for item in map(with_name, known if isinstance(known, list) else [known])
        if isinstance(item, dict)
    }
    names = chosen if isinstance(chosen, list) else [chosen]
    return [items.get(name, name) if isinstance(name, str) else name for name in names]


def is_study(path: str | Path) -> bool:
    """Whether a YAML file holds a study, not only a model or the settings of one training."""
    path = find_config(path)
    tree = read_yaml(path)
    import_from([os.path.abspath(path.parent)])
    if "space" in tree or not holds_study(tree):
        return holds_study(tree)
    model = include(tree["model"], "model", path.parent)
    return _is_open(model) or not {*tree} <= {"model", *SETTINGS}


def _is_open(model: Any) -> bool:
    return isinstance(model, Mapping) and is_open(model)


def load_defaults(path: str | Path, overrides: Sequence[str | Override] = ()) -> dict[str, Any]:
    """{hparam: the default that `load_train` puts in the place of its entry in the model}."""
    path = user_path(path)
    path = find_config(path / "best" if (path / "best").is_dir() else path)
    tree = read_yaml(path)
    import_from([os.path.abspath(path.parent)])
    holder = {"model": include(tree["model"], "model", path.parent) if "model" in tree else tree}
    if not _is_open(holder["model"]):
        return {}
    whole = "model" in tree and holds_study(tree)
    for change in parse_overrides(overrides):
        if change.keys[0] == "model" or not (whole or change.keys[0] in SETTINGS):
            apply_override(holder, change.below("model"))
    return defaults_of(holder["model"])


def load_train(path: str | Path, overrides: Sequence[str | Override] = ()) -> TrainConfig:
    """Reads a model and how to train it: the settings of a study, or else the defaults.

    For a run or a saved network, it reads that network and the images that it was trained on.
    overrides: "key=value" with the keys data.*, epochs and seed; all other keys belong to the
    model. Raises ConfigError.
    """
    path = user_path(path)
    path = find_config(path / "best" if (path / "best").is_dir() else path)
    changes = parse_overrides(overrides)
    tree = read_yaml(path)
    import_from([os.path.abspath(path.parent)])  # for a model with the user's own parts
    included = include(tree.get("model"), "model", path.parent)
    if "space" in tree or (holds_study(tree) and _is_open(included)):
        study = load_study(path, changes)
        return TrainConfig(model=study.model, data=study.data, epochs=study.epochs, seed=study.seed)
    model = load_model_config(path, [c for c in changes if c.keys[0] not in SETTINGS])
    noted = tree["trial"] if is_saved(tree) else tree if "model" in tree else {}
    names = ("data", "seed") if is_saved(tree) else SETTINGS
    settings = {key: copy.deepcopy(noted[key]) for key in names if key in noted}
    if not is_saved(tree):
        _absolute(settings, path.parent)

    def build(changes: Sequence[Override]) -> TrainConfig:
        given: dict[str, Any] = copy.deepcopy(settings) | {"model": model}
        for change in changes:
            _apply(given, change)
        _place_images(given, changes, path.parent)
        return validated(TrainConfig, given)

    return blamed(path, build, [c for c in changes if c.keys[0] in SETTINGS])
