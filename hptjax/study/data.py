"""The images of a study: loaded, split and brought to the size of its networks."""

from dataclasses import dataclass

import numpy as np

from hptjax.config.geometry import ImageSpec
from hptjax.config.schema import ModelConfig
from hptjax.data.dataset import ImageDataset, train_validation_split
from hptjax.data.digest import dataset_digest
from hptjax.data.resize import resize_and_crop
from hptjax.data.sources import Split, load_images
from hptjax.errors import DataError
from hptjax.paths import user_path
from hptjax.study.config import DataConfig, StudyConfig


@dataclass(frozen=True)
class StudyData:
    """Training and validation images of one size."""

    train: ImageDataset
    validation: ImageDataset

    @property
    def image(self) -> ImageSpec:
        height, width, channels = self.train.image_shape
        return ImageSpec(height, width, channels, self.train.num_classes)


def load_study_data(study: StudyConfig) -> StudyData:
    """The training split of the study's source, cut in two; raises as the source does."""
    return prepare_data(study.data, study.model, study.seed)


def prepare_data(config: DataConfig, model: ModelConfig, seed: int) -> StudyData:
    """As `load_study_data`, for one model; seed: of the split and of the images left out."""
    images = _load(config, "train")
    if config.train_limit is not None and config.train_limit < images.size:
        chosen = np.random.default_rng(seed).permutation(images.size)[: config.train_limit]
        images = images.take(np.sort(chosen))
    images = resize_and_crop(images, model.init_length, model.init_width)
    fraction = config.validation_fraction
    return StudyData(*train_validation_split(images, fraction=fraction, seed=seed))


def data_digests(data: StudyData) -> dict[str, str]:
    """By part, what tells whether a run that goes on has the images that it had."""
    return {"train": dataset_digest(data.train), "validation": dataset_digest(data.validation)}


def noted_digests(config: DataConfig, model: ModelConfig, data: StudyData) -> dict[str, str]:
    """As `data_digests`, with the test images where the source has some: for a network's file."""
    try:
        test = load_test_data(config, model)
    except DataError:
        return data_digests(data)
    return data_digests(data) | {"test": dataset_digest(test)}


def load_test_data(config: DataConfig, model: ModelConfig) -> ImageDataset:
    """The test split of a source at the size of a network; DataError where it has none."""
    return resize_and_crop(_load(config, "test"), model.init_length, model.init_width)


def _load(config: DataConfig, split: Split) -> ImageDataset:
    data_dir = None if config.data_dir is None else user_path(config.data_dir)
    return load_images(config.source, split=split, data_dir=data_dir)
