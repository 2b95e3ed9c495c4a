"""Schemas of the images of a study, and of the settings of a single training."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from hptjax.config.augment import augmentations, augmentations_tree
from hptjax.config.frozen import Frozen, Otherwise, Positive
from hptjax.config.model import AnyModel, Model, is_native
from hptjax.config.named import Part
from hptjax.data.augmentations.base import Augmentation
from hptjax.data.picture import colour_of
from hptjax.data.resize import size_of
from hptjax.data.sources import check_source
from hptjax.errors import ConfigError
from hptjax.study.validation import FRACTION, Seed, Validation, as_validation, with_fraction
from hptjax.transpile.opened import closed


def _augmentations(value: Any) -> tuple[Part[Augmentation], ...]:
    return augmentations(value, "data.augment")


def _source(value: Any) -> Any:
    check_source(value, "data.source")
    return value


def _size(value: Any) -> Any:
    return None if value is None else size_of(value, "data.size")


def _background(value: Any) -> Any:
    if value is not None:
        colour_of(value)
    return value


class DataConfig(Frozen):
    """The images, and how they are split and augmented.

    source: sample, folder:<path>, npz:<path>, ... (`hptjax list sources`). data_dir: the folder of
    the source's files (None: the source's default). train_limit: how many images of the training
    split are used, before the validation part is split off (None: all). images_per_epoch: how many
    of the training images an epoch goes through, others in each epoch (None: all).
    validation_limit: how many validation images are used (None: all). validation: the validation
    set, if the source has none of its own, see `study.validation`: a share, a number of images,
    test, another source, or a mapping. validation_fraction: the older key for a share (None: see
    validation). size: the (height, width) to which images are scaled and cropped. broken: refuse or
    skip files that cannot be decoded. background: the colour, such as white, behind transparent
    pixels of pictures (None: transparency is ignored). augment: the augmentations of the training
    images, drawn anew in each epoch: true (flips and rotations, as in the original study, whose
    form of a model has them by default), false (the default of any other model), or a list such as
    [flip, {crop: 4}], see `config.augment`. augment_validation: whether the validation images are
    augmented, too, as in the original study. stratified: whether limit and split keep the shares of
    the classes (None: yes, except for sample and fashion_mnist). channels: images are converted to
    1 or 3 channels; another number allows images with that many.
    """

    later: ClassVar[tuple[str, ...]] = (
        *("validation", "validation_limit", "images_per_epoch", "size", "broken", "background"),
    )

    source: Annotated[str, BeforeValidator(_source)] = "sample"
    data_dir: str | None = None
    validation_fraction: Annotated[float, Field(gt=0, lt=1)] | None = FRACTION
    validation: Annotated[
        Validation | None,
        BeforeValidator(as_validation),
        PlainSerializer(lambda value: value and value.to_tree()),
    ] = None
    augment: Annotated[
        tuple[Part[Augmentation], ...],
        BeforeValidator(_augmentations),
        PlainSerializer(augmentations_tree),
        Otherwise("`true` for a model in the original study's form, `false` for any other"),
    ] = Field(default=True, validate_default=True)
    augment_validation: bool = False
    train_limit: Annotated[int, Field(ge=2)] | None = None
    validation_limit: Positive | None = None
    images_per_epoch: Positive | None = None
    stratified: bool | None = None
    channels: Positive | None = None
    size: Annotated[tuple[int, int] | None, BeforeValidator(_size)] = None
    broken: Literal["refuse", "skip"] = "refuse"
    background: Annotated[str | None, BeforeValidator(_background)] = None

    @model_validator(mode="before")
    @classmethod
    def _one_validation(cls, tree: Any) -> Any:
        return with_fraction(tree) if isinstance(tree, Mapping) else tree

    @model_validator(mode="after")
    def _some_validation(self) -> "DataConfig":
        if self.validation is None and self.validation_fraction is None:
            raise ConfigError("data.validation: must be given where validation_fraction is null.")
        return self

    @model_serializer(mode="wrap")
    def _without_later(
        self, dump: SerializerFunctionWrapHandler, info: SerializationInfo
    ) -> dict[str, Any]:
        """Dumps as every config does, but without the older key if `validation` is given."""
        tree = super()._without_later(dump, info)
        if tree.get("validation_fraction", FRACTION) is None:
            del tree["validation_fraction"]
        return tree

    @property
    def wanted(self) -> Validation:
        """The validation set, whichever key says it."""
        return self.validation or Validation(fraction=self.validation_fraction)

    def epoch_images(self, images: int) -> int:
        """How many training images an epoch goes through; images: how many there are."""
        wanted = self.images_per_epoch
        if wanted is not None and wanted > images:
            raise ConfigError(
                f"data.images_per_epoch: must be at most the {images} training images, got "
                f"{wanted}."
            )
        return images if wanted is None else wanted


class TrainConfig(Frozen):
    """One model, and how to train it."""

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
    """Sets `data.augment` of a native model to false unless the user gave an augmentation."""
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
    """Raises ConfigError if the data forbid augmentation but networks have their own."""
    if own and not data.augment:
        raise ConfigError(
            "data.augment: is false, but the model or the space says itself how images are "
            "augmented; leave one of them out."
        )
