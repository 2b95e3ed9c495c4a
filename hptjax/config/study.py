"""Schema of a study: which network, which space, which images, which strategies, which budget."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    model_validator,
)

from hptjax._names import did_you_mean
from hptjax.config.explain import explain
from hptjax.config.schema import Frozen, ModelConfig, Positive, as_tuple
from hptjax.des.presets import PRESETS
from hptjax.entries import Categorical, Entry, Value
from hptjax.errors import ConfigError
from hptjax.space import Space
from hptjax.transpile.apply import apply_hparams
from hptjax.transpile.table import find

StrategyName = Literal["des", "grid", "random", "tpe"]


def _source(value: Any) -> Any:
    known = isinstance(value, str) and re.fullmatch(r"sample|fashion_mnist|(tfds|npz):.+", value)
    if not known:
        wanted = "sample, fashion_mnist, tfds:<name> or npz:<path>"
        raise ConfigError(f"data.source: must be {wanted}, got {value!r}.")
    return value


class DataConfig(Frozen):
    """Images and how they are split and augmented.

    source: sample, fashion_mnist, tfds:<name> or npz:<path>. train_limit: how many images of the
    training split are used, before the validation part is cut off (None: all).
    """

    source: Annotated[str, BeforeValidator(_source)] = "sample"
    data_dir: str | None = None
    validation_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.2
    augment: bool = True
    augment_validation: bool = False
    train_limit: Annotated[int, Field(ge=2)] | None = None


class DESOptions(Frozen):
    """Options of the strategy `des`.

    start: hparams of the first point; offspring: per generation (None: 4 D); midpoint: whether the
    mean of the parents is evaluated too.
    """

    preset: str = "release"
    start: dict[str, bool | int | float | str] | None = None
    offspring: Annotated[int, Field(ge=2)] | None = None
    midpoint: bool = True


def _as_space(value: Any) -> Space:
    return value if isinstance(value, Space) else Space.from_dict(value)


def _as_names(value: Any) -> Any:
    return (value,) if isinstance(value, str) else as_tuple(value)


def _des_options(value: Any) -> dict[str, Any]:
    """Checked options without those left at their defaults."""
    try:
        options = DESOptions.model_validate({} if value is None else value)
    except ValidationError as error:
        raise ConfigError(explain(error, DESOptions, "des")) from None
    if options.preset not in PRESETS:
        raise ConfigError(
            f"des.preset: must be one of {', '.join(PRESETS)}, got {options.preset!r}."
        )
    return options.model_dump(exclude_defaults=True)


class StudyConfig(Frozen):
    """One study. The budget of each strategy is population_size x generations candidates.

    time_budget: seconds for each strategy. metric: val_loss is the last epoch's, as usual;
    val_loss_cumulative the mean over all epochs so far, as the original study logged it.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    model: ModelConfig
    space: Annotated[Space, BeforeValidator(_as_space), PlainSerializer(Space.to_dict)]
    data: DataConfig = DataConfig()
    strategies: Annotated[
        tuple[StrategyName, ...], Field(min_length=1), BeforeValidator(_as_names)
    ] = ("des",)
    population_size: Annotated[int, Field(ge=2)] = 29
    generations: Positive = 1
    epochs: Positive = 1
    time_budget: Annotated[float, Field(gt=0)] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    metric: Literal["val_loss", "val_loss_cumulative"] = "val_loss"
    out: str | None = None
    des: Annotated[dict[str, Any], BeforeValidator(_des_options)] = Field(default_factory=dict)
    tensorboard: bool = True

    @model_validator(mode="after")
    def _consistent(self) -> "StudyConfig":
        for name, entry in self.space.items():
            _check_entry(self.model, name, entry)
        if len(set(self.strategies)) < len(self.strategies):
            raise ConfigError(f"strategies: must not repeat one, got {list(self.strategies)}.")
        if (start := self.des.get("start")) is not None:
            _check_start(self.space, start)
        return self

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts with every default filled in; `from_dict` gives an equal study back.

        The order of the space's keys is that of the search's axes: write YAML with sort_keys=False.
        """
        return self.model_dump(mode="json")

    @classmethod
    def from_dict(cls, tree: Mapping[str, Any]) -> "StudyConfig":
        """Raises ConfigError naming the dotted path of the mistake."""
        if not isinstance(tree, Mapping):
            raise ConfigError(f"a study must be a mapping, got {tree!r}.")
        try:
            return cls.model_validate(dict(tree))
        except ValidationError as error:
            raise ConfigError(explain(error, cls)) from None


def _check_entry(model: ModelConfig, name: str, entry: Entry) -> None:
    """Both ends, or every choice, must be values that the network can take."""
    try:
        kind = find(name, model).rule.type
        ends: tuple[Value, ...] = (
            tuple(entry.choices) if isinstance(entry, Categorical) else (entry.low, entry.high)
        )
        if kind == "text" and not isinstance(entry, Categorical):
            raise ConfigError(f"{name}: must be a list of choices, it is a range of numbers.")
        for value in ends:
            apply_hparams(model, {name: value})
    except ConfigError as error:
        raise ConfigError(f"space.{error}") from None


def _check_start(space: Space, start: Mapping[str, Value]) -> None:
    for name in start:
        if name not in space:
            raise ConfigError(f"des.start.{name}: not in the space; {did_you_mean(name, space)}")
    try:
        space.encode(start)
    except ConfigError as error:
        raise ConfigError(f"des.start.{error}") from None
