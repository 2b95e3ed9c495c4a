"""The images that a caller gives in Python, and the data of a study."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from hptjax.data.dataset import ImageDataset
from hptjax.data.digest import dataset_digest
from hptjax.data.given import has_pictures
from hptjax.data.pixels import as_images, scale_of, to_bytes
from hptjax.data.sources import MEMORY
from hptjax.data.targets import Kind
from hptjax.errors import ConfigError, shown
from hptjax.study.config import StudyConfig
from hptjax.study.data import StudyData, data_digests, prepare_data, say_shared
from hptjax.study.data_config import DataConfig

Images: TypeAlias = ImageDataset | StudyData
Notify: TypeAlias = Callable[[str], None]

NAME = "the images given"  # the name of (X, y) in messages
WANTED = "a source such as 'folder:digits', (X, y), an ImageDataset, a StudyData or a mapping"


def prepared_data(study: StudyConfig, given: Images | None, notify: Notify) -> StudyData:
    """The training and validation images of a study; given: images in place of its source."""
    return prepare_data(study.data, study.model, study.seed, notify, given)


def split_source(data: Any) -> tuple[Any, Any]:
    """Splits the argument `data` into the data of a config and the caller's images, or None.

    Raises ConfigError for any other value.
    """
    if isinstance(data, str):
        return {"source": data}, None
    if isinstance(data, DataConfig):
        return data.model_dump(mode="json", exclude_unset=True), None
    if isinstance(data, Mapping):
        if "source" not in data:
            raise ConfigError("data.source: must be given, it is missing.")
        source = data["source"]
        given = None if isinstance(source, str | None) else source
        return {**data, **({} if given is None else {"source": MEMORY})}, given
    if isinstance(data, ImageDataset | StudyData) or _is_pair(data):
        return {"source": MEMORY}, data
    hint = "; a list is not (X, y)" if isinstance(data, list) and len(data) == 2 else ""
    raise ConfigError(f"data: must be {WANTED}, got {_kind(data)}{hint}.")


def read_images(
    given: Any, validation: Any, kind: Kind, channels: int | None, notify: Notify
) -> Images:
    """The images of a caller as an ImageDataset or StudyData.

    given: (X, y), an ImageDataset or a StudyData. validation: images for validation; None splits
    them off later. kind: the kind of labels of the task. channels: as in ImageDataset. Raises
    ConfigError or DataError.
    """
    if isinstance(given, StudyData):
        if validation is not None:
            raise ConfigError("validation: a StudyData has its validation images; leave one out.")
        return given
    train = _dataset(given, None, kind, channels, notify, "data")
    if validation is None:
        return train
    validation = _scaled_as(validation, given, channels, "validation")
    held = _dataset(validation, train.class_names, kind, channels, notify, "validation")
    say_shared(train, held, notify)
    return StudyData(train, held)


def read_test(
    test: Any, given: Any, found: Images, kind: Kind, channels: int | None, notify: Notify
) -> ImageDataset:
    """A caller's test images; given: the training images; found: these as read."""
    train = found.train if isinstance(found, StudyData) else found
    test = _scaled_as(test, given, channels, "test")
    return _dataset(test, train.class_names, kind, channels, notify, "test")


def _scaled_as(other: Any, train: Any, channels: int | None, path: str) -> Any:
    """(X, y) with X as bytes, on the scale of the training images: X alone may be darker."""
    if not (_is_pair(other) and _is_pair(train)):
        return other
    if has_pictures(other[0]) or has_pictures(train[0]):
        return other  # pictures are bytes
    name = f"{NAME} for {path}"
    images, theirs = as_images(other[0], name, channels), as_images(train[0], NAME, channels)
    if images.dtype != theirs.dtype:
        return other
    return to_bytes(images, scale_of(theirs, NAME), name), other[1]


def _dataset(
    given: Any, classes: Any, kind: Kind, channels: int | None, notify: Notify, path: str
) -> ImageDataset:
    if isinstance(given, ImageDataset):
        if given.kind != kind:
            raise ConfigError(
                f"{path}: {given.name} has {given.kind}, but {kind} are to be learned; say "
                f"ImageDataset(..., kind={kind!r})."
            )
        return given
    if not _is_pair(given):
        raise ConfigError(f"{path}: must be (X, y) or an ImageDataset, got {_kind(given)}.")
    name, (images, labels) = NAME if path == "data" else f"{NAME} for {path}", given
    return ImageDataset(images, labels, classes, name, channels=channels, kind=kind, notify=notify)


def digest_of(images: Images) -> str:
    """A digest of images, independent of their names."""
    if isinstance(images, StudyData):
        return "".join(data_digests(images).values())
    return dataset_digest(images)


def _is_pair(data: Any) -> bool:
    return isinstance(data, tuple) and len(data) == 2


def _kind(data: Any) -> str:
    """A value as text for errors: the shape of an array, the number of items of a list."""
    shape = getattr(data, "shape", None)
    if shape is not None:
        return f"one array {list(shape)}; (X, y) has the labels, too"
    if isinstance(data, list | tuple):
        return f"a {type(data).__name__} of {len(data)}"
    return shown(data)
