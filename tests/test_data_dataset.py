"""The dataset contract, the split, and the fitting of images to a size."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from hptjax.data import ImageDataset, resize_and_crop, train_validation_split
from hptjax.data.resize import fitted, fitted_pair, resize_bilinear
from hptjax.errors import ConfigError, DataError

PILLOW = np.load(Path(__file__).parent / "data" / "pillow_reference.npz")  # Pillow 13.0.0


def numbered(count: int, shape: tuple[int, int, int] = (2, 3, 1)) -> ImageDataset:
    """Images whose every pixel is their index, so that a dataset tells which images it has."""
    index = np.arange(count)
    images = np.broadcast_to(index[:, None, None, None], (count, *shape)).astype(np.uint8)
    return ImageDataset(images, (index % 3).astype(np.int32), ("a", "b", "c"), "numbered")


def indices_of(dataset: ImageDataset) -> np.ndarray:
    return dataset.images[:, 0, 0, 0]


def test_properties_and_take() -> None:
    part = numbered(9, (2, 4, 3)).take(np.array([7, 2, 2]))
    assert (part.size, part.image_shape, part.num_classes) == (3, (2, 4, 3), 3)
    assert indices_of(part).tolist() == [7, 2, 2]
    assert part.labels.tolist() == [1, 2, 2]


IMAGES = np.arange(6 * 5 * 4, dtype=np.uint8).reshape(6, 5, 4)
LABELS = [0, 1, 0, 1, 0, 1]


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([["a"] * 2] * 6, "x: images must be numbers, got <U1"),
        ([[[1, 2]], [[1]]], "x: images must be an array of one size"),
        (np.zeros((6, 784), np.uint8), r"shape \(6, 784\): flattened ones need images\.reshape"),
        (np.zeros((0, 4, 4, 1), np.uint8), "x: images must not be empty"),
        (
            np.zeros((6, 3, 8, 8), np.uint8),
            r"\[N, C, H, W\]\? Save images\.transpose\(0, 2, 3, 1\)",
        ),
        (np.zeros((6, 1, 28, 28), np.uint8), r"images\.transpose\(0, 2, 3, 1\)"),
        (np.zeros((6, 8, 8, 4), np.uint8), r"RGBA\? Drop alpha: save images\[\.\.\., :3\]"),
        (
            np.zeros((6, 8, 8, 2), np.uint8),
            r"grey and alpha\? Drop alpha: save images\[\.\.\., :1\]",
        ),
        (np.zeros((6, 8, 8, 9), np.uint8), "data.channels: 9 takes them as they are"),
        (IMAGES / 119 * 16, r"float64 from 0 to 16: save \(images \* \(255 / 16\)\)\.round"),
        (IMAGES / 60 - 1, r"save \(\(images - -1\) \* \(255 / 1\.98"),
        (IMAGES.astype(np.uint16) * 34, r"uint16 from 0 to 4046: save \(images \* \(255 / 4046"),
        (IMAGES > 9, r"bool from 0 to 1: save images\.astype\(np\.uint8\) \* 255"),
        (np.where(IMAGES == 7, np.nan, 1.0), "finite numbers, some are NaN"),
        (np.where(IMAGES == 7, np.inf, 1.0), "finite numbers, some are NaN or infinite"),
    ],
)
def test_images_of_no_plain_meaning_are_refused(images, message) -> None:
    with pytest.raises(DataError, match=message) as caught:
        ImageDataset(images, LABELS, name="x")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("scaled", "said"),
    [
        (IMAGES * np.float32(1 / 119), "from 0 to 1 are multiplied by 255"),
        ((IMAGES * 2).astype(np.float64), "whole numbers up to 255 are grey levels"),
        ((IMAGES * 2).astype(np.int64), "whole numbers up to 255 are grey levels"),
        ((IMAGES * 2).tolist(), "whole numbers up to 255 are grey levels"),
        ((IMAGES * 2).astype(np.uint16) * 257, "divided by 257"),
    ],
)
def test_plain_ranges_become_bytes_and_a_line_says_so(scaled, said) -> None:
    lines = []
    dataset = ImageDataset(scaled, LABELS, notify=lines.append)
    factor = 255 / 119 if "multiplied" in said else 2
    assert dataset.images.dtype == np.uint8
    np.testing.assert_array_equal(dataset.images[..., 0], np.round(IMAGES * factor))
    assert len(lines) == 1
    assert said in lines[0]


def test_bytes_are_left_as_they_are() -> None:
    images = IMAGES[..., None].copy()
    kept = ImageDataset(images, LABELS).images
    np.testing.assert_array_equal(kept, images)
    images[:] = 255 - images  # a caller's array may be used for others
    np.testing.assert_array_equal(kept, 255 - images)
    images.flags.writeable = False
    assert ImageDataset(images, LABELS).images is images  # nobody can write to it
    eight = np.zeros((6, 3, 4, 8), np.uint8)
    assert ImageDataset(eight, LABELS, channels=8).take(np.array([1])).image_shape == (3, 4, 8)
    with pytest.raises(DataError, match=r"9 as data\.channels says, got shape \(6, 3, 4, 8\)"):
        ImageDataset(eight, LABELS, channels=9)


@pytest.mark.parametrize(
    ("labels", "indices", "names", "said"),
    [
        (np.arange(6) % 3, [0, 1, 2, 0, 1, 2], ("0", "1", "2"), ""),
        (np.uint8([1, 2, 10, 1, 2, 10]), [0, 1, 2] * 2, ("1", "2", "10"), "labels 1, 2, 10 are 3"),
        ([0, 5, 200, 0, 5, 0], [0, 1, 2, 0, 1, 0], ("0", "5", "200"), "0, 5, 200 are 3 classes"),
        ([90311, -1, 5, 5, 5, 5], [2, 0, 1, 1, 1, 1], ("-1", "5", "90311"), "are 3 classes"),
        ([2147483647, 0] * 3, [1, 0] * 3, ("0", "2147483647"), "are 2 classes"),
        (["dog", "cat"] * 3, [1, 0] * 3, ("cat", "dog"), ""),
        ([b"h\xc3\xbchn", b"cat"] * 3, [1, 0] * 3, ("cat", "hühn"), ""),
        (np.array(["dog", "cat"] * 3, object), [1, 0] * 3, ("cat", "dog"), ""),
        ([1.0, 0.0] * 3, [1, 0] * 3, ("0", "1"), ""),
        ([True, False] * 3, [1, 0] * 3, ("false", "true"), ""),
        (np.eye(3)[[0, 2, 1, 1, 2, 0]], [0, 2, 1, 1, 2, 0], ("0", "1", "2"), "one-hot rows"),
        ([[4], [3]] * 3, [1, 0] * 3, ("3", "4"), "labels 3, 4 are 2 classes"),
    ],
)
def test_classes_are_the_distinct_labels(labels, indices, names, said) -> None:
    lines = []
    dataset = ImageDataset(IMAGES, labels, notify=lines.append)
    assert dataset.labels.dtype == np.int32
    assert dataset.labels.tolist() == indices
    assert dataset.class_names == names
    assert (said in lines[0] and len(lines) == 1) if said else not lines
    # another part gets the classes of the training part
    part = ImageDataset(IMAGES[:2], labels[:2], dataset.class_names, notify=lines.append)
    assert part.labels.tolist() == indices[:2]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([7] * 6, "x: a classifier needs at least 2 classes, got 1"),
        ([0, 1, 1], "x: 6 images but 3 labels"),
        ([0.5, 1, 1, 1, 1, 1], "whole numbers or names, got 0.5 at index 0"),
        ([np.nan, 1, 1, 1, 1, 1], "whole numbers or names, got nan at index 0"),
        (np.full((6, 2), 0.5), "rows .* with a single one"),
        (np.ones((6, 2), int), "an image has one class"),
        (np.zeros((6, 2, 2)), r"labels must be \[N\], got shape \(6, 2, 2\)"),
        ([b"\xff", b"a"] * 3, "must be UTF-8"),
        (["", "a"] * 3, "a label must not be empty, the one at index 0 is"),
        (["a", 1, None, 1, 1, 1], "all be names, got NoneType, int, str"),
        (np.array([0, 1] * 3, "datetime64[s]"), "whole numbers or names, got datetime64"),
        (np.array([2**64 - 1, 0] * 3, np.uint64), r"below 2\*\*63"),
    ],
)
def test_labels_that_name_no_classes_are_refused(labels, message) -> None:
    with pytest.raises(DataError, match=message):
        ImageDataset(IMAGES, labels, name="x")


def test_labels_that_look_like_ids_are_refused() -> None:
    images = np.zeros((24, 2, 2), np.uint8)
    with pytest.raises(DataError, match="24 classes among 24 labels: labels look like ids"):
        ImageDataset(images, np.arange(24) + 5000)
    assert ImageDataset(images, np.arange(24) % 12).num_classes == 12


def test_given_class_names_are_used() -> None:
    def labels(values, names):
        return ImageDataset(IMAGES[: len(values)], values, names, "x").labels.tolist()

    assert labels([1, 0, 2], ["cat", "dog", "hen"]) == [1, 0, 2]  # indices
    assert labels(["dog", "cat"], ("cat", "dog", "hen")) == [1, 0]
    assert labels([3, 1], np.array([1, 2, 3])) == [2, 0]  # names that are numbers are labels
    assert labels(np.eye(3)[[0, 2]], ["7", "0", "5"]) == [0, 2]  # but a column has a place
    assert labels(np.eye(4)[[3, 1]], ["1", "3"]) == [1, 0]  # the columns that were there
    for values, names, message in [
        ([0, 3], ["cat", "dog"], r"labels must be in 0\.\.1, .* got 3 \(1 of 2, the first at 1\)"),
        ([0, 3], ["1", "2", "3"], "labels must be in 1, 2, 3, .* got 0"),
        ([0, 1], ["cat", "0"], "the label 0 is the index of one class and the name of another"),
        (["owl", "cat"], ["cat", "dog"], "labels must be in cat, dog, .* got owl"),
        ([0, 1], ["a", "a"], "must not repeat a name"),
        ([0, 1], ["a"], "at least 2 classes, got 1"),
        ([0, 1], 7, "must be a list of names"),
    ]:
        with pytest.raises(DataError, match=message):
            labels(values, names)


def test_a_dataset_shows_itself_in_a_line_and_is_pickled() -> None:
    dataset = numbered(5)
    assert repr(dataset) == "<ImageDataset numbered: 5 images of 2 x 3 x 1, 3 classes>"
    again = pickle.loads(pickle.dumps(dataset))
    assert np.array_equal(again.images, dataset.images)
    assert again.class_names == dataset.class_names


@pytest.mark.parametrize("seed", range(20))
def test_a_rare_class_is_on_both_sides(seed: int) -> None:
    labels = np.repeat([0, 1, 2, 3], [93, 50, 3, 1])
    images = np.zeros((len(labels), 2, 2, 1), np.uint8)
    parts = train_validation_split(ImageDataset(images, labels), seed=seed)
    counts = [np.bincount(part.labels, minlength=4).tolist() for part in parts]
    assert parts[1].size == round(147 * 0.2)
    assert counts[1][2] in (1, 2)
    assert counts[1][3] == 0  # the only image of its class is for training
    assert abs(counts[1][0] - 18.6) < 1.5
    plain = ImageDataset(images, labels, stratified=False)
    order = np.random.default_rng(seed).permutation(147)
    _, validation = train_validation_split(plain, seed=seed)
    assert validation.labels.tolist() == labels[order[:29]].tolist()


def test_more_rare_classes_than_the_validation_part_has_room_for() -> None:
    labels = np.repeat(np.arange(5), 2)
    dataset = ImageDataset(np.zeros((10, 2, 2), np.uint8), labels)
    for part in train_validation_split(dataset, fraction=0.1, seed=0):
        assert sorted(part.labels.tolist()) == [0, 1, 2, 3, 4]


def test_split_deals_every_image_once() -> None:
    train, validation = train_validation_split(numbered(101), seed=3)
    assert (train.size, validation.size) == (81, 20)
    dealt = np.concatenate([indices_of(train), indices_of(validation)])
    assert sorted(dealt.tolist()) == list(range(101))
    assert np.array_equal(train.labels, indices_of(train) % 3)


def test_split_is_the_seeds() -> None:
    first, again = (train_validation_split(numbered(50), seed=1)[1] for _ in range(2))
    other = train_validation_split(numbered(50), seed=2)[1]
    assert np.array_equal(first.images, again.images)
    assert not np.array_equal(first.images, other.images)


def test_split_leaves_neither_side_empty() -> None:
    train, validation = train_validation_split(numbered(2), fraction=0.01, seed=0)
    assert (train.size, validation.size) == (1, 1)


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.2, 20.0, float("nan")])
def test_split_fraction_error(fraction: float) -> None:
    with pytest.raises(ConfigError, match=f"between 0 and 1, got {fraction}"):
        train_validation_split(numbered(10), fraction=fraction, seed=0)


def test_split_needs_two_images() -> None:
    with pytest.raises(DataError, match="numbered: a split needs at least 2 images, got 1"):
        train_validation_split(numbered(1), seed=0)


@pytest.mark.parametrize("images", ["garments", "noise"])
@pytest.mark.parametrize("size", [(14, 14), (20, 20), (32, 32), (40, 25)])
def test_resize_is_pillows_within_one_grey_level(images: str, size: tuple[int, int]) -> None:
    ours = resize_bilinear(PILLOW[f"{images}_images"][:10], *size).astype(int)
    difference = np.abs(ours - PILLOW[f"{images}_{size[0]}x{size[1]}"])
    assert difference.max() <= 1
    assert (difference > 0).mean() <= 0.05  # Pillow's weights are fixed-point numbers


def test_crop_takes_the_centre() -> None:
    columns = np.tile(np.arange(8, dtype=np.uint8), (1, 4, 1))[..., None]
    wide = ImageDataset(columns, np.zeros(1, np.int32), ("a", "b"), "columns")
    cropped = resize_and_crop(wide, 4, 4)
    assert cropped.images[0, :, :, 0].tolist() == [[2, 3, 4, 5]] * 4


@pytest.mark.parametrize("target", [(1, 1), (5, 9), (9, 5), (3, 8), (28, 28)])
@pytest.mark.parametrize("shape", [(2, 3, 1), (7, 7, 3), (9, 4, 1)])
def test_resize_and_crop_gives_the_size_asked(shape: tuple, target: tuple) -> None:
    dataset = numbered(4, shape)
    fitted = resize_and_crop(dataset, *target)
    assert fitted.image_shape == (*target, shape[2])
    assert indices_of(fitted).tolist() == [0, 1, 2, 3]  # flat images stay flat, whatever the size
    assert np.array_equal(fitted.labels, dataset.labels)


def test_same_size_is_left_alone() -> None:
    dataset = numbered(3)
    assert resize_and_crop(dataset, 2, 3) is dataset


def test_images_that_would_be_cropped_to_nothing_are_refused() -> None:
    with pytest.raises(DataError, match=r"1 x 5000 pixels cannot become 28 x 28: more than 90%"):
        resize_and_crop(numbered(2, (1, 5000, 1)), 28, 28)


def test_another_size_is_reported_once() -> None:
    lines = []
    train, validation = fitted_pair(
        numbered(4, (6, 4, 1)), numbered(3, (6, 4, 1)), 3, 3, lines.append
    )
    assert train.image_shape == validation.image_shape == (3, 3, 1)
    assert lines == [
        "numbered: images of 6 x 4 pixels are resized to 3 x 3, in proportion, the centre cropped."
    ]
    assert fitted(train, 3, 3, lines.append) is train
    assert len(lines) == 1


def test_size_error() -> None:
    with pytest.raises(ConfigError, match="at least 1 x 1 pixels, got 0 x 5"):
        resize_and_crop(numbered(1), 0, 5)


def said_of(images: object, labels: object, **options) -> tuple[ImageDataset, list[str]]:
    lines: list[str] = []
    return ImageDataset(images, labels, notify=lines.append, **options), lines


@pytest.mark.parametrize("dtype", [">u2", "<u2", ">f4", ">f8", ">i4"])
def test_the_order_of_bytes_means_nothing(dtype: str) -> None:
    top = {"u2": 65535, "f4": 1, "f8": 1, "i4": 255}[dtype[1:]]
    levels = np.arange(6 * 5 * 4).reshape(6, 5, 4) % 2
    found, _ = said_of((levels * top).astype(dtype), np.array(LABELS, ">i8"))
    np.testing.assert_array_equal(found.images[..., 0], levels * 255)
    assert found.labels.tolist() == LABELS


@pytest.mark.parametrize(
    "labels",
    [
        [np.int64(k) for k in LABELS],
        [np.str_(k) for k in LABELS],
        [np.float64(k) for k in LABELS],
        [0, np.int16(1)] * 3,
    ],
)
def test_labels_of_an_object_array_may_be_scalars_of_numpy(labels: list) -> None:
    found, _ = said_of(IMAGES, np.array(labels, object))
    assert (found.labels.tolist(), found.class_names) == (LABELS, ("0", "1"))


@pytest.mark.parametrize("labels", [[True, 0] * 3, ["a", None] * 3, [1, "a"] * 3, [1, b"a"] * 3])
def test_labels_of_several_kinds_are_refused(labels: list) -> None:
    with pytest.raises(DataError, match="labels must all be whole numbers, or all be names, got"):
        ImageDataset(IMAGES, np.array(labels, object))


@pytest.mark.parametrize("names", ["ab", b"ab", {"a", "b"}, {0: "a", 1: "b"}])
def test_class_names_have_an_order(names: object) -> None:
    with pytest.raises(DataError, match="class_names must be a list of names, got"):
        ImageDataset(IMAGES, LABELS, class_names=names)


def test_bytes_of_another_scale_are_named() -> None:
    digits = np.arange(6 * 5 * 4, dtype=np.uint8).reshape(6, 5, 4) % 17
    found, lines = said_of(digits, LABELS)
    np.testing.assert_array_equal(found.images[..., 0], digits)
    assert lines == [
        "images: no number is above 16, where 255 is white: the images are nearly black; if 16 is "
        "white, save (images * (255 / 16)).round().astype(np.uint8)."
    ]
    assert said_of(digits * 0, LABELS)[1] == ["images: all images are black."]
    assert said_of(digits * 2, LABELS)[1] == []


def test_a_warning_names_the_line_that_gave_the_images(recwarn):
    ImageDataset(np.linspace(0, 1, 75).reshape(3, 5, 5), ["a", "b", "a"])
    assert "numbers from 0 to 1 are multiplied by 255" in str(recwarn[0].message)
    assert recwarn[0].filename == __file__
