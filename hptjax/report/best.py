"""Reads the best network of a run: its layers, its costs and its measures."""

import json
from base64 import b64decode
from binascii import Error as NoBase64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from hptjax.config.explain import validated
from hptjax.config.model import AnyModel, read_model
from hptjax.config.parts import LAYERS
from hptjax.config.recipe import Recipe
from hptjax.errors import ConfigError, DataError, shown
from hptjax.models.chain import chain_of
from hptjax.models.costs import network_costs
from hptjax.models.layers.base import Layer, Shape
from hptjax.models.signature import walk
from hptjax.records.trial import StudyResult, TrialRecord

TEST, ENSEMBLE = Path("best/test.json"), Path("kept/ensemble.json")
PNG = b"\x89PNG\r\n\x1a\n"
Form = TypeVar("Form", bound=BaseModel)


class WrongPicture(BaseModel):
    """A test image that the network classified wrongly; png: base64, for a page."""

    model_config = ConfigDict(extra="ignore")

    index: int
    label: str
    predicted: str
    probability: float
    png: str

    @field_validator("png")
    @classmethod
    def _is_png(cls, text: str) -> str:
        try:
            content = b64decode(text, validate=True)
        except NoBase64:
            raise ValueError("must be base64") from None
        if not content.startswith(PNG):
            raise ValueError("must be a PNG")
        return text


class TestFigures(BaseModel):
    """The measures of a network on test images, after the search.

    trial: `tpe/57`; confusion: [K, K], a row for each true class; wrong: most confident first.
    """

    __test__ = False  # not a test of pytest
    model_config = ConfigDict(extra="ignore")

    trial: str
    images: int
    measures: dict[str, float | None]
    class_names: list[str] = []
    confusion: list[list[int]] = []
    wrong: list[WrongPicture] = []

    @model_validator(mode="after")
    def _is_square(self) -> "TestFigures":
        sides = {len(self.confusion), *map(len, self.confusion)}
        if self.confusion and sides != {len(self.class_names)}:
            raise ValueError("confusion must have a row and a column for each of class_names")
        return self


class Ensemble(BaseModel):
    """Networks that predict together; members: {trial: how often its network counts}."""

    model_config = ConfigDict(extra="ignore")

    members: dict[str, int]
    measures: dict[str, float | None]


@dataclass(frozen=True)
class LayerRow:
    """A layer in words; out: the size of its output; parameters: their number in this layer."""

    name: str
    words: str
    out: str
    parameters: int


@dataclass(frozen=True)
class BestNetwork:
    """The best trial of a run, and the facts known about its network.

    If the network cannot be described here, layers is empty, parameters and flops (of a forward
    pass of one image) are None, and trouble says why. test, ensemble: None if the run has none.
    """

    path: Path
    trial: TrialRecord
    layers: tuple[LayerRow, ...] = ()
    recipe: str = ""
    parameters: int | None = None
    flops: int | None = None
    trouble: str = ""
    test: TestFigures | None = None
    ensemble: Ensemble | None = None

    @property
    def name(self) -> str:
        return f"{self.trial.strategy}/{self.trial.number}"


def best_network(path: Path, run: StudyResult) -> BestNetwork | None:
    """The best network of a run's directory; None if no trial was trained to the end.

    Raises DataError for a damaged best/test.json or kept/ensemble.json.
    """
    trial = run.best
    if trial is None or trial.config is None:
        return None
    test = _read(path / TEST, TestFigures)
    if test is not None and test.trial != f"{trial.strategy}/{trial.number}":
        test = None  # it belongs to an earlier best network
    found = {"test": test, "ensemble": _read(path / ENSEMBLE, Ensemble)}
    try:
        return BestNetwork(path, trial, **_described(read_model(trial.config)), **found)
    except ConfigError as error:  # a class of the user that is missing now
        return BestNetwork(path, trial, trouble=str(error), **found)


def _described(config: AnyModel) -> dict[str, Any]:
    costs = network_costs(config)
    height, width, channels = config.image
    rows = []
    for placed, incoming in walk((channels, height, width), chain_of(config)):
        count = sum(weight.size for weight in placed.layer.weights(incoming).values())
        out = size_text(placed.layer.out(incoming))
        rows.append(LayerRow(placed.name, layer_words(placed.layer), out, count))
    return {
        "layers": tuple(rows),
        "recipe": recipe_words(config),
        "parameters": costs.parameters,
        "flops": costs.forward_flops,
    }


def layer_words(layer: Layer) -> str:
    """A layer and its options that are not at their defaults: `conv 16, kernel_size 5`."""
    word = LAYERS.word_of(type(layer)).rpartition(":")[2]
    told, fields = [word], type(layer).model_fields
    for name, field in fields.items():
        value = getattr(layer, name)
        if name == type(layer).main or name in layer.widths:
            told[0] += f" {option_text(value)}"
        elif field.is_required() or value != field.get_default():
            told.append(f"{name} {option_text(value)}")
    return ", ".join(told)


def option_text(value: Any) -> str:
    """The value of an option as text: the name of a part, or `3 x 5` for a pair."""
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, tuple):
        numbers = all(isinstance(own, int) for own in value)
        return (" x " if numbers else ", ").join(map(option_text, value))
    name = getattr(value, "name", value)
    return name if isinstance(name, str) else shown(name)


def size_text(shape: Shape) -> str:
    """A shape as text: `14 x 14 x 16` for maps, `128` for units."""
    channels, *sides = shape
    return " x ".join(map(str, (*sides, channels)))


def recipe_words(config: AnyModel) -> str:
    """The recipe of a network in a few words: `adam, lr 0.003, batch_size 64`."""
    told = [option_text(config.optimizer)]
    for name, field in Recipe.model_fields.items():
        value = getattr(config, name)
        always = name in ("lr", "batch_size")
        plain = option_text(value) == option_text(field.get_default())
        if name not in ("optimizer", "task") and (always or not plain):
            told.append(f"{name} {option_text(value)}")
    return ", ".join(told)


def _read(path: Path, form: type[Form]) -> Form | None:
    """Reads a file of the run; None if it is missing, DataError if it is damaged."""
    try:
        tree: Mapping[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: not a file of a run: {error}.") from None
    try:
        return validated(form, tree, path.name)
    except ConfigError as error:
        raise DataError(f"{path}: {error}") from None
