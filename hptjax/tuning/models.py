"""The first argument of `hptjax.tune`: which network, in any of the forms that it may have."""

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
USED = ("model", "space")  # keys of a study's file that stand for themselves here


@dataclass(frozen=True)
class Network:
    """A model as a study's config takes it.

    name: short, for a run's directory; space: that its file says beside it, if it does; unused: the
    file's other keys, for which the caller has arguments.
    """

    model: Any
    name: str = "model"
    space: Any = None
    unused: tuple[str, ...] = ()


def read_network(model: Any) -> Network:
    """Raises ConfigError for another form, and for a file that is not there or holds no model."""
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
    import_from([os.path.abspath(found.parent)])  # for a model with parts of one's own
    name = found.parent.name if found.name == "config.yaml" else found.stem
    if is_saved(tree):
        return Network(tree["model"], name)
    if "model" not in tree:
        return Network(tree, name)
    space = include(tree["space"], "space", found.parent) if "space" in tree else None
    others = tuple(key for key in tree if key not in USED)
    return Network(include(tree["model"], "model", found.parent), name, space, others)
