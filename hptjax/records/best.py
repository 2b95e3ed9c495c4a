"""Saved networks: exact-shape weights and config, which load without the run that made them.

The best network of a run is a folder with weights.safetensors and config.yaml, and with test.json
when the run is done. An exported network is a single safetensors file with the config in its
metadata. Weights carry a version and a checksum (`records.tensors`); config.yaml must agree with
the metadata of the weights.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, model_validator

from hptjax.config.explain import validated
from hptjax.config.model import AnyModel, read_model
from hptjax.config.yaml_file import dump_yaml, read_yaml
from hptjax.errors import CodeError, ConfigError, DataError
from hptjax.paths import user_path
from hptjax.records.files import replace_file
from hptjax.records.tensors import read_tensors, write_tensors

WEIGHTS, CONFIG = "weights.safetensors", "config.yaml"
TEST = "test.json"  # its measures on the test images, when the run is done
SUFFIX = ".safetensors"
SEPARATOR, KIND = "/", "network"
AGAIN = "hptjax export RUN --trial STRATEGY/N --to FILE"
WAY_OUT = f"Restore it from a copy, or make it again: {AGAIN}"


@dataclass(frozen=True)
class SavedNetwork:
    """A network from a file: its config, its Flax variables (numpy), and notes on its trial.

    Apply it with `hptjax.models.module_of(config).apply(variables, images, train=False)`.
    """

    config: AnyModel
    variables: dict[str, Any]
    trial: Mapping[str, Any]

    def __repr__(self) -> str:
        count = sum(array.size for array in flatten(self.variables).values())
        trial = "/".join(
            str(self.trial[key]) for key in ("strategy", "number") if key in self.trial
        )
        return f"SavedNetwork({trial or 'trained alone'}: {count:,} numbers, {self.config!r})"


def save_best(
    folder: Path, config: AnyModel, variables: Mapping[str, Any], trial: Mapping[str, Any]
) -> None:
    """Writes the weights and the config of one trial; each file is replaced whole or not at all.

    variables: nested dicts of arrays (Flax). trial: notes for both files, as plain data.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / TEST).unlink(missing_ok=True)  # it belongs to the previous network
    save_network(folder / WEIGHTS, SavedNetwork(config, dict(variables), trial))
    tree = {"model": config.to_dict(), "trial": dict(trial)}
    replace_file(folder / CONFIG, dump_yaml(tree).encode())


def save_network(path: Path, network: SavedNetwork) -> None:
    """Writes a network as one safetensors file, replaced whole or not at all."""
    facts = {"model": network.config.to_dict(), "trial": dict(network.trial)}
    write_tensors(path, flatten(network.variables), facts, KIND)


def load_network(path: str | Path) -> SavedNetwork:
    """Reads a saved network; path: a file, a run (its best network), or the run's best/.

    Raises DataError if the files are missing, damaged or of different trials.
    """
    path = user_path(path)
    if not path.exists():
        raise DataError(f"{path}: there is no such run or file.")
    if not path.is_dir() and path.suffix == SUFFIX:
        return _read_file(path)
    if path.is_file():
        raise DataError(
            f"{path}: must be a run's directory or a {SUFFIX} file, which hptjax export RUN --to "
            f"FILE{SUFFIX} writes; .onnx and .pt files are for other programs."
        )
    folder = path / "best" if (path / "best").is_dir() else path
    if folder == path and not (path / WEIGHTS).exists() and not (path / CONFIG).exists():
        raise DataError(f"{path}: neither a run with a best network nor a saved network.")
    network = _read_file(folder / WEIGHTS, named=folder)
    try:
        tree = read_yaml(folder / CONFIG)
    except ConfigError as error:
        raise DataError(f"{folder}: no best network to load: {error}") from None
    written = {"model": network.config.to_dict(), "trial": dict(network.trial)}
    if tree != written:
        raise DataError(
            f"{folder}: {CONFIG} is not what was written beside {WEIGHTS}: one was altered, or "
            f"they are of different networks. {WAY_OUT}. To train a changed network, change a copy."
        )
    return network


def _read_file(path: Path, named: Path | None = None) -> SavedNetwork:
    """Reads a safetensors file of hptjax; named: the path for errors."""
    what = f"{path}: no network to load" if named is None else f"{named}: no best network to load"
    try:
        flat, facts = read_tensors(path, KIND)
        trial = validated(_Noted, facts["trial"], "trial").model_dump(exclude_unset=True)
        return SavedNetwork(read_model(facts["model"]), unflatten(flat), trial)
    except CodeError as error:  # the file is whole: a copy of it would not help
        raise DataError(f"{what}: {error}") from None
    except ConfigError as error:
        raise DataError(f"{what}: {str(error).rstrip('.')}. {WAY_OUT}") from None
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{what}: its notes are of another form: {error!r}. {WAY_OUT}") from None


class _Noted(BaseModel):
    """The notes on a trial that readers use, in the order in which they are written."""

    model_config = ConfigDict(extra="allow", strict=True)

    strategy: str = ""
    number: int = 0
    data: dict[str, Any] | None = None
    seed: int = 0
    digests: dict[str, str] = {}

    @model_validator(mode="after")
    def _belong_together(self) -> "_Noted":
        for one, other in (("strategy", "number"), ("data", "seed")):
            if one in self.model_fields_set and other not in self.model_fields_set:
                raise ValueError(f"{one} needs {other} beside it")
        return self


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, np.ndarray]:
    """Flattens nested dicts; joins their names by slashes."""
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
