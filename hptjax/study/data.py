"""The images of a study: loaded, split and brought to the size of its networks."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from hptjax.config.geometry import ImageSpec
from hptjax.config.model import AnyModel
from hptjax.data.channels import spec_of
from hptjax.data.dataset import ImageDataset
from hptjax.data.digest import dataset_digest
from hptjax.data.labels import listed, say_absent
from hptjax.data.request import NoSplitError, Split, once, silent, warn
from hptjax.data.resize import fitted, fitted_pair
from hptjax.data.sources import load_images
from hptjax.data.split import limited
from hptjax.data.targets import Kind, absent_labels
from hptjax.errors import ConfigError
from hptjax.study.config import StudyConfig
from hptjax.study.data_config import DataConfig
from hptjax.study.metric import Function
from hptjax.study.validation import TEST, Validation
from hptjax.tasks.base import Task

Notify = Callable[[str], None]


@dataclass(frozen=True)
class StudyData:
    """Training and validation images of one size.

    functions: {curve: function} of the outputs [N, K] of a network for the validation images, and
    their targets [N, ...], each of which gives a point of the curve after each epoch.
    """

    train: ImageDataset
    validation: ImageDataset
    functions: Mapping[str, Function] = field(default_factory=dict)

    @property
    def image(self) -> ImageSpec:
        """What the networks take and give, an output for each class."""
        return spec_of(self.train, self.train.num_classes)

    def image_for(self, task: Task) -> ImageSpec:
        """What the networks take, and give for this task."""
        return spec_of(self.train, task.outputs(self.train))

    def check(self, task: Task, measures: Iterable[str] = ()) -> None:
        """ConfigError unless a task can be learned, and measured, on these images."""
        for part in (self.train, self.validation):
            task.check(part)
        for name in measures:
            task.measure(name).check(self.validation)

    def fitted(self, model: AnyModel, notify: Notify = warn) -> "StudyData":
        """The same at the size that the networks take; notify is told where that is another."""
        size = model.size_for(self.train.image_shape)
        train, validation = fitted_pair(self.train, self.validation, *size, notify)
        return replace(self, train=train, validation=validation)


def load_study_data(study: StudyConfig, notify: Notify = warn) -> StudyData:
    """The training and validation images of the study's source; raises as the source does."""
    return prepare_data(study.data, study.model, study.seed, notify)


def data_digests(data: StudyData) -> dict[str, str]:
    """By part, what tells whether a run that goes on has the images that it had."""
    return {"train": dataset_digest(data.train), "validation": dataset_digest(data.validation)}


def noted_digests(config: DataConfig, model: AnyModel, data: StudyData) -> dict[str, str]:
    """As `data_digests`, with the test images where the source has some: for a network's file."""
    try:
        test = load_test_data(config, model, notify=silent)
    except NoSplitError:
        return data_digests(data)
    return data_digests(data) | {"test": dataset_digest(test)}


def prepare_data(
    config: DataConfig,
    model: AnyModel,
    seed: int,
    notify: Notify = warn,
    given: "ImageDataset | StudyData | None" = None,
) -> StudyData:
    """As `load_study_data`, for one model; seed: of the split and of the images left out.

    The validation set is the source's own, where it has one, or else what `data.validation` says.
    given: a caller's images in place of the source's; both sets, or one that is split in the same
    way. notify: told in one line of each thing that is done to images and labels.
    """
    notify = once(notify)
    if isinstance(given, StudyData):
        return given.fitted(model, notify)
    images, validation = split_images(config, model.task.options.kind, seed, notify, given)
    return StudyData(images, validation).fitted(model, notify)


def split_images(
    config: DataConfig,
    kind: Kind,
    seed: int,
    notify: Notify,
    given: ImageDataset | None = None,
) -> tuple[ImageDataset, ImageDataset]:
    """The training and validation images of a source, each of their own size; as `prepare_data`.

    kind: what the labels must be.
    """
    images = _load(config, "train", kind, notify) if given is None else _of_config(given, config)
    stratified = images.stratified if config.stratified is None else config.stratified
    if config.train_limit is not None:
        images = limited(images, config.train_limit, seed, stratified)
    validation = _own_validation(config, images, kind, notify, given)
    if validation is None:
        images, validation = _cut(images, config.wanted, stratified, seed, notify)
    for part, use in ((images, "training"), (validation, "validation")):
        _say_absent(part, f"{part.name}, for {use}", notify)
    return images, validation


