"""Image classification sets of TensorFlow Datasets (https://www.tensorflow.org/datasets)."""

import importlib
import importlib.util
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from hptjax.data.dataset import ImageDataset
from hptjax.data.request import NoSplitError, Request, Source
from hptjax.errors import DataError, MissingExtraError


def tfds_source(name: str) -> Source:
    """A set of TensorFlow Datasets: an image classification set of that name."""
    return partial(load_tfds, name)


def load_tfds(dataset_name: str, request: Request) -> ImageDataset:
    """Reads one split of a tensorflow-datasets set; its images must be of one size.

    data_dir: tensorflow-datasets' folder, ~/tensorflow_datasets by default. A set prepared there
    as array_record files is read without TensorFlow; any other is downloaded and prepared first,
    which needs TensorFlow. Raises MissingExtraError if a package is missing, NoSplitError for a
    split that it does not have, DataError for a set that is unknown or no image classification set.
    """
    what = f"the data source tfds:{dataset_name}"
    library = _import_tfds(what)
    builder = _make_builder(library, dataset_name, request.data_dir)
    if not builder.data_path.exists():
        _prepare(builder, what)
    if request.split not in builder.info.splits:
        known = ", ".join(builder.info.splits)
        raise NoSplitError(f"tfds:{dataset_name}: has no split {request.split!r}, only {known}.")
    class_names = _class_names(builder.info.features, dataset_name)
    records = builder.as_data_source(split=request.split)
    return _collect(records, class_names, f"tfds:{dataset_name} {request.split}", request)


def _import_tfds(what: str) -> Any:
    try:
        return importlib.import_module("tensorflow_datasets")
    except ImportError as error:
        raise MissingExtraError(what, "tensorflow-datasets", "tfds") from error


def _make_builder(library: Any, dataset_name: str, data_dir: Path | None) -> Any:
    folder = None if data_dir is None else str(data_dir)
    try:
        return library.builder(dataset_name, data_dir=folder, file_format="array_record")
    except library.core.DatasetNotFoundError as error:
        first_line = str(error).strip().splitlines()[0]
        raise DataError(f"tfds:{dataset_name}: no such dataset: {first_line}") from error


def _prepare(builder: Any, what: str) -> None:
    if importlib.util.find_spec("tensorflow") is None:
        raise MissingExtraError(
            f"{what}, which is not yet prepared as array_record files in {builder.data_path},",
            "tensorflow",
            "tfds",
        )
    builder.download_and_prepare()


def _class_names(features: Any, dataset_name: str) -> tuple[str, ...]:
    if not {"image", "label"} <= set(features):
        raise DataError(
            f"tfds:{dataset_name}: an image classification set has the features image and label, "
            f"this one has {', '.join(sorted(features))}."
        )
    return tuple(features["label"].names)


def _collect(
    records: Any, class_names: tuple[str, ...], name: str, request: Request
) -> ImageDataset:
    examples = [records[index] for index in range(len(records))]
    shapes = {example["image"].shape for example in examples}
    if len(shapes) != 1:
        raise DataError(
            f"{name}: images must all be of one size, got {len(shapes)} sizes: "
            "resize them and give them as npz:<path>."
        )
    images = np.stack([example["image"] for example in examples])
    labels = [int(example["label"]) for example in examples]
    if min(labels) < 0:
        raise DataError(f"{name}: {labels.count(min(labels))} images have no label.")
    return ImageDataset(
        images,
        [class_names[label] for label in labels],  # by name: the names may be numbers
        class_names,
        name,
        channels=request.channels,
        notify=request.notify,
    )
