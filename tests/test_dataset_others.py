"""Data sets made from other libraries' objects, split, counted and shown."""

from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import hptjax
from hptjax import ImageDataset
from hptjax.data.sheet import columns_for
from hptjax.errors import ConfigError, DataError
from hptjax.tuning.images import read_images


def silent(line):
    pass


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


class Pairs:
    """A data set like torchvision's: (image, label) by index, and the names of its classes."""

    classes = ("20", "10")

    def __init__(self, images, labels):
        self.pairs = list(zip(images, labels, strict=True))

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, index):
        return self.pairs[index]


class Part:
    def __init__(self, dataset):
        self.dataset = dataset

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return self.dataset[index]


class Tensor(np.ndarray):
    """An array that claims to be a PyTorch tensor."""


Tensor.__module__ = "torch"


def test_pairs_of_pillow_images_take_the_names_by_index():
    pictures = [Image.fromarray(noise(5, 4, 3, seed=k)) for k in range(4)]
    data = ImageDataset.from_torch(Pairs(pictures, np.array([0, 1, 0, 0])), notify=silent)
    assert data.counts == {"20": 3, "10": 1}  # not the numbers that the names are
    np.testing.assert_array_equal(data.images[2], noise(5, 4, 3, seed=2))
    assert ImageDataset.from_torch(Part(Pairs(pictures, [0, 1, 0, 0]))).size == 2
    small = ImageDataset.from_torch(
        Pairs(pictures, [0, 1, 0, 0]), size=3, channels=1, notify=silent
    )
    assert small.image_shape == (3, 3, 1)


def test_tensors_have_their_channels_first():
    tensors = [(noise(3, 5, 4, seed=k) / 255).view(Tensor) for k in range(4)]
    data = ImageDataset.from_torch(Pairs(tensors, [0, 1, 0, 1]), notify=silent)
    assert data.image_shape == (5, 4, 3)
    np.testing.assert_array_equal(data.images[1], noise(3, 5, 4, seed=1).transpose(1, 2, 0))


def test_a_list_of_pillow_images_is_read_as_pictures():
    colours = noise(5, 4, 3)
    palette = Image.fromarray(colours).quantize(32)
    upside_down = Image.fromarray(colours)
    upside_down.getexif()[274] = 3
    lines = []
    data = ImageDataset([palette, upside_down], ["a", "b"], notify=lines.append)
    np.testing.assert_array_equal(data.images[0], np.asarray(palette.convert("RGB")))
    np.testing.assert_array_equal(data.images[1], np.rot90(colours, 2))
    assert "images: 1 picture of a palette of colours: each pixel gets its colour." in lines
    both = read_images(([palette] * 2, [0, 1]), ([palette], [1]), "classes", None, silent)
    np.testing.assert_array_equal(both.validation.images[0], data.images[0])


def test_tensors_of_pytorch_itself():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: hptjax[torch]")
    whole = noise(4, 5, 6, 3)
    plain = torch.from_numpy(whole).permute(0, 3, 1, 2)
    for images in (plain, plain / 255, (plain / 255).bfloat16(), (plain / 255).requires_grad_()):
        pairs = torch.utils.data.TensorDataset(images, torch.tensor([0, 1, 0, 1]))
        data = ImageDataset.from_torch(pairs, notify=silent)
        # bfloat16 has 8 bits for a number
        np.testing.assert_allclose(data.images, whole, atol=images.dtype == torch.bfloat16)
        assert data.labels.tolist() == [0, 1, 0, 1]


def test_names_of_classes_are_no_names_of_numbers():
    pairs = Pairs(list(noise(4, 5, 4)), [[0, 1], [1, 1], [0, 0], [1, 0]])
    assert ImageDataset.from_torch(pairs, kind="labels").counts == {"20": 2, "10": 2}
    data = ImageDataset.from_torch(Pairs(list(noise(2, 5, 4)), [0.5, 1]), kind="targets")
    assert (data.class_names, data.labels.tolist()) == (("0",), [0.5, 1])


