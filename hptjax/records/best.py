"""The best network of a run: exact-shape weights and config, loadable without the run."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from hptjax.config.schema import ModelConfig
from hptjax.errors import DataError
from hptjax.records.files import replace_file

WEIGHTS, CONFIG = "weights.safetensors", "config.yaml"
SEPARATOR, PACKAGE = "/", "hptjax"


def save_best(
    folder: Path, config: ModelConfig, variables: Mapping[str, Any], trial: Mapping[str, Any]
) -> None:
    """Writes weights and config of one trial; each file is replaced whole or not at all.

    variables: nested dicts of arrays (flax); trial: what else to note in both files, as plain data.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tree = {"model": config.to_dict(), "trial": dict(trial)}
    metadata = {PACKAGE: json.dumps(tree, sort_keys=True)}  # one key: several come in any order
    replace_file(folder / WEIGHTS, save(flatten(variables), metadata=metadata))
    replace_file(folder / CONFIG, yaml.safe_dump(tree, sort_keys=False).encode())


def load_best(folder: str | Path) -> tuple[ModelConfig, dict[str, Any]]:
    """Config and flax variables (numpy) that `save_best` wrote; folder: a run, or its best/.

    Apply them with `hptjax.models.Classifier.from_config(config).apply(variables, images,
    train=False)`. Raises: DataError where the files are missing, damaged or of different trials.
    """
    folder = Path(folder)
    folder = folder / "best" if (folder / "best").is_dir() else folder
    try:
        tree = yaml.safe_load((folder / CONFIG).read_text())
        with safe_open(folder / WEIGHTS, framework="numpy") as file:
            metadata = file.metadata() or {}
            flat = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, yaml.YAMLError) as error:
        raise DataError(f"{folder}: no best network to load: {error}") from None
    written = json.loads(metadata.get(PACKAGE, "{}"))
    if not isinstance(tree, dict) or written.get("model") != tree.get("model", {}):
        raise DataError(f"{folder}: {WEIGHTS} and {CONFIG} are of different networks.")
    return ModelConfig.from_dict(tree["model"]), unflatten(flat)


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, np.ndarray]:
    """Nested dicts as one, names joined by slashes."""
    flat: dict[str, np.ndarray] = {}
    for name, value in tree.items():
        path = f"{prefix}{name}"
        if isinstance(value, Mapping):
            flat |= flatten(value, path + SEPARATOR)
        else:
            flat[path] = np.ascontiguousarray(value)
    return flat


def unflatten(flat: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The inverse of `flatten`."""
    tree: dict[str, Any] = {}
    for path, value in flat.items():
        *parents, name = path.split(SEPARATOR)
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[name] = value
    return tree