def _of_config(given: ImageDataset, config: DataConfig) -> ImageDataset:
    """A caller's images, with the groups that they have; ConfigError where they have none."""
    if config.wanted.groups is not None and given.groups is None:
        raise ConfigError(
            "data.validation.groups: the images given have none; say ImageDataset(..., groups=...)."
        )
    return given


def _own_validation(
    config: DataConfig,
    images: ImageDataset,
    kind: Kind,
    notify: Notify,
    given: ImageDataset | None,
) -> ImageDataset | None:
    """The images that the config names, else those that the source has for it, else None."""
    wanted = config.wanted
    if wanted.source == TEST:
        if given is not None:
            raise ConfigError("data.validation: test is of a source, these images were given.")
        validation = _load(config, "test", kind, notify)
    elif wanted.source is not None:
        validation = _other(config, wanted.source, images, kind, notify)
    else:
        try:
            validation = None if given else _load(config, "validation", kind, notify)
        except NoSplitError:
            validation = None
    if validation is not None:
        notify(f"{validation.name}: {validation.size} images, which are the validation set.")
    return validation


def _other(
    config: DataConfig, source: str, images: ImageDataset, kind: Kind, notify: Notify
) -> ImageDataset:
    """The images of another source: its validation split, or all that it has."""
    other = config.model_copy(update={"source": source})
    try:
        return _load(other, "validation", kind, notify, images.class_names)
    except NoSplitError:
        return _load(other, "train", kind, notify, images.class_names)


def _cut(
    images: ImageDataset, wanted: Validation, stratified: bool, seed: int, notify: Notify
) -> tuple[ImageDataset, ImageDataset]:
    """Deals the training images into those that stay and those for validation."""
    train, validation = images.split(
        wanted.fraction,
        images=wanted.images,
        stratified=stratified if wanted.stratified is None else wanted.stratified,
        seed=seed if wanted.seed is None else wanted.seed,
    )
    if images.groups is not None and validation.groups is not None:
        held, whole = (len(np.unique(groups)) for groups in (validation.groups, images.groups))
        notify(
            f"{images.name}: {held} of {whole} groups, {validation.size} of {images.size} images, "
            "are for validation."
        )
    return train, validation


def load_test_data(
    config: DataConfig,
    model: AnyModel,
    *,
    classes: Sequence[str] | None = None,
    notify: Notify = warn,
) -> ImageDataset:
    """The test split of a source at the size of a network; NoSplitError where it has none.

    classes: what the network calls its classes, for a source that does not say so itself.
    """
    images = held_out_images(config, model.task.options.kind, notify, classes)
    return fitted(images, *model.size_for(images.image_shape), notify)


def held_out_images(
    config: DataConfig, kind: Kind, notify: Notify, classes: Sequence[str] | None = None
) -> ImageDataset:
    """As `load_test_data`, of the images' own size; kind: what the labels must be."""
    if config.wanted.source == TEST:
        raise NoSplitError(
            f"{config.source}: its test set is the validation set, as data.validation says; there "
            "is no other (--split validation measures on it)."
        )
    return _load(config, "test", kind, notify, classes)


def _say_absent(images: ImageDataset, what: str, notify: Notify) -> None:
    """Names the classes or labels of which a set of the user's has no image."""
    if images.kind == "labels":
        absent = absent_labels(images.labels, images.class_names)
        if absent:
            notify(f"{what}: no image has of the labels {listed(absent)}.")
    elif images.stratified:
        say_absent(images.labels, images.class_names, what, notify)


def _load(
    config: DataConfig,
    split: Split,
    kind: Kind,
    notify: Notify,
    classes: Sequence[str] | None = None,
) -> ImageDataset:
    return load_images(
        config.source,
        split=split,
        data_dir=config.data_dir,
        channels=config.channels,
        classes=classes,
        kind=kind,
        size=config.size,
        broken=config.broken,
        groups=config.wanted.groups if split == "train" else None,
        notify=notify,
    )