def test_sets_that_are_put_together_must_have_the_same_classes():
    class Both(Part):
        def __init__(self, *parts):
            super().__init__(parts[0])
            self.datasets = parts
            del self.dataset

        def __getitem__(self, index):
            return self.datasets[index][0]

    one, other = (Pairs([Image.fromarray(noise(5, 4))], [k]) for k in (0, 1))
    assert ImageDataset.from_torch(Both(one, other)).counts == {"20": 1, "10": 1}
    other.classes = ("10", "20")
    with pytest.raises(
        DataError, match=r"sets of different classes, \['20', '10'\] and \['10', '2"
    ):
        ImageDataset.from_torch(Both(one, other))


def test_a_set_that_draws_new_images_each_time_is_reported():
    class Random(Pairs):
        def __getitem__(self, index):
            self.draws = getattr(self, "draws", 0) + 1
            return noise(5, 4, seed=self.draws), index

    lines = []
    ImageDataset.from_torch(Random([None] * 2, [0, 1]), notify=lines.append)
    assert len(lines) == 1
    assert "gives another image for the same index each time" in lines[0]


def test_mistakes_of_pairs_are_named():
    with pytest.raises(ConfigError, match="torch: must have __len__ and __getitem__, generator"):
        ImageDataset.from_torch(pair for pair in ())
    with pytest.raises(DataError, match=r"torch: labels must be in 0..1, got 5 \(1 of 2\)"):
        ImageDataset.from_torch(Pairs(noise(2, 4, 4), [0, 5]))
    with pytest.raises(ConfigError, match=r"size and channels convert only pictures and files"):
        ImageDataset.from_torch(Pairs(noise(2, 4, 4), [0, 1]), channels=3)
    with pytest.raises(DataError, match="must be of one shape, got 2"):
        ImageDataset.from_torch(Pairs([noise(4, 4), noise(5, 4)], [0, 1]))
    with pytest.raises(DataError, match=r"images of 2 sizes \(4x4: 1, 5x4: 1\); data.size: 4"):
        ImageDataset.from_torch(
            Pairs([Image.fromarray(noise(4, 4)), Image.fromarray(noise(5, 4))], [0, 1])
        )
    with pytest.raises(DataError, match="image 0: must be a Pillow image, a path or an array"):
        ImageDataset.from_torch(Pairs([None], [0]))


class ClassLabel:
    names = ("cat", "dog")


class Columns:
    """A data set like Hugging Face's."""

    column_names = ("image", "label")
    features = MappingProxyType({"image": object(), "label": ClassLabel()})

    def __init__(self, images, labels):
        self.columns = {"image": images, "label": labels}

    def __getitem__(self, key):
        if isinstance(key, str):
            return self.columns[key]
        return {name: column[key] for name, column in self.columns.items()}


def test_columns_of_hugging_face():
    pictures = [Image.fromarray(noise(5, 4, seed=k)) for k in range(3)]
    data = ImageDataset.from_hf(Columns(pictures, [1, 0, 1]))
    assert (data.class_names, data.labels.tolist()) == (("cat", "dog"), [1, 0, 1])
    with pytest.raises(ConfigError, match="hf: image: there is no column 'imag'; did you mean"):
        ImageDataset.from_hf(Columns(pictures, [1, 0, 1]), "imag")
    with pytest.raises(ConfigError, match=r"has the splits train, test; .* dataset\['train'\]"):
        ImageDataset.from_hf({"train": 1, "test": 2})
    with pytest.raises(DataError, match=r"labels must be in 0..1, got -1"):
        ImageDataset.from_hf(Columns(pictures, [1, 0, -1]))


