"""A trained network in Python: images of any form in, names of classes out."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import hptjax
from hptjax.data.request import silent
from hptjax.errors import ConfigError, DataError
from hptjax.models import init_variables
from hptjax.models.keys import root_key
from hptjax.models.network import Network
from hptjax.report.per_class import measures_table, per_class_tables
from hptjax.report.terminal import make_console
from tests import nets
from tests.compilations import count_compilations

NAMES = tuple("abcdefghij")


@pytest.fixture(scope="module")
def net() -> Network:
    config = nets.config(channels=(3,), kernels=(3,), strides=(2,))
    return Network(config, init_variables(config, root_key(1)), {}, NAMES)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return nets.images(300).images


def dataset(count: int = 300) -> hptjax.ImageDataset:
    own = nets.images(count)
    return hptjax.ImageDataset(own.images, own.labels, NAMES, "blobs")


def test_it_says_what_it_is(net):
    assert repr(net).startswith("<Network 12x12x1 -> 10 classes, ")
    assert net.input_shape == (12, 12, 1)
    assert net.parameters == sum(weight.size for weight in _leaves(net.variables["params"]))
    assert net.flops > net.parameters
    lines = net.summary().splitlines()
    assert lines[2].split() == [
        "first_conv",
        "conv",
        "6",
        "padding",
        "1",
        "12",
        "x",
        "12",
        "x",
        "6",
        "60",
    ]


def test_the_weights_of_a_network_are_drawn_by_one_program():
    config = nets.config(channels=(3, 4, 5), kernels=(3, 5, 3), strides=(2, 1, 1))
    key = root_key(1)
    with count_compilations() as compiled:
        init_variables(config, key)
        init_variables(config, key)
    assert len(compiled) == 1


def _leaves(tree):
    for value in tree.values():
        yield from _leaves(value) if isinstance(value, dict) else [value]


def test_every_form_of_the_same_images_gives_the_same(net, images):
    want = net.logits(images)
    assert want.shape == (300, 10)
    assert net.predict(images).tolist() == [NAMES[k] for k in want.argmax(1)]
    forms = [
        images[..., 0],
        images.astype(np.int64),
        (images / 255).astype(np.float32),
        images.astype(np.uint16) * 257,
        list(images),
    ]
    for form in forms:
        np.testing.assert_array_equal(net.logits(form), want)


def test_pictures_are_read_as_those_of_a_folder(net, tmp_path):
    grey = np.random.default_rng(3).integers(0, 256, (12, 12), np.uint8)
    colours = np.stack([grey, grey // 2, 255 - grey], -1)
    turned = Image.Exif()
    turned[274] = 3  # upside down
    palette = Image.fromarray(colours).quantize(64)
    palette.save(tmp_path / "palette.png")
    Image.fromarray(grey).save(tmp_path / "turned.png", exif=turned)
    as_grey = np.asarray(palette.convert("RGB").convert("L"))
    for picture, pixels in [
        (Image.fromarray(grey), grey),
        (Image.fromarray(grey).convert("LA"), grey),
        (Image.open(tmp_path / "turned.png"), np.rot90(grey, 2)),
        (tmp_path / "turned.png", np.rot90(grey, 2)),
        (palette, as_grey),  # whose bytes are the numbers of colours
        (str(tmp_path / "palette.png"), as_grey),
    ]:
        want = net.logits(pixels)
        for form in (picture, [picture]):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what is done to them is said
                np.testing.assert_array_equal(net.logits(form), want)
    with pytest.raises(DataError, match=r"takes grey images; is \(12, 12, 3\) one in colour"):
        net.predict(colours)  # and no twelve grey ones


def test_transparent_pictures_are_laid_on_the_colour_of_the_training(net, tmp_path):
    alpha = np.random.default_rng(3).integers(0, 2, (12, 12), np.uint8) * 255
    picture = Image.fromarray(np.dstack([np.zeros_like(alpha), alpha]), "LA")
    picture.save(tmp_path / "a.png")
    on_white = Network(net.config, net.variables, {"data": {"background": "white"}}, NAMES)
    for form in (picture, tmp_path / "a.png"):
        as_it_is = Network(net.config, net.variables, {}, NAMES)
        with pytest.warns(UserWarning, match="transparency"):
            np.testing.assert_array_equal(as_it_is.logits(form), net.logits(np.zeros_like(alpha)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = on_white.logits(form)
        np.testing.assert_array_equal(found, net.logits(np.where(alpha, 0, 255).astype(np.uint8)))


def test_an_image_means_the_same_alone_and_among_others(net, images):
    for form in (images, images / 255, [images[0] // 4, images[1] / 255]):
        dark, bright = form[0] // 4 if isinstance(form, np.ndarray) else form[0], form[1]
        together = net.logits([dark, bright])
        for one, alone in zip(together, (dark, bright), strict=True):
            np.testing.assert_allclose(net.logits(alone)[0], one, atol=1e-5)


def test_one_image_is_a_batch_of_one(net, images):
    want = net.logits(images[:1])
    for one in (images[0], images[0, :, :, 0], [images[0]]):
        np.testing.assert_array_equal(net.logits(one), want)
    np.testing.assert_allclose(net.predict_proba(images[0]).sum(), 1, rtol=1e-5)


def test_images_of_other_sizes_are_resized_with_one_warning(net, images, recwarn):
    other = Network(net.config, net.variables, {}, NAMES)
    large, wide = np.kron(images[3], np.ones((2, 2, 1), np.uint8)), np.zeros((20, 30, 1), np.uint8)
    other.predict_proba(large)
    assert Path(recwarn.pop(UserWarning).filename) == Path(__file__)
    other._said.clear()
    mixed = other.logits([images[0], large, wide])
    other.logits(wide)
    said = [str(warning.message) for warning in recwarn]
    assert said == ["predict: images of 24 x 24 pixels are resized to 12 x 12, in proportion."]
    np.testing.assert_allclose(mixed[0], net.logits(images[0])[0], atol=1e-5)


def test_images_that_it_cannot_take_are_refused(net):
    with pytest.raises(
        DataError, match=r"the network takes images \[N, H, W, 1\], got \(2, 9, 9, 3\)"
    ):
        net.predict(np.zeros((2, 9, 9, 3), np.uint8))
    with pytest.raises(DataError, match="must be finite numbers"):
        net.predict(np.full((2, 12, 12), np.nan))
    with pytest.raises(DataError, match="from 0 to 15: scale them as the training images were"):
        net.predict(np.arange(144).reshape(12, 12) % 16)
    with pytest.raises(DataError, match=r"cat\.png: cannot be read as a picture"):
        net.predict("cat.png")


def test_confusion_and_measures_are_those_of_scikit_learn(net):
    metrics = pytest.importorskip("sklearn.metrics")
    data = dataset()
    found, guesses = net.per_class(data), net.logits(data.images).argmax(1)
    assert found.confusion.dtype == np.int64
    np.testing.assert_array_equal(
        net.confusion(data), metrics.confusion_matrix(data.labels, guesses, labels=range(10))
    )
    theirs = metrics.precision_recall_fscore_support(
        data.labels, guesses, labels=range(10), zero_division=0
    )
    for ours, other in zip(
        (found.precision, found.recall, found.f1, found.count), theirs, strict=True
    ):
        np.testing.assert_allclose(ours, other)
    measured = net.evaluate(data, ["macro_f1"])
    assert measured["accuracy"] == pytest.approx(np.trace(found.confusion) / 300)


def test_the_means_of_a_table_are_the_macro_measures(net):
    own = dataset()
    right = np.flatnonzero(own.labels == net.logits(own.images).argmax(1))
    some = own.take(right[:2])  # most classes have no part in these
    measures = ("macro_precision", "macro_recall", "macro_f1")
    for data in (own, some):
        table = measures_table(net.per_class(data))
        measured = net.evaluate(data, measures)
        means = [str(list(column.cells)[-1]) for column in table.columns[1:4]]
        assert means == [f"{measured[name]:.4f}" for name in measures]


def test_evaluate_takes_only_a_dataset(net, images):
    with pytest.raises(
        ConfigError, match=r"ImageDataset\(X, y, network\.class_names\), got a tuple"
    ):
        net.evaluate((images, np.zeros(300)))


def test_other_classes_than_its_own_are_refused(net):
    own = Network(net.config, net.variables, {"class_names": list(NAMES)}, NAMES)
    assert own.fit(dataset(), silent).size == 300
    some = hptjax.ImageDataset(dataset().images[:2], ["a", "b"])
    with pytest.raises(ConfigError, match=r"2 classes, but .* 10; ImageDataset\(X, y, class_names"):
        own.evaluate(some)
    with pytest.raises(
        ConfigError, match=r"the classes are 0, 1, 2, 3, 4, \.\.\., 9, but those of the"
    ):
        own.evaluate(nets.images(20))


def test_a_narrow_terminal_shows_the_worst_in_place_of_the_matrix(net, capsys):
    found = net.per_class(dataset())
    wide, narrow = (list(per_class_tables(found, width)) for width in (100, 40))
    assert len(wide[1].columns) == 11
    make_console().print(narrow[1])
    assert "The most frequent mistakes" in capsys.readouterr().out
