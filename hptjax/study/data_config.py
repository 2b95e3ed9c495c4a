"""Schema of the images of a study, and of the settings of a single training."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from hptjax.config.augment import augmentations, augmentations_tree
from hptjax.config.frozen import Frozen, Positive
from hptjax.config.model import AnyModel, Model, is_native
from hptjax.config.named import Part
from hptjax.data.augmentations.base import Augmentation
from hptjax.data.sources import check_source
from hptjax.errors import ConfigError
from hptjax.transpile.opened import closed

Seed = Annotated[int, Field(ge=0, lt=2**31)]


def _augmentations(value: Any) -> tuple[Part[Augmentation], ...]:
    return augmentations(value, "data.augment")


def _source(value: Any) -> Any:
    check_source(value, "data.source")
    return value


class DataConfig(Frozen):
    """Images and how they are split and augmented.

    source: sample, fashion_mnist, tfds:<name> or npz:<path>. train_limit: how many images of the
    training split are used, before the validation part is cut off (None: all).
    validation_fraction: of the images, where the source has no validation set of its own. augment:
    the training images, anew in each epoch; true (flipped and rotated, as in the original study),
    false, or a list such as [flip, {crop: 4}], see `config.augment`. stratified: limit
    and split deal each class by itself (None: yes, but for sample and fashion_mnist). channels:
    allows images of that many channels, besides 1 and 3.
    """

    source: Annotated[str, BeforeValidator(_source)] = "sample"
    data_dir: str | None = None
    validation_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.2
    augment: Annotated[
        tuple[Part[Augmentation], ...],
        BeforeValidator(_augmentations),
        PlainSerializer(augmentations_tree),
    ] = Field(default=True, validate_default=True)
    augment_validation: bool = False
    train_limit: Annotated[int, Field(ge=2)] | None = None
    stratified: bool | None = None
    channels: Positive | None = None


class TrainConfig(Frozen):
    """One model and how to train it."""

    model: AnyModel
    data: DataConfig = DataConfig()
    epochs: Positive = 1
    seed: Seed = 0

    @model_validator(mode="before")
    @classmethod
    def _closed(cls, tree: Any) -> Any:
        """Puts a default in the place of each entry of the model."""
        if not isinstance(tree, Mapping) or "model" not in tree:
            return tree
        return with_augment({**tree, "model": closed(tree["model"])})

    @model_validator(mode="after")
    def _consistent(self) -> "TrainConfig":
        check_augment(self.data, self.model.augment is not None)
        return self


def with_augment(tree: dict[str, Any]) -> dict[str, Any]:
    """A native model's images are augmented only where something says so."""
    model, space, data = tree["model"], tree.get("space") or {}, tree.get("data", {})
    native = isinstance(model, Model) or is_native(model)
    own = model.augment if isinstance(model, Model) else native and model.get("augment")
    if not native or own is not None or "augment" in space:
        return tree
    if isinstance(data, str):
        data = {"source": data}
    if isinstance(data, DataConfig) and "augment" not in data.model_fields_set:
        return {**tree, "data": data.model_copy(update={"augment": False})}
    if isinstance(data, Mapping) and "augment" not in data:
        return {**tree, "data": {**data, "augment": False}}
    return tree


def check_augment(data: DataConfig, own: bool) -> None:
    """ConfigError where the data say that nothing is augmented, and networks say what is."""
    if own and not data.augment:
        raise ConfigError(
            "data.augment: is false, but the model or the space says itself how images are "
            "augmented; leave one of them out."
        )