def test_a_data_frame_of_paths_and_one_of_arrays(tmp_path):
    for k in range(4):
        Image.fromarray(noise(5, 4, seed=k)).save(tmp_path / f"{k}.png")
    frame = pd.DataFrame({"file": [f"{k}.png" for k in range(4)], "kind": list("abab")})
    data = ImageDataset.from_dataframe(frame, "file", "kind", folder=tmp_path)
    assert data.counts == {"a": 2, "b": 2}
    np.testing.assert_array_equal(data.images[3, ..., 0], noise(5, 4, seed=3))
    paths = frame.assign(file=[Path(name) for name in frame["file"]])
    again = ImageDataset.from_dataframe(paths, "file", "kind", folder=tmp_path)
    np.testing.assert_array_equal(again.images, data.images)
    arrays = pd.DataFrame({"image": list(noise(4, 5, 4)), "label": [3, 5, 3, 5]})
    assert ImageDataset.from_dataframe(arrays, notify=silent).class_names == ("3", "5")
    own = frame.assign(patient=list("xyxy"))
    train, validation = ImageDataset.from_dataframe(
        own, "file", "kind", folder=tmp_path, groups="patient"
    ).split(0.5, seed=0, stratified=False)
    assert (len(set(train.groups)), len(set(validation.groups))) == (1, 1)
    with pytest.raises(ConfigError, match="groups: there is no column 'patent'; did you mean 'pat"):
        ImageDataset.from_dataframe(own, "file", "kind", folder=tmp_path, groups="patent")
    frame.loc[2, "file"] = "9.png"
    with pytest.raises(DataError, match=r"9\.png: there is no such file; relative paths begin in"):
        ImageDataset.from_dataframe(frame, "file", "kind", folder=tmp_path)
    with pytest.raises(DataError, match=r"in folder, which is '\.' here: .* folder='images'"):
        ImageDataset.from_dataframe(frame, "file", "kind")
    frame["file"] = [tmp_path / name for name in frame["file"]]
    with pytest.raises(DataError, match=r"9\.png: cannot be read as a picture \(.*No such file"):
        ImageDataset.from_dataframe(frame, "file", "kind")


def test_arrays_and_counts():
    data = ImageDataset.from_arrays(noise(5, 4, 4), list("abbbb"), groups=[0, 0, 1, 1, 1])
    assert data.counts == {"a": 1, "b": 4}
    train, validation = data.split(seed=0, stratified=False)
    assert {train.size, validation.size} == {2, 3}
    many = ImageDataset(noise(3, 4, 4), [[1, 0], [1, 1], [0, 0]], kind="labels")
    assert many.counts == {"0": 2, "1": 1}
    with pytest.raises(DataError, match=r"groups must be \[N\], one for each of 5 images, got"):
        data.split(seed=0, groups=[1, 2])
    with pytest.raises(ConfigError, match="takes fraction or images, got both"):
        data.split(0.5, images=2, seed=0)


def test_a_split_is_that_of_the_function():
    sample = hptjax.load_images("sample")
    one, other = (
        sample.split(0.3, seed=7),
        hptjax.train_validation_split(sample, fraction=0.3, seed=7),
    )
    for ours, theirs in zip(one, other, strict=True):
        np.testing.assert_array_equal(ours.images, theirs.images)


def test_a_sheet_has_a_column_for_each_class():
    shades = np.repeat([40, 200], 8)[:, None, None, None] * np.ones((1, 8, 8, 1), np.uint8)
    data = ImageDataset(shades.astype(np.uint8), ["dark"] * 8 + ["light"] * 8)
    page = np.asarray(data.show(6))
    assert page.ndim == 3
    middle = page.shape[1] // 2
    dark, light = (page == 40).all(-1), (page == 200).all(-1)
    for half in (dark[:, :middle], light[:, middle:]):
        assert 0 <= half.sum() - 3 * 72 * 72 < 50  # some pixels of the captions are such greys
    assert dark[:, middle:].sum() < 50
    html = data._repr_html_()
    assert html.count("data:image/png;base64,") == 10
    assert 'title="light"' in html
    assert len(repr(data)) < 100
    with pytest.raises(ConfigError, match="at least 1 picture"):
        data.show(0)


@pytest.mark.parametrize(("count", "classes"), [(60, 2), (60, 3), (50, 4), (60, 10)])
def test_a_sheet_of_few_classes_is_no_strip(count, classes):
    data = ImageDataset(
        np.full((120, 8, 8, 1), 200, np.uint8), [f"c{k % classes}" for k in range(120)]
    )
    page = data.show(count)
    assert 0.7 < page.width / page.height < 1.5
    assert columns_for(count, classes) % classes == 0


def test_a_sheet_of_many_classes_of_labels_and_of_targets():
    names = [f"class {k} of a long name" for k in range(40)]
    data = ImageDataset(noise(80, 100, 300), names * 2)
    assert data.show(50).width < 10 * 170 + 10
    assert ImageDataset(noise(3, 4, 4), [[1, 0], [1, 1], [0, 0]], kind="labels").show(3).width > 200
    targets = ImageDataset(noise(3, 4, 4), [0.5, 1.5, 2.0], kind="targets")
    assert targets.show(2).height > 72
    assert targets.caption(1) == "1.5"
