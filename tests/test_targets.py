"""Labels of 0 and 1 and real numbers as targets: read as they are, and only when asked for."""

import re

import numpy as np
import pytest

from hptjax.data import ImageDataset, load_images, train_validation_split
from hptjax.data.dataset import check_alike
from hptjax.data.digest import dataset_digest
from hptjax.data.request import silent
from hptjax.data.resize import resize_and_crop
from hptjax.data.split import limited
from hptjax.errors import ConfigError, DataError

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 6, 6, 1), np.uint8)
LABELS = np.random.default_rng(1).integers(0, 2, (12, 3))
NUMBERS = np.random.default_rng(2).normal(size=12)


def dataset(labels, kind, **options):
    return ImageDataset(IMAGES, labels, kind=kind, name="mine", notify=silent, **options)


@pytest.mark.parametrize("kind_of_zero", [int, bool, float])
def test_labels_of_any_number_type_are_kept_as_bytes(kind_of_zero):
    made = dataset(LABELS.astype(kind_of_zero), "labels", class_names=["cat", "dog", "hen"])
    assert made.labels.dtype == np.uint8
    np.testing.assert_array_equal(made.labels, LABELS)
    assert (made.class_names, made.num_classes, made.stratified) == (
        ("cat", "dog", "hen"),
        3,
        False,
    )
    assert repr(made) == "<ImageDataset mine: 12 images of 6 x 6 x 1, 3 labels>"


@pytest.mark.parametrize("shape", [(12,), (12, 1), (6, 2)])
def test_targets_keep_their_shape(shape):
    numbers = NUMBERS.reshape(shape)
    made = ImageDataset(IMAGES[: len(numbers)], numbers, kind="targets", notify=silent)
    assert made.labels.dtype == np.float32
    np.testing.assert_array_equal(made.labels, numbers.astype(np.float32))
    assert made.num_classes == numbers[0].size
    whole = dataset(np.arange(12), "targets")
    assert whole.labels.dtype == np.float32


@pytest.mark.parametrize(
    ("kind", "given", "said"),
    [
        ("labels", 2 * LABELS, "labels must be 0 or 1, got 2 at index"),
        ("labels", np.where(LABELS, np.nan, 0), "labels must be 0 or 1, got nan at index"),
        ("labels", LABELS[:, 0], "labels must be [N, K] of 0 and 1"),
        ("labels", ["cat"] * 12, "labels must be [N, K] of 0 and 1"),
        ("labels", LABELS[:, :0], "labels must be [N, K] of 0 and 1"),
        ("labels", LABELS[:11], "12 images but 11 labels"),
        ("targets", ["1.5"] * 12, "targets must be numbers [N] or [N, T], got <U3"),
        ("targets", LABELS == 1, "targets must be numbers [N] or [N, T], got bool"),
        ("targets", NUMBERS.reshape(12, 1, 1), "targets must be numbers [N] or [N, T]"),
        (
            "targets",
            np.where(NUMBERS > 0, np.inf, 0),
            "must be finite in float32, got inf at index",
        ),
        ("targets", np.full(12, 1e39), "must be finite in float32, got 1e+39 at index 0"),
        ("targets", [[1.0], [1.0, 2.0]] * 6, "targets must be an array"),
        ("classes", NUMBERS, "at index 0; to learn real numbers, set task: regression"),
        ("classes", np.ones((12, 2)), "to learn several labels of an image, set task: multi_label"),
    ],
)
def test_what_is_wrong_is_named(kind, given, said):
    with pytest.raises(DataError, match=re.escape(said)):
        dataset(given, kind)


def test_an_unknown_kind_and_wrong_names_are_refused():
    with pytest.raises(ConfigError, match="kind: must be classes, labels, targets, got 'numbers'"):
        dataset(LABELS, "numbers")
    with pytest.raises(DataError, match="3 columns, but 2 names: cat, dog"):
        dataset(LABELS, "labels", class_names=["cat", "dog"])


@pytest.mark.parametrize(("kind", "values"), [("labels", LABELS), ("targets", NUMBERS)])
def test_a_split_deals_images_with_their_targets(kind, values):
    whole = dataset(values, kind)
    train, held = train_validation_split(whole, fraction=0.25, seed=3)
    assert (train.size, held.size, train.kind, held.kind) == (9, 3, kind, kind)
    for part in (train, held, limited(whole, 5, 0, None), resize_and_crop(train, 3, 3)):
        own = part if part.image_shape[0] == 6 else train
        for image, target in zip(own.images, part.labels, strict=True):
            (place,) = np.flatnonzero((image == IMAGES).all((1, 2, 3)))
            np.testing.assert_array_equal(target, whole.labels[place])
    for deal in (lambda: train_validation_split(whole, seed=0, stratified=True),
                 lambda: limited(whole, 5, 0, True)):  # fmt: skip
        with pytest.raises(ConfigError, match=f"stratified: mine has {kind} and no classes"):
            deal()


def test_the_digest_tells_kinds_and_values_apart():
    column = np.arange(12) % 2
    others = dataset(LABELS, "labels"), dataset(LABELS[::-1], "labels")
    same = (
        dataset(column, "classes"),
        dataset(column, "targets"),
        dataset(column[:, None], "labels"),
    )
    assert len({dataset_digest(one) for one in (*others, *same)}) == 5


def test_parts_of_other_kinds_or_shapes_do_not_belong_together():
    numbers = dataset(NUMBERS, "targets")
    for other in (dataset(NUMBERS[:, None], "targets"), dataset(LABELS[:, :1], "labels")):
        with pytest.raises(DataError, match=r"the training images have targets \[N\]: give all"):
            check_alike(numbers, other)
    named = dataset(LABELS, "labels", class_names=["abc", "d", "e"])
    with pytest.raises(DataError, match="the labels are abc, d, e, those of the training images 0"):
        check_alike(dataset(LABELS, "labels"), named)


def write(path, **arrays):
    np.savez(path, x_train=IMAGES, x_test=IMAGES[:4], **arrays)
    return f"npz:{path}"


def test_a_file_gives_what_is_asked_for(tmp_path):
    source = write(
        tmp_path / "a.npz", y_train=LABELS, y_test=LABELS[:4], class_names=["a", "b", "c"]
    )
    train = load_images(source, kind="labels", notify=silent)
    test = load_images(source, split="test", kind="labels", notify=silent)
    check_alike(train, test)
    np.testing.assert_array_equal(test.labels, LABELS[:4])
    assert train.class_names == ("a", "b", "c")
    with pytest.raises(DataError, match="set task: multi_label"):
        load_images(source, notify=silent)
    numbers = write(tmp_path / "b.npz", y_train=NUMBERS, y_test=NUMBERS[:4])
    assert load_images(numbers, kind="targets", notify=silent).kind == "targets"
    with pytest.raises(DataError, match="set task: regression"):
        load_images(numbers, notify=silent)


def test_all_parts_of_a_file_are_checked(tmp_path):
    wrong = write(tmp_path / "a.npz", y_train=LABELS, y_test=LABELS[:4, :2])
    with pytest.raises(DataError, match="y_test: 2 columns, but 3 names: 0, 1, 2"):
        load_images(wrong, kind="labels", notify=silent)


def test_sources_of_classes_give_only_classes():
    for kind in ("labels", "targets"):
        with pytest.raises(DataError, match=f"sample: has classes, but {kind} are to be learned"):
            load_images("sample", kind=kind)
