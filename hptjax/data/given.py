"""Reads images of other libraries by their methods: imports none of these libraries."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hptjax.data.folder_files import resized_lines, stacked
from hptjax.data.parts import Notify
from hptjax.data.picture import Picture, Size, any_picture, is_picture, lines_of
from hptjax.errors import ConfigError, DataError, did_you_mean, shown
from hptjax.paths import user_path

_LOOKED = 4  # images that are read twice


class Given(NamedTuple):
    """Images and labels as `ImageDataset` takes them, and the names of the classes, if known."""

    images: Any
    labels: list[Any]
    class_names: list[str] | None


class Reader:
    """Joins single images, of whatever kind, in one array.

    size: (height, width) to scale and crop to. channels: 1 or 3, to convert to. Both are for
    pictures (Pillow images and files); arrays are taken as they are. kind: of the labels, see
    `ImageDataset`. background: the colour to put behind transparent pixels.
    """

    def __init__(
        self,
        name: str,
        size: Size | None,
        channels: int | None,
        notify: Notify,
        kind: str = "classes",
        background: str | None = None,
    ) -> None:
        self.name, self.size, self.channels, self.notify = name, size, channels, notify
        self.kind, self.background = kind, background

    def together(self, images: Iterable[Any]) -> np.ndarray:
        """Returns all images [N, H, W, C]; raises DataError, with the index, for one that fails."""
        arrays, pictures = [], []
        for index, image in enumerate(images):
            one = self._one(image, index)
            if isinstance(one, Picture):
                pictures.append(one)
                one = one.pixels
            arrays.append(one)
        if not arrays:
            raise DataError(f"{self.name}: has no images.")
        if arrays and len(pictures) == len(arrays):
            return self._pictures(arrays, pictures)
        shapes = sorted({one.shape for one in arrays})
        if len(shapes) > 1:
            raise DataError(
                f"{self.name}: images must be of one shape, got {len(shapes)} ({shown(shapes)}); "
                "resize them before."
            )
        return _unwritable(np.stack(arrays))

    def _pictures(self, arrays: list[np.ndarray], pictures: list[Picture]) -> np.ndarray:
        lines = resized_lines([one.size for one in pictures], self.size)
        images, said = stacked(arrays, self.name)
        for line in (*lines, *lines_of(one.done for one in pictures), *said):
            self.notify(f"{self.name}: {line}.")
        return _unwritable(images)

    def _one(self, image: Any, index: int) -> "Picture | np.ndarray":
        what = f"{self.name}: image {index}"
        if is_picture(image):
            return any_picture(image, what, self.size, self.channels, self.background)
        array = np.asarray(_plain_tensor(image) if _is_torch(image) else image)
        if array.ndim not in (2, 3) or array.dtype.kind not in "biuf":
            raise DataError(
                f"{what}: must be a Pillow image, a path or an array [H, W] or [H, W, C], got "
                f"{shown(image) if array.ndim == 0 else f'{array.dtype} {list(array.shape)}'}."
            )
        if _is_torch(image) and array.ndim == 3:
            array = np.moveaxis(array, 0, -1)  # [C, H, W], as in PyTorch
        array = array[..., None] if array.ndim == 2 else array
        self._check_array(array.shape, what)
        return array

    def _check_array(self, shape: tuple[int, ...], what: str) -> None:
        """Raises ConfigError if an array would have to be converted."""
        wrong = self.size is not None and shape[:2] != self.size
        if wrong or (self.channels in (1, 3) and shape[2] != self.channels):
            raise ConfigError(
                f"{what}: size and channels convert only pictures and files, not an array "
                f"{list(shape)}; convert it before."
            )


def has_pictures(images: Any) -> bool:
    """Tells whether a list has Pillow images, whose bytes alone do not tell their colours."""
    return isinstance(images, list | tuple) and any(hasattr(one, "getbands") for one in images)


def _unwritable(images: np.ndarray) -> np.ndarray:
    """Makes the array read-only, so that it need not be copied."""
    images.flags.writeable = False
    return images


def given_by_torch(dataset: Any, class_names: Any, reader: Reader) -> Given:
    """Reads a data set with __len__ and __getitem__ that gives (image, label), as torchvision's do.

    Tensors are [C, H, W]; labels are whole numbers or names. The names of the classes are the data
    set's `classes`, or those of the sets that it is made of. If it gives another image each time,
    one draw of each is taken, with a warning.
    """
    if not (hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")):
        raise ConfigError(
            f"{reader.name}: must have __len__ and __getitem__, {type(dataset).__name__} has not; "
            "give arrays in place of what can be read only once."
        )
    images, labels = [], []
    for index in range(len(dataset)):
        item = dataset[index]
        if not isinstance(item, tuple | list) or len(item) != 2:
            raise DataError(f"{reader.name}: must give (image, label), item {index} is no pair.")
        images.append(item[0])
        labels.append(_plain(item[1]))
    if images and any(
        not _same(images[k], dataset[k][0]) for k in range(min(_LOOKED, len(images)))
    ):
        reader.notify(
            f"{reader.name}: gives another image for the same index each time, as by random "
            "transforms; one draw of each is taken."
        )
    names = class_names if class_names is not None else _classes_of(dataset, reader)
    return Given(reader.together(images), _named(labels, names, reader), names)


def given_by_hf(dataset: Any, image: str, label: str, reader: Reader) -> Given:
    """Reads a Hugging Face Dataset: a column of images, and one of labels, perhaps a ClassLabel."""
    if isinstance(dataset, Mapping):  # a DatasetDict
        raise ConfigError(
            f"{reader.name}: has the splits {', '.join(map(str, dataset))}; give one "
            f"of them, as in dataset[{shown(next(iter(dataset), 'train'))}]."
        )
    check_columns(getattr(dataset, "column_names", None), {"image": image, "label": label}, reader)
    names = getattr(dataset.features[label], "names", None)
    labels = [_plain(one) for one in dataset[label]]
    pictures = (dataset[index][image] for index in range(len(labels)))
    return Given(reader.together(pictures), _named(labels, names, reader), names)


def given_by_dataframe(frame: Any, image: str, label: str, folder: Path, reader: Reader) -> Given:
    """Reads a data frame: a column of paths or arrays, and one of labels.

    folder: where relative paths begin.
    """
    check_columns(list(frame.columns), {"image": image, "label": label}, reader)
    images = (_in_folder(one, folder) for one in frame[image])
    return Given(reader.together(images), [_plain(one) for one in frame[label]], None)


def _in_folder(image: Any, folder: Path) -> Any:
    """Returns a path below the folder where relative ones begin; anything else as it is.

    Raises DataError for a relative path that leads to no file.
    """
    if not isinstance(image, str | os.PathLike):
        return image
    path = folder / image
    if not user_path(path).exists() and not user_path(Path(image)).is_absolute():
        raise DataError(
            f"{path.absolute()}: there is no such file; relative paths begin in folder, which is "
            f"{str(folder)!r} here: name the folder of the files, as in folder='images'."
        )
    return path


def check_columns(columns: Any, wanted: Mapping[str, str], reader: Reader) -> None:
    """Raises ConfigError if a column is missing; wanted: {argument that names it: column}."""
    for argument, column in wanted.items():
        if columns is None or column not in columns:
            hint = did_you_mean(column, map(str, columns or ()))
            raise ConfigError(f"{reader.name}: {argument}: there is no column {column!r}; {hint}")


def _named(labels: list[Any], names: Any, reader: Reader) -> list[Any]:
    """Returns names instead of indices: names may be numbers themselves."""
    name, of_classes = reader.name, reader.kind == "classes"
    if names is None or not of_classes or any(isinstance(label, str) for label in labels):
        return labels
    wrong = [label for label in labels if not isinstance(label, int) or not 0 <= label < len(names)]
    if wrong:
        raise DataError(
            f"{name}: labels must be in 0..{len(names) - 1}, got {shown(wrong[0])} "
            f"({len(wrong)} of {len(labels)})."
        )
    return [names[label] for label in labels]


def _classes_of(dataset: Any, reader: Reader) -> list[str] | None:
    """Returns `classes`; for a Subset those of the whole, for joined sets those of each.

    Returns None for targets. Raises DataError for sets of different classes.
    """
    if reader.kind == "targets":
        return None
    while not hasattr(dataset, "classes") and hasattr(dataset, "dataset"):
        dataset = dataset.dataset
    parts = getattr(dataset, "datasets", None)
    if not hasattr(dataset, "classes") and isinstance(parts, list | tuple):
        found = [_classes_of(part, reader) for part in parts]
        for other in found[1:]:
            if other != found[0]:
                raise DataError(
                    f"{reader.name}: is made of sets of different classes, {shown(found[0])} and "
                    f"{shown(other)}, whose numbers do not mean the same; give one after the other."
                )
        return found[0] if found else None
    names = getattr(dataset, "classes", None)
    return list(names) if isinstance(names, list | tuple) else None


def _same(one: Any, other: Any) -> bool:
    """Tells whether two images are equal, to the last bit."""
    if _is_torch(one) and _is_torch(other):
        one, other = _plain_tensor(one), _plain_tensor(other)
    return np.array_equal(np.asarray(one), np.asarray(other), equal_nan=False)


def _plain_tensor(tensor: Any) -> Any:
    """Returns a tensor that NumPy can read: no gradient, on the host, of a type of NumPy."""
    tensor = tensor.detach().cpu() if hasattr(tensor, "detach") else tensor
    return tensor.float() if str(getattr(tensor, "dtype", "")) == "torch.bfloat16" else tensor


def _plain(label: Any) -> Any:
    """Returns a label without its container, such as a tensor or a NumPy scalar."""
    return label.item() if hasattr(label, "item") and getattr(label, "ndim", 0) == 0 else label


def _is_torch(image: Any) -> bool:
    """Tells whether an image is a PyTorch tensor, whose first axis is that of the channels."""
    return type(image).__module__.partition(".")[0] in ("torch", "torchvision")
