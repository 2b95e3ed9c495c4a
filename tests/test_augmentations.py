"""Each augmentation against Pillow or a plain loop, the law of all of them, and lists of them."""

from pathlib import Path
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hptjax.data import augment
from hptjax.data.augmentations.base import (
    Augmentation,
    PerImage,
    as_floats,
    image_bits,
    two_below,
    unit_interval,
)
from hptjax.data.augmentations.compose import augmented
from hptjax.data.augmentations.crop import Crop
from hptjax.data.augmentations.cutout import Cutout
from hptjax.data.augmentations.flip import Flip, VerticalFlip
from hptjax.data.augmentations.jitter import LUMA, Brightness, Contrast
from hptjax.data.augmentations.noise import Noise
from hptjax.data.augmentations.original import Original
from hptjax.data.augmentations.rotate import Rotate
from hptjax.errors import ConfigError

PILLOW = np.load(Path(__file__).parent / "data" / "augmentation_reference.npz")  # Pillow 13.0.0
BY_PILLOW: dict[str, PerImage] = {
    "rotate_15": Rotate(degrees=15.0),
    "rotate_180": Rotate(degrees=180.0),
    "flip": Flip(),
    "vertical_flip": VerticalFlip(),
    "crop_3": Crop(padding=3),
    "cutout_5": Cutout(size=5),
    "cutout_8": Cutout(size=8),
}
OF_BYTES = (Original(), *BY_PILLOW.values())
OF_FLOATS = (Noise(std=0.1), Brightness(factor=0.4), Contrast(factor=0.4))
KEY = jax.random.key(0)


def pictures(count: int, height: int = 7, width: int = 10, channels: int = 3) -> np.ndarray:
    rng = np.random.default_rng(count)
    return rng.integers(1, 256, (count, height, width, channels), dtype=np.uint8)


def named(parts):
    return pytest.mark.parametrize("part", parts, ids=repr)


@pytest.mark.parametrize("images", ["garments", "noise"])
@pytest.mark.parametrize("kind", BY_PILLOW)
def test_it_is_pillows_in_every_pixel(kind: str, images: str) -> None:
    ours = BY_PILLOW[kind].changed(PILLOW[f"{images}_images"], PILLOW[f"{images}_bits"])
    np.testing.assert_array_equal(ours, PILLOW[f"{images}_{kind}"])


@named([Brightness(factor=0.4), Contrast(factor=0.4), Contrast(factor=2.0)])
@pytest.mark.parametrize("channels", [1, 3])
def test_jitter_is_torchvisions_formula(part: PerImage, channels: int) -> None:
    images, bits = pictures(6, channels=channels) / np.float32(255), image_bits(KEY, 6)
    factor = part.factor  # pyright: ignore
    for image, result, share in zip(
        images, part.changed(images, bits), np.asarray(bits) / 2**32, strict=True
    ):
        low, high = max(0, 1 - factor), 1 + factor
        drawn = low + (high - low) * share
        grey = (image @ np.array(LUMA)).mean() if channels == 3 else image.mean()
        other = grey * (1 - drawn) if isinstance(part, Contrast) else 0
        np.testing.assert_allclose(result, np.clip(image * drawn + other, 0, 1), atol=1e-5)


@named([*OF_BYTES, *OF_FLOATS])
def test_an_image_depends_on_key_and_number_alone(part: Augmentation) -> None:
    images = pictures(6)
    whole = augmented([part], images, KEY)
    others = np.concatenate([images[:3], pictures(1)])
    np.testing.assert_allclose(augmented([part], others, KEY)[:3], whole[:3], atol=1e-6)
    another_key = augmented([part], images, jax.random.key(1))
    assert (another_key != whole).any()
    alike = augmented([part], np.repeat(images[:1], 6, 0), KEY)
    assert len(np.unique(np.asarray(alike).reshape(6, -1), axis=0)) > 1


@named(OF_BYTES)
@pytest.mark.parametrize("channels", [1, 3])
def test_bytes_stay_bytes_and_floats_have_the_same_pixels(part: Augmentation, channels) -> None:
    images = jnp.asarray(pictures(6, channels=channels))
    moved, floats = part(images, KEY), part(as_floats(images), KEY)
    assert (moved.dtype, moved.shape) == (np.uint8, images.shape)
    assert floats.dtype == np.float32
    np.testing.assert_array_equal(floats, as_floats(moved))


@named(OF_FLOATS)
@pytest.mark.parametrize("channels", [2, 3])
def test_others_give_floats_from_black_to_white(part: Augmentation, channels: int) -> None:
    images = pictures(6, channels=channels)
    result = np.asarray(augmented([Flip(), part, Crop(padding=1)], images, KEY))
    assert (result.dtype, result.shape) == (np.float32, images.shape)
    assert 0 <= result.min() <= result.max() <= 1
    assert result.std() > 0.1


PARTS = st.lists(st.sampled_from([*OF_BYTES, *OF_FLOATS]), max_size=4)


@settings(max_examples=10, deadline=None)
@given(PARTS, st.integers(0, 3))
def test_a_list_is_one_after_another_under_the_keys_of_the_places(parts, seed) -> None:
    images, key = jnp.asarray(pictures(6)), jax.random.key(seed)
    expected = images
    for place, part in enumerate(parts):
        expected = expected if part.bytes else as_floats(expected)
        expected = part(expected, jax.random.fold_in(key, place))
    if parts != [Original()]:
        np.testing.assert_array_equal(augmented(parts, images, key), expected)


