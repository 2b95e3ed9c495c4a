"""Loads studies, and the settings of a single training, from YAML."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hptjax.config.explain import validated
from hptjax.config.load import find_config, in_file, include, load_model_config
from hptjax.config.overrides import Override, apply_override, parse_overrides
from hptjax.config.yaml_file import read_yaml
from hptjax.errors import ConfigError
from hptjax.study.config import StudyConfig, TrainConfig

INCLUDED = ("model", "space")  # keys that may hold a path instead of a mapping
SETTINGS = ("data", "epochs", "seed")


def load_study(path: str | Path, overrides: Sequence[str] = ()) -> StudyConfig:
    """Reads a study; path: a file, or the name of a config that comes with the package.

    `model` and `space` may be paths relative to the file. overrides: "dotted.key=value", the value
    read as YAML; a strategy or an executor that is named without options keeps those that the file
    gives it.
    Raises ConfigError naming the file and the mistake.
    """
    path = find_config(path)
    tree = read_yaml(path)
    if "space" not in tree and "model" in tree:
        raise ConfigError(f"{path}: space: must be given, it is missing; is this only a model?")
    changes = parse_overrides(overrides)
    for key in INCLUDED:
        named = [c.value for c in changes if c.keys == (key,) and isinstance(c.value, str)]
        if named:  # typed at a shell, so relative to where the user is
            tree[key] = include(named[-1], key, Path())
        else:
            tree[key] = include(tree.get(key), key, path.parent)
    for change in changes:
        if change.keys == ("strategies",):
            tree["strategies"] = _with_options(change.value, tree.get("strategies"))
        elif change.keys == ("executor",):
            tree["executor"] = _with_options(change.value, tree.get("executor"))[0]
        elif change.keys[0] == "executor" and isinstance(tree.get("executor", "local"), str):
            tree["executor"] = {"name": tree.get("executor", "local")}
            apply_override(tree, change)
        elif not isinstance(change.value, str) or change.keys not in (("model",), ("space",)):
            apply_override(tree, change)
    return in_file(path, StudyConfig.from_dict, tree)


def _with_options(chosen: Any, known: Any) -> Any:
    """What is chosen by name or label, with the options that the file has for it."""
    items = {
        item.get("label", item.get("name")): item
        for item in (known if isinstance(known, list) else [known])
        if isinstance(item, dict)
    }
    names = chosen if isinstance(chosen, list) else [chosen]
    return [items.get(name, name) if isinstance(name, str) else name for name in names]


def is_study(path: str | Path) -> bool:
    """Whether a YAML file holds a study and not just a model."""
    return "space" in read_yaml(find_config(path))


def load_train(path: str | Path, overrides: Sequence[str] = ()) -> TrainConfig:
    """The model of a file and how to train it: a study's own settings, or else the defaults.

    overrides: "key=value"; keys data.*, epochs and seed, all others are the model's. Raises
    ConfigError.
    """
    if is_study(path):
        study = load_study(path, overrides)
        return TrainConfig(model=study.model, data=study.data, epochs=study.epochs, seed=study.seed)
    ours = [text for text in overrides if Override.parse(text).keys[0] in SETTINGS]
    model = load_model_config(path, [text for text in overrides if text not in ours])
    tree: dict[str, Any] = {"model": model}
    for override in parse_overrides(ours):
        apply_override(tree, override)
    return validated(TrainConfig, tree)
