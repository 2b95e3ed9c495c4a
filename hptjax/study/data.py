"""The images of a study: loaded, split and brought to the size of its networks."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hptjax.config.geometry import ImageSpec
from hptjax.config.schema import ModelConfig
from hptjax.data.dataset import ImageDataset
from hptjax.data.digest import dataset_digest
from hptjax.data.labels import say_absent
from hptjax.data.request import NoSplitError, Split, once, silent
from hptjax.data.resize import fitted, fitted_pair
from hptjax.data.sources import load_images
from hptjax.data.split import limited, train_validation_split
from hptjax.study.config import DataConfig, StudyConfig

Notify = Callable[[str], None]


@dataclass(frozen=True)
class StudyData:
    """Training and validation images of one size."""

    train: ImageDataset
    validation: ImageDataset

    @property
    def image(self) -> ImageSpec:
        height, width, channels = self.train.image_shape
        return ImageSpec(height, width, channels, self.train.num_classes)

    def fitted(self, model: ModelConfig, notify: Notify = warnings.warn) -> "StudyData":
        """The same at the size that the networks take; notify is told where that is another."""
        size = model.init_length, model.init_width
        return StudyData(*fitted_pair(self.train, self.validation, *size, notify))


def load_study_data(study: StudyConfig, notify: Notify = warnings.warn) -> StudyData:
    """The training and validation images of the study's source; raises as the source does."""
    return prepare_data(study.data, study.model, study.seed, notify)


def data_digests(data: StudyData) -> dict[str, str]:
    """By part, what tells whether a run that goes on has the images that it had."""
    return {"train": dataset_digest(data.train), "validation": dataset_digest(data.validation)}


def noted_digests(config: DataConfig, model: ModelConfig, data: StudyData) -> dict[str, str]:
    """As `data_digests`, with the test images where the source has some: for a network's file."""
    try:
        test = load_test_data(config, model, notify=silent)
    except NoSplitError:
        return data_digests(data)
    return data_digests(data) | {"test": dataset_digest(test)}


def prepare_data(
    config: DataConfig, model: ModelConfig, seed: int, notify: Notify = warnings.warn
) -> StudyData:
    """As `load_study_data`, for one model; seed: of the split and of the images left out.

    The validation set is the source's own, where it has one, or else cut off from the training
    set. notify: told in one line of each thing that is done to images and labels.
    """
    notify = once(notify)
    images = _load(config, "train", notify)
    stratified = images.stratified if config.stratified is None else config.stratified
    if config.train_limit is not None:
        images = limited(images, config.train_limit, seed, stratified)
    try:
        validation = _load(config, "validation", notify)
        notify(f"{validation.name}: {validation.size} images, which are the validation set.")
    except NoSplitError:
        fraction = config.validation_fraction
        images, validation = train_validation_split(
            images, fraction=fraction, seed=seed, stratified=stratified
        )
    if images.stratified:  # the user's own; once: what both lack is said of the first
        say_absent(images.labels, images.class_names, f"{images.name}, for training", notify)
        name = f"{validation.name}, for validation"
        say_absent(validation.labels, validation.class_names, name, notify)
    return StudyData(images, validation).fitted(model, notify)


def load_test_data(
    config: DataConfig,
    model: ModelConfig,
    *,
    classes: Sequence[str] | None = None,
    notify: Notify = warnings.warn,
) -> ImageDataset:
    """The test split of a source at the size of a network; NoSplitError where it has none.

    classes: what the network calls its classes, for a source that does not say so itself.
    """
    images = _load(config, "test", notify, classes)
    return fitted(images, model.init_length, model.init_width, notify)


def _load(
    config: DataConfig, split: Split, notify: Notify, classes: Sequence[str] | None = None
) -> ImageDataset:
    return load_images(
        config.source,
        split=split,
        data_dir=config.data_dir,
        channels=config.channels,
        classes=classes,
        notify=notify,
    )