def test_the_original_alone_has_the_key_itself() -> None:
    images = pictures(6)
    np.testing.assert_array_equal(augmented([Original()], images, KEY), augment(KEY, images))
    first = augmented([Original(), Flip(p=0.0)], images, KEY)
    np.testing.assert_array_equal(first, augment(jax.random.fold_in(KEY, 0), images))


def test_moves_in_a_row_are_one_gather() -> None:
    def gathers(*parts: Augmentation) -> int:
        traced = jax.jit(lambda images: augmented(parts, images, KEY)).lower(pictures(6))
        return traced.compile().as_text().count(" gather(")

    alone = gathers(Rotate(degrees=9.0))  # one of the pixels, one of the angle's coefficients
    assert gathers(Flip(), Rotate(degrees=9.0), Crop(padding=2)) == alone
    assert gathers(Rotate(degrees=9.0), Cutout(size=2), Crop(padding=2)) == alone + 1
    assert gathers(Flip(), Cutout(size=2), VerticalFlip()) == 0


@pytest.mark.parametrize("bound", [1, 2, 9, 28, 1000, 65535])
def test_whole_draws_are_even(bound: int) -> None:
    halves = np.arange(2**16, dtype=np.uint32)
    for values in (two_below(halves << 16, bound, 1)[0], two_below(halves, 1, bound)[1]):
        counts = np.bincount(values, minlength=bound)
        assert len(counts) == bound
        assert counts.max() - counts.min() <= 1


def test_shares_are_even_and_below_one() -> None:
    ends = np.array([0, 2**31, 2**32 - 1], np.uint32)
    np.testing.assert_array_equal(unit_interval(ends), [0, 0.5, 1 - 2.0**-24])


def test_crops_and_flips_are_as_likely_as_they_should_be() -> None:
    count, padding = 20_000, 2
    dots = np.zeros((count, 9, 9, 1), np.uint8)
    dots[:, 4, 4] = 1  # its place tells the draw
    moved = np.asarray(augmented([Crop(padding=padding)], dots, KEY))
    places = np.stack(np.nonzero(moved[..., 0])[1:]) - 4
    cells, counts = np.unique(places, axis=1, return_counts=True)
    expected = count / (2 * padding + 1) ** 2
    assert cells.shape[1] == 25
    assert ((counts - expected) ** 2 / expected).sum() < 51.2  # chi-square, 24: 1 in 1000
    dots[:, 4, 4], dots[:, 4, 3] = 0, 1
    flips = np.asarray(augmented([Flip(p=0.3)], dots, KEY))[:, 4, 5, 0]
    assert abs(flips.mean() - 0.3) < 0.013  # 4 standard errors


def test_noise_is_normal_and_of_each_number_by_itself() -> None:
    grey = np.full((500, 6, 8, 3), 128, np.uint8)
    noise = np.asarray(augmented([Noise(std=0.05)], grey, KEY)) - np.float32(128 / 255)
    assert abs(noise.mean()) < 4 * 0.05 / noise.size**0.5
    assert abs(noise.std() / 0.05 - 1) < 0.01
    assert abs((np.abs(noise) < 0.05).mean() - 0.6827) < 0.01
    correlations = np.corrcoef(noise.reshape(500, -1).T) - np.eye(6 * 8 * 3)
    assert np.abs(correlations).max() < 0.25  # 10 296 pairs, each within 1 / sqrt(500)


def test_chances_of_none_and_of_all() -> None:
    images = pictures(30)
    np.testing.assert_array_equal(augmented([Flip(p=0.0)], images, KEY), images)
    np.testing.assert_array_equal(augmented([Flip(p=1.0)], images, KEY), images[:, :, ::-1])
    np.testing.assert_array_equal(augmented([VerticalFlip(p=1.0)], images, KEY), images[:, ::-1])
    np.testing.assert_array_equal(augmented([], images, KEY), images)


def test_squares_and_frames_larger_than_the_image() -> None:
    images = pictures(200)
    assert not np.asarray(augmented([Cutout(size=30)], images, KEY)).any()
    moved = np.asarray(augmented([Crop(padding=30)], images, KEY))
    seen = moved.any(axis=(1, 2, 3)).mean()
    assert 0 < seen < 0.2  # of 61 x 61 windows 13 x 19 meet the image: 0.07


class Faulty(Augmentation):
    bytes: ClassVar[bool] = True
    to: str

    def __call__(self, images, key):
        return images[:, 1:] if self.to == "smaller" else images.astype(self.to)


class FaultyFloats(Faulty):
    bytes: ClassVar[bool] = False


@named([Faulty(to="float32"), Faulty(to="int32"), Faulty(to="smaller"), FaultyFloats(to="uint8")])
def test_another_shape_or_type_is_an_error(part: Augmentation) -> None:
    with pytest.raises(ConfigError, match=r"Faulty.*: an augmentation must give images of the sha"):
        augmented([part], pictures(6), KEY)


def test_floats_of_less_precision_become_float32_again() -> None:
    assert augmented([FaultyFloats(to="float16")], pictures(6), KEY).dtype == np.float32


def test_a_class_without_a_call_says_so() -> None:
    class Empty(Augmentation):
        pass

    with pytest.raises(NotImplementedError, match=r"Empty must define __call__\(images, key\)"):
        augmented([Empty()], pictures(6), KEY)


@named([Original(), Flip(), Crop(padding=2), Cutout(size=3)])
def test_memory_does_not_grow_with_the_images(part: Augmentation) -> None:
    def temporary_bytes(count: int) -> int:
        images = jax.ShapeDtypeStruct((count, 28, 28, 1), np.uint8)
        compiled = jax.jit(lambda images: augmented([part], images, KEY)).lower(images).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    assert (temporary_bytes(5000) - temporary_bytes(1000)) / 4000 < 130  # an image is 784
