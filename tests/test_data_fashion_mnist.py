"""FashionMNIST: which folder is read, what is wrong in it, and downloads from a local server."""

import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from hptjax.data import fashion_mnist, load_images
from hptjax.errors import DataError
from tests.data_files import bare_machine, idx_bytes, write_fashion_mnist, write_gz  # noqa: F401

pytestmark = pytest.mark.usefixtures("bare_machine")

# --- which folder, and what is wrong in it ---


def test_data_dir_goes_before_the_environment_before_debian(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    debian = write_fashion_mnist(tmp_path / "debian", mark=3)
    monkeypatch.setattr(fashion_mnist, "DEBIAN_FOLDER", debian)
    assert load_images("fashion_mnist").images[0, 0, 0, 0] == 3
    monkeypatch.setenv("HPTJAX_DATA", str(tmp_path / "env"))
    write_fashion_mnist(tmp_path / "env" / "fashion-mnist", mark=2)  # the folder in the folder
    assert load_images("fashion_mnist").images[0, 0, 0, 0] == 2
    given = write_fashion_mnist(tmp_path / "given", mark=1)
    dataset = load_images("fashion_mnist", data_dir=given)
    assert dataset.images[0, 0, 0, 0] == 1
    assert dataset.labels.tolist() == [0, 1, 2, 3, 4]
    assert (dataset.image_shape, dataset.num_classes) == ((28, 28, 1), 10)


def test_splits_are_different_files(tmp_path: Path) -> None:
    write_fashion_mnist(tmp_path, mark=1)
    write_fashion_mnist(tmp_path, mark=2, split="test")
    assert load_images("fashion_mnist", split="train", data_dir=tmp_path).images.max() == 1
    assert load_images("fashion_mnist", split="test", data_dir=tmp_path).images.max() == 2


def test_missing_from_a_given_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_fashion_mnist(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte.gz").unlink()
    message = r"data_dir is .*, but train-labels-idx1-ubyte.gz is not there .*unset data_dir"
    with pytest.raises(DataError, match=message):
        load_images("fashion_mnist", data_dir=tmp_path)
    monkeypatch.setenv("HPTJAX_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match=r"\$HPTJAX_DATA is .*nowhere, but train-images"):
        load_images("fashion_mnist")


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        ((4, 28, 28), range(5), "4 images but .*labels-idx1-ubyte.gz has 5 labels: .*same split"),
        ((5, 28, 27), range(5), "train-images.*: FashionMNIST images are 28 x 28 .* got 28 x 27"),
        ((2, 28, 28), [3, 10], r"train-labels.*: labels must be in 0..9, got 10 at index 1"),
        ((0, 28, 28), [], "images must not be empty"),
    ],
)
def test_files_that_are_not_fashion_mnist(
    tmp_path: Path, images: tuple, labels: list, message: str
) -> None:
    images_name, labels_name = fashion_mnist.FILES["train"]
    write_gz(tmp_path / images_name, idx_bytes(np.zeros(images)))
    write_gz(tmp_path / labels_name, idx_bytes(np.array(list(labels))))
    with pytest.raises(DataError, match=message):
        load_images("fashion_mnist", data_dir=tmp_path)


def test_swapped_files(tmp_path: Path) -> None:
    images_name, labels_name = fashion_mnist.FILES["train"]
    write_gz(tmp_path / labels_name, idx_bytes(np.zeros((5, 28, 28))))
    write_gz(tmp_path / images_name, idx_bytes(np.arange(5)))
    with pytest.raises(DataError, match=r"train-images.*: holds labels .*swapped\?"):
        load_images("fashion_mnist", data_dir=tmp_path)


@pytest.mark.skipif(
    not Path("/usr/share/datasets/fashion-mnist").is_dir(), reason="no dataset-fashion-mnist"
)
def test_the_real_files_of_debian() -> None:
    dataset = load_images(
        "fashion_mnist", split="test", data_dir=Path("/usr/share/datasets/fashion-mnist")
    )
    assert dataset.image_shape == (28, 28, 1)
    assert np.bincount(dataset.labels).tolist() == [1000] * 10


# --- downloads ---


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        self.server.requests.append(self.path)  # type: ignore[attr-defined]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """Serves a tiny FashionMNIST, whose checksums are the expected ones."""
    folder = write_fashion_mnist(tmp_path / "served", mark=9)
    sums = {
        path.name: "md5:" + hashlib.md5(path.read_bytes()).hexdigest() for path in folder.iterdir()
    }
    http = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(folder)))
    http.requests = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    url = f"http://127.0.0.1:{http.server_port}/"
    monkeypatch.setattr(fashion_mnist, "MIRRORS", (url,))
    monkeypatch.setattr(fashion_mnist, "CHECKSUMS", sums)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield SimpleNamespace(url=url, folder=folder, requests=http.requests)  # type: ignore[attr-defined]
    http.shutdown()
    thread.join()
    http.server_close()


def cached_files(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "cache").rglob("*") if path.is_file())


def test_download_once_into_the_cache(tmp_path: Path, server: SimpleNamespace) -> None:
    assert load_images("fashion_mnist").images[0, 0, 0, 0] == 9
    assert cached_files(tmp_path) == sorted(fashion_mnist.FILES["train"])
    load_images("fashion_mnist")
    assert len(server.requests) == 2  # one for each file: the second time none


def test_damaged_cache_is_fetched_again(tmp_path: Path, server: SimpleNamespace) -> None:
    load_images("fashion_mnist")
    name = fashion_mnist.FILES["train"][0]
    (tmp_path / "cache" / "hptjax" / "fashion-mnist" / name).write_bytes(b"torn")
    assert load_images("fashion_mnist").images[0, 0, 0, 0] == 9


def test_wrong_checksum_leaves_no_file(tmp_path: Path, server: SimpleNamespace) -> None:
    name = fashion_mnist.FILES["train"][0]
    write_gz(server.folder / name, idx_bytes(np.zeros((5, 28, 28))))
    expected = fashion_mnist.CHECKSUMS[name]
    message = f"{name} could not be downloaded .*another checksum than {expected}.*data_dir or"
    with pytest.raises(DataError, match=message):
        load_images("fashion_mnist")
    assert cached_files(tmp_path) == []


def test_next_mirror_is_tried(server: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fashion_mnist, "MIRRORS", (server.url + "gone/", server.url))
    assert load_images("fashion_mnist").size == 5
    assert any(path.startswith("/gone/") for path in server.requests)


def test_no_mirror_answers(
    tmp_path: Path, server: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirrors = (server.url + "gone/", "http://127.0.0.1:9/")  # 9: the discard port, nobody listens
    monkeypatch.setattr(fashion_mnist, "MIRRORS", mirrors)
    message = "Tried http.*/gone/train.*404.*; http://127.0.0.1:9/train.*ConnectionError"
    with pytest.raises(DataError, match=message):
        load_images("fashion_mnist")
    assert cached_files(tmp_path) == []


def test_the_published_checksums_are_named_for_every_file() -> None:
    names = {name for pair in fashion_mnist.FILES.values() for name in pair}
    assert set(fashion_mnist.CHECKSUMS) == names
