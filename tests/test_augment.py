"""The augmentation: Pillow's rotation to the pixel, fair flips, and independence of N."""

from pathlib import Path

import jax
import numpy as np
import pytest

from hptjax.data import augment, rotate_nearest
from hptjax.data.augmentations.original import MAX_DEGREES
from hptjax.data.augmentations.rotate import affine_coefficients

PILLOW = np.load(Path(__file__).parent / "data" / "pillow_reference.npz")  # Pillow 13.0.0


def noise(count: int, height: int = 11, width: int = 12, channels: int = 1) -> np.ndarray:
    rng = np.random.default_rng(5)
    return rng.integers(1, 256, (count, height, width, channels), dtype=np.uint8)


@pytest.mark.parametrize("images", ["garments", "noise"])
def test_rotation_is_pillows_in_every_pixel(images: str) -> None:
    ours = rotate_nearest(PILLOW[f"{images}_images"], PILLOW[f"{images}_degrees"])
    np.testing.assert_array_equal(ours, PILLOW[f"{images}_rotated"])


def test_rotation_by_nothing_and_by_a_quarter() -> None:
    images = noise(2, 12, 12, 3)
    turned = np.asarray(rotate_nearest(images, np.array([0.0, 90.0])))
    np.testing.assert_array_equal(turned[0], images[0])
    np.testing.assert_array_equal(turned[1], np.rot90(images[1]))  # counter-clockwise


def augment_by_hand(image: np.ndarray, degrees: float) -> tuple[np.ndarray, np.ndarray]:
    """The two possible outcomes at an angle: not flipped, flipped before the rotation."""
    pair = np.stack([image, image[:, ::-1]])
    plain, flipped = np.asarray(rotate_nearest(pair, np.full(2, degrees)))
    return plain, flipped


def test_augment_is_flip_then_rotation_by_at_most_30_degrees() -> None:
    images = noise(30)
    outcomes = np.asarray(augment(jax.random.key(0), images))
    angles = np.linspace(-MAX_DEGREES, MAX_DEGREES, 1201)
    flips = []
    for image, outcome in zip(images, outcomes, strict=True):
        plain = np.asarray(rotate_nearest(np.repeat(image[None], 1201, 0), angles))
        mirrored = np.repeat(image[None, :, ::-1], 1201, 0)
        flipped = np.asarray(rotate_nearest(mirrored, angles))
        differing = [(kind != outcome).mean(axis=(1, 2, 3)).min() for kind in (plain, flipped)]
        assert min(differing) < 0.03  # the angles tried are 0.05 degrees apart
        assert max(differing) > 0.5
        flips.append(np.argmin(differing))
    assert 5 < sum(flips) < 25


def test_flips_are_fair_and_angles_uniform() -> None:
    count, side = 20_000, 41
    images = np.zeros((count, side, side, 1), np.uint8)
    images[:, side // 2, -2] = 1  # a dot on the right: its place tells flip and angle
    rows, columns = np.nonzero(np.asarray(augment(jax.random.key(1), images)).any(axis=-1))[1:]
    middle = side // 2
    sides = columns > middle
    assert abs(sides.mean() - 0.5) < 0.02
    offset = np.where(sides, columns - middle, middle - columns)
    angles = np.degrees(np.arctan2(middle - rows, offset))
    assert np.abs(angles).max() < MAX_DEGREES + 2  # a dot is some 3 degrees wide there
    shares, _ = np.histogram(angles, bins=[-30, -15, 0.01, 15, 30])
    assert abs(angles.mean()) < 0.5
    assert abs(angles.std() - MAX_DEGREES / 3**0.5) < 0.5
    assert shares.min() > 0.8 * shares.mean()


def test_an_image_does_not_depend_on_how_many_there_are() -> None:
    images, key = noise(700), jax.random.key(2)
    compiled = jax.jit(augment)
    whole = np.asarray(compiled(key, images))
    for count in (1, 7, 128, 513):
        np.testing.assert_array_equal(compiled(key, images[:count]), whole[:count])
    np.testing.assert_array_equal(augment(key, images), whole)  # nor on being compiled


def test_keys_and_indices_differ() -> None:
    same = np.repeat(noise(1, 28, 28), 64, axis=0)
    first = np.asarray(augment(jax.random.key(0), same))
    second = np.asarray(augment(jax.random.key(1), same))
    # below some 2 degrees no pixel moves, so a few of the 64 are alike
    assert len(np.unique(first.reshape(64, -1), axis=0)) > 50
    assert (first != second).any(axis=(1, 2, 3)).sum() > 50


@pytest.mark.parametrize("dtype", [np.float32, np.uint8, np.int32])
def test_values_and_dtype_are_kept(dtype: type) -> None:
    images = noise(9, channels=3)
    expected = np.asarray(augment(jax.random.key(3), images)).astype(dtype)
    outcome = augment(jax.random.key(3), images.astype(dtype))
    assert outcome.dtype == dtype
    np.testing.assert_array_equal(outcome, expected)


def test_nan_outside_is_not_read() -> None:
    images = np.ones((3, 8, 8, 1), np.float32)
    images[:, 0, 0] = np.nan  # the pixel that stands in for all outside of the image
    outcome = np.asarray(rotate_nearest(images, np.full(3, 30.0)))
    assert not np.isnan(outcome[:, :1, :1]).any()
    assert np.isnan(outcome).sum() <= 3 * 2


def test_memory_does_not_grow_with_the_images() -> None:
    def temporary_bytes(count: int) -> int:
        images = jax.ShapeDtypeStruct((count, 28, 28, 1), np.uint8)
        compiled = jax.jit(augment).lower(jax.random.key(0), images).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    few, many = temporary_bytes(1000), temporary_bytes(9000)
    assert (many - few) / 8000 < 100  # bytes per image of 784: its random numbers and map


def test_coefficients_walk_backwards_through_the_image() -> None:
    """A source pixel lies where the rotation about the centre says, to 16.16 precision."""
    row = affine_coefficients(np.array([20.0]), 10, 14)[0] / 2**16
    cos, sin = np.cos(np.radians(20.0)), np.sin(np.radians(20.0))
    from_centre = np.array([3.5 - 7, 8.5 - 5])  # the middle of pixel x = 3, y = 8
    expected = np.array([[cos, -sin], [sin, cos]]) @ from_centre + (7, 5)
    source = row[0] * 3 + row[1] * 8 + row[2], row[3] * 3 + row[4] * 8 + row[5]
    np.testing.assert_allclose(source, expected, atol=2e-4)


def test_augment_passes_the_transfer_guard() -> None:
    images, key = jax.device_put(noise(5)), jax.random.key(4)
    compiled = jax.jit(augment)
    compiled(key, images).block_until_ready()
    with jax.transfer_guard("disallow"):
        compiled(key, images).block_until_ready()
