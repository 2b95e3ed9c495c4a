"""What `train` and `describe` take: a model's YAML file, or a study's, and settings beside it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from hptjax.config.explain import explain
from hptjax.config.load import load_model_config, load_study
from hptjax.config.schema import Frozen, ModelConfig, Positive
from hptjax.config.study import DataConfig
from hptjax.config.yaml_file import parse_yaml, read_yaml
from hptjax.errors import ConfigError

SETTINGS = ("data", "epochs", "seed")


class TrainSettings(Frozen):
    """One model and how to train it."""

    model: ModelConfig
    data: DataConfig = DataConfig()
    epochs: Positive = 1
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0


def is_study(path: Path) -> bool:
    """Whether a YAML file holds a study and not just a model."""
    return "space" in read_yaml(path)


def load_model_file(path: Path, overrides: Sequence[str]) -> TrainSettings:
    """The model of a file with its settings: a study's own, or else the defaults.

    overrides: "key=value"; keys data.*, epochs and seed, all others are the model's. Raises:
    ConfigError.
    """
    if is_study(path):
        study = load_study(path, overrides)
        return TrainSettings(
            model=study.model, data=study.data, epochs=study.epochs, seed=study.seed
        )
    ours = [text for text in overrides if text.split("=")[0].split(".")[0] in SETTINGS]
    model = load_model_config(path, [text for text in overrides if text not in ours])
    tree: dict[str, Any] = {"model": model}
    for text in ours:
        _set(tree, text)
    try:
        return TrainSettings.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(explain(error, TrainSettings)) from None


def _set(tree: dict[str, Any], text: str) -> None:
    key, _, value = text.partition("=")
    first, _, rest = key.partition(".")
    parsed = parse_yaml(value, f"--set {text}")
    if rest:
        tree[first] = {**tree.get(first, {}), rest: parsed}
    else:
        tree[first] = parsed
