"""Loads the images of a study, splits them and scales them to the size of its networks."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from hptjax.config.geometry import ImageSpec
from hptjax.config.model import AnyModel
from hptjax.data.channels import spec_of
from hptjax.data.dataset import ImageDataset
from hptjax.data.digest import dataset_digest
from hptjax.data.labels import listed, say_absent
from hptjax.data.parts import warn
from hptjax.data.request import NoSplitError, Split, once, silent
from hptjax.data.resize import fitted, fitted_pair
from hptjax.data.review import shared_images
from hptjax.data.sources import load_images, ours_without_pictures
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

    functions: {curve: function}. After each epoch, the function returns the next point of the
    curve, from the outputs [N, K] of a network for the validation images and their targets [N,
    ...].

    Example:
        >>> import hptjax
        >>> images = hptjax.load_images("sample").take(range(100))
        >>> hptjax.StudyData(*hptjax.train_validation_split(images, seed=0)).train.size
        80
    """

    train: ImageDataset
    validation: ImageDataset
    functions: Mapping[str, Function] = field(default_factory=dict)

    @property
    def image(self) -> ImageSpec:
        """The shape that the networks take and give, with an output for each class."""
        return spec_of(self.train, self.train.num_classes)

    def image_for(self, task: Task) -> ImageSpec:
        """The shape that the networks take and give for this task."""
        return spec_of(self.train, task.outputs(self.train))

    def check(self, task: Task, measures: Iterable[str] = ()) -> None:
        """Raises ConfigError unless the task can be learned and measured on these images."""
        for part in (self.train, self.validation):
            task.check(part)
        for name in measures:
            task.measure(name).check(self.validation)

    def fitted(self, model: AnyModel, notify: Notify = warn) -> "StudyData":
        """The same images at the size that the networks take; notify is called if that differs."""
        size = model.size_for(self.train.image_shape)
        train, validation = fitted_pair(self.train, self.validation, *size, notify)
        return replace(self, train=train, validation=validation)


def load_study_data(study: StudyConfig, notify: Notify = warn) -> StudyData:
    """The training and validation images of the study's source; raises as the source does."""
    return prepare_data(study.data, study.model, study.seed, notify)


def data_digests(data: StudyData) -> dict[str, str]:
    """{part: digest}; by these a resumed run checks that it has the same images."""
    return {"train": dataset_digest(data.train), "validation": dataset_digest(data.validation)}


def noted_digests(config: DataConfig, model: AnyModel, data: StudyData) -> dict[str, str]:
    """The digests for a network's file: `data_digests`, and the test images if there are any."""
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
    """Does what `load_study_data` does for one model.

    The validation set is the source's own, if it has one, else the part that `data.validation`
    says. seed: the seed of the split and of the images that are left out. given: a caller's images
    in place of the source; both sets, or one that is split in the same way. notify: called with one
    line for each change to images or labels.
    """
    notify = once(notify)
    if isinstance(given, StudyData):
        data = given
    else:
        data = StudyData(*split_images(config, model.task.options.kind, seed, notify, given))
        if given is None:
            _check_size(config, model, data.train)
    config.epoch_images(data.train.size)
    return data.fitted(model, notify)


def split_images(
    config: DataConfig,
    kind: Kind,
    seed: int,
    notify: Notify,
    given: ImageDataset | None = None,
) -> tuple[ImageDataset, ImageDataset]:
    """The training and validation images of a source, in their own sizes; as in `prepare_data`.

    kind: the kind of labels that the images must have.
    """
    images = _load(config, "train", kind, notify) if given is None else _of_config(given, config)
    stratified = images.stratified if config.stratified is None else config.stratified
    if config.train_limit is not None:
        images = limited(images, config.train_limit, seed, stratified)
    validation = _own_validation(config, images, kind, notify, given)
    if validation is not None:
        say_shared(images, validation, notify)
    else:
        images, validation = _cut(images, config.wanted, stratified, seed, notify)
    if config.validation_limit is not None:
        by_class = validation.stratified if config.stratified is None else config.stratified
        whole, validation = validation, limited(validation, config.validation_limit, seed, by_class)
        notify(f"{whole.name}: {validation.size} of {whole.size} images are measured on.")
    for part, use in ((images, "training"), (validation, "validation")):
        _say_absent(part, f"{part.name}, for {use}", notify)
    return images, validation


def _of_config(given: ImageDataset, config: DataConfig) -> ImageDataset:
    """A caller's images; ConfigError if the config needs groups and they have none."""
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
    """The validation set that the config names, else the source's own, else None."""
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
    """The images of another source: its validation split, or all of them."""
    others = {"background": None} if ours_without_pictures(source) else {}
    other = config.model_copy(update={"source": source, **others})
    try:
        return _load(other, "validation", kind, notify, images.class_names)
    except NoSplitError:
        return _load(other, "train", kind, notify, images.class_names)


def _cut(
    images: ImageDataset, wanted: Validation, stratified: bool, seed: int, notify: Notify
) -> tuple[ImageDataset, ImageDataset]:
    """Splits the training images into a training part and a validation part."""
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
    """The test split of a source at the size of a network; NoSplitError if it has none.

    classes: the network's names of its classes, for a source without names.
    """
    images = held_out_images(config, model.task.options.kind, notify, classes)
    _check_size(config, model, images)
    return fitted(images, *model.size_for(images.image_shape), notify)


def held_out_images(
    config: DataConfig, kind: Kind, notify: Notify, classes: Sequence[str] | None = None
) -> ImageDataset:
    """The test split, as in `load_test_data`, at the images' own size; kind: the kind of labels."""
    if config.wanted.source == TEST:
        raise NoSplitError(
            f"{config.source}: its test set is the validation set, as data.validation says; there "
            "is no other (--split validation measures on it)."
        )
    return _load(config, "test", kind, notify, classes)


def _check_size(config: DataConfig, model: AnyModel, images: ImageDataset) -> None:
    """Raises ConfigError if images are scaled to one size, and then to another for the model.

    A network scales new images only once, to its own size, which would differ from its training.
    """
    wanted = model.size_for(images.image_shape)
    if config.size is not None and tuple(config.size) != tuple(wanted):
        (height, width), (own_height, own_width) = config.size, wanted
        raise ConfigError(
            f"data.size: is {height} x {width}, but the model takes images of {own_height} x "
            f"{own_width}: write data.size: [{own_height}, {own_width}], or change the model."
        )


def say_shared(train: ImageDataset, validation: ImageDataset, notify: Notify) -> None:
    """Says how many validation images are also training images: measures on these tell little."""
    count = shared_images(train, validation)
    if count:
        notify(
            f"{validation.name}: {count} of {validation.size} validation images are training "
            "images, too, to the last bit."
        )


def _say_absent(images: ImageDataset, what: str, notify: Notify) -> None:
    """Names the classes or labels that have no image in a user's set."""
    if images.kind == "labels":
        absent = absent_labels(images.labels, images.class_names)
        if absent:
            notify(f"{what}: no image has any of the labels {listed(absent)}.")
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
        background=config.background,
        groups=config.wanted.groups if split == "train" else None,
        notify=notify,
    )
