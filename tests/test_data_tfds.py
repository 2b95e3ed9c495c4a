"""Data sets of tensorflow-datasets, by a stand-in for the library, and every error's text."""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from hptjax.data import load_images
from hptjax.errors import DataError, MissingExtraError


class FakeBuilder:
    """The parts of a tensorflow-datasets builder that are used."""

    def __init__(self, data_path: Path, features: dict, examples: list) -> None:
        self.data_path = data_path
        self.info = SimpleNamespace(features=features, splits={"train": None})
        self.examples = examples

    def as_data_source(self, split: str) -> list:
        return self.examples


def fake_tfds(monkeypatch: pytest.MonkeyPatch, builder: FakeBuilder) -> None:
    class DatasetNotFoundError(ValueError):
        pass

    def make(name: str, *, data_dir: str | None, file_format: str) -> FakeBuilder:
        assert file_format == "array_record"  # the only format that is read without TensorFlow
        if name != "tiny":
            raise DatasetNotFoundError(f"Dataset {name} not found.\nCheck the list")
        return builder

    module = ModuleType("tensorflow_datasets")
    core = SimpleNamespace(DatasetNotFoundError=DatasetNotFoundError)
    module.builder, module.core = make, core  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", module)


FEATURES = {"image": None, "label": SimpleNamespace(names=["cat", "dog"])}
EXAMPLES = [{"image": np.full((2, 2, 1), i, np.uint8), "label": i % 2} for i in range(3)]


def test_tfds_reads_prepared_records(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake_tfds(monkeypatch, FakeBuilder(tmp_path, FEATURES, EXAMPLES))
    dataset = load_images("tfds:tiny")
    assert dataset.images[:, 0, 0, 0].tolist() == [0, 1, 2]
    assert dataset.labels.tolist() == [0, 1, 0]
    assert dataset.class_names == ("cat", "dog")


def test_tfds_missing_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)  # import raises
    message = r"tfds:tiny needs tensorflow-datasets: install it with  pip install 'hptjax\[tfds\]'"
    with pytest.raises(MissingExtraError, match=message):
        load_images("tfds:tiny")
    fake_tfds(monkeypatch, FakeBuilder(tmp_path / "unprepared", FEATURES, EXAMPLES))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    message = r"not yet prepared as array_record files in .*unprepared, needs tensorflow: install"
    with pytest.raises(MissingExtraError, match=message):
        load_images("tfds:tiny")


def test_tfds_errors(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    uneven = [*EXAMPLES, {"image": np.zeros((3, 2, 1), np.uint8), "label": 0}]
    fake_tfds(monkeypatch, FakeBuilder(tmp_path, FEATURES, uneven))
    with pytest.raises(DataError, match="tfds:tiny train: images must all be of one size, got 2"):
        load_images("tfds:tiny")
    with pytest.raises(DataError, match="tfds:tiny: has no split 'test', only train"):
        load_images("tfds:tiny", split="test")
    with pytest.raises(DataError, match=r"tfds:huge: no such dataset: Dataset huge not found\.$"):
        load_images("tfds:huge")
    fake_tfds(monkeypatch, FakeBuilder(tmp_path, {"audio": None, "label": None}, []))
    with pytest.raises(DataError, match="the features image and label, this one has audio, label"):
        load_images("tfds:tiny")
