"""Reads the argument `model` of `hptjax.tune` in any of its forms."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hptjax.config.load import find_config, include, is_saved
from hptjax.config.model import Model
from hptjax.config.schema import ModelConfig
from hptjax.config.yaml_file import read_yaml
from hptjax.errors import ConfigError, shown
from hptjax.importing import import_from

FORMS = "a Model, a ModelConfig, a mapping, a file's path or the name of a packaged config"
USED = ("model", "space")  # the keys of a study's file that are used here


@dataclass(frozen=True)
class Network:
    """A model in the form of a study's config.

    name: a short name for the run's directory. space: the space in its file, if there is one.
    unused: the other keys of the file, for which `tune` has arguments.
    """

    model: Any
    name: str = "model"
    space: Any = None
    unused: tuple[str, ...] = ()


def read_network(model: Any) -> Network:
    """Reads a model; raises ConfigError for another form, or a file that is missing or has none."""
    if isinstance(model, Model | ModelConfig):
        return Network(model)
    if isinstance(model, str | Path):
        return _from_file(Path(model))
    if isinstance(model, Mapping):
        if "model" not in model:
            return Network(model)
        others = tuple(str(key) for key in model if key not in USED)
        return Network(model["model"], space=model.get("space"), unused=others)
    flax = any("flax" in base.__module__ for base in (*_bases(model), type(model)))
    hint = "; a Flax class is given as Model(flax={'module': MyNet})" if flax else ""
    raise ConfigError(f"model: must be {FORMS}, got {shown(model)}{hint}.")


def _bases(model: Any) -> tuple[type, ...]:
    return model.__mro__ if isinstance(model, type) else type(model).__mro__


def _from_file(path: Path) -> Network:
    found = find_config(path)
    tree = read_yaml(found)
    import_from([os.path.abspath(found.parent)])  # for a model with the user's own parts
    name = found.parent.name if found.name == "config.yaml" else found.stem
    if is_saved(tree):
        return Network(tree["model"], name)
    if "model" not in tree:
        return Network(tree, name)
    space = include(tree["space"], "space", found.parent) if "space" in tree else None
    others = tuple(key for key in tree if key not in USED)
    return Network(include(tree["model"], "model", found.parent), name, space, others)
