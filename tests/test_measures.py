"""Measures: they equal scikit-learn's, by sums over batches, even for a broken network."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hptjax.data.dataset import ImageDataset
from hptjax.errors import ConfigError
from hptjax.records.metrics import known_direction
from hptjax.tasks.base import batch_sums
from hptjax.tasks.classification import Classification
from hptjax.tasks.multi_label import MultiLabel
from hptjax.tasks.regression import Regression
from tests.nets import images

ARRAYS = np.load(Path(__file__).parent / "data" / "measures_reference.npz")
TASKS = {"classes": Classification(), "labels": MultiLabel(), "targets": Regression()}
GIVEN = ("outputs", "targets")
KNOWN = sorted(key for key in ARRAYS.files if not key.endswith(GIVEN))
COUNTS = sorted(key for key in KNOWN if "plain" in key and not key.startswith("targets"))
BATCH = 16


def split(key):
    """Task, outputs [K, N], targets and the measure of a frozen number."""
    kind, case, name = key.split("/")
    outputs, targets = (ARRAYS[f"{kind}/{case}/{part}"] for part in GIVEN)
    task = TASKS[kind]
    if kind == "targets":
        task = Regression(centre=tuple(map(float, np.atleast_1d(targets.mean(0) + 0.1))))
    return task, outputs.T, targets, task.measure(name)


def by_batches(measure, outputs, targets, filling=0.0):
    """The measure of all images, BATCH at a time, the last batch filled up."""
    count = outputs.shape[1]
    missing = -count % BATCH
    outputs = np.pad(outputs, ((0, 0), (0, missing)), constant_values=filling)
    targets = np.pad(targets, ((0, missing), *[(0, 0)] * (targets.ndim - 1)))
    real = np.arange(count + missing) < count
    add = jax.jit(measure.sums)
    parts = [slice(k, k + BATCH) for k in range(0, len(real), BATCH)]
    sums = [add(outputs[:, part], targets[part], real[part]) for part in parts]
    total = jax.tree.map(lambda *values: sum(values), *sums)
    return float(measure.value(total | {"images": jnp.int32(count)}))


@pytest.mark.parametrize("key", KNOWN)
def test_a_measure_is_what_scikit_learn_says(key):
    _, outputs, targets, measure = split(key)
    assert by_batches(measure, outputs, targets) == pytest.approx(float(ARRAYS[key]), abs=2e-6)


@pytest.mark.parametrize("key", KNOWN)
@pytest.mark.parametrize("filling", [np.nan, np.inf])
def test_what_fills_a_batch_up_does_not_count(key, filling):
    _, outputs, targets, measure = split(key)
    plain = by_batches(measure, outputs, targets)
    assert by_batches(measure, outputs, targets, filling) == plain


def sums_of(measure, outputs, targets, real):
    return {name: np.asarray(sum_) for name, sum_ in measure.sums(outputs, targets, real).items()}


@pytest.mark.parametrize("key", COUNTS)
@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_a_broken_output_counts_as_wrong_and_changes_no_other_images_part(key, broken):
    _, outputs, targets, measure = split(key)
    place, everyone = 7, np.ones(len(targets), bool)
    others = everyone & (np.arange(len(targets)) != place)
    ruined = outputs.copy()
    ruined[1, place] = broken
    with_it = sums_of(measure, ruined, targets, everyone)
    without = sums_of(measure, outputs, targets, others)
    alone = sums_of(measure, ruined[:, [place]], targets[[place]], everyone[:1])
    for name, value in with_it.items():
        np.testing.assert_array_equal(value, without[name] + alone[name])
    worst = float(measure.value({**alone, "images": jnp.int32(1)}))
    assert worst == (1.0 if measure.direction == "minimize" else 0.0)


@pytest.mark.parametrize("key", [key for key in KNOWN if "plain" in key])
def test_perfect_outputs_have_the_ideal_value(key):
    task, _, targets, measure = split(key)
    if task.kind == "classes":
        outputs = 5.0 * np.eye(6, dtype=np.float32)[targets].T
    else:
        outputs = np.atleast_2d(targets.T) if task.kind == "targets" else 2.0 * targets.T - 1
    assert by_batches(measure, outputs, targets) == pytest.approx(measure.ideal, abs=1e-6)
    assert known_direction(f"val_{key.split('/')[2]}") == measure.direction
    assert measure.ideal == (0.0 if measure.direction == "minimize" else 1.0)


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_every_known_measure_is_found_and_its_direction_known_without_it(task):
    for name in {*task.known(), *task.measures, *task.train_measures}:
        assert known_direction(f"val_{name}") == task.measure(name).direction


@pytest.mark.parametrize("kind", TASKS)
def test_members_side_by_side_have_the_sums_of_each_alone(kind):
    outputs, targets = (ARRAYS[f"{kind}/plain/{part}"] for part in GIVEN)
    measures = [TASKS[kind].measure(name) for name in TASKS[kind].known()]
    real = np.arange(len(targets)) < 50
    both = jnp.stack([outputs.T, -outputs.T])
    rows = jax.vmap(lambda own: batch_sums(measures, own, jnp.asarray(targets), real))(both)
    for k, own in enumerate(both):
        alone = batch_sums(measures, own, jnp.asarray(targets), real)
        assert rows.keys() == alone.keys()
        for name, value in alone.items():
            np.testing.assert_allclose(rows[name][k], value, rtol=1e-6)


def test_equal_outputs_are_ranked_by_their_number():
    outputs, targets, real = np.zeros((4, 4)), np.arange(4), np.ones(4, bool)
    for k in (1, 2, 3, 4):
        measure = TASKS["classes"].measure(f"top_{k}_accuracy")
        assert sums_of(measure, outputs, targets, real)[f"top_{k}_hits"] == k


def test_r2_far_from_zero_needs_the_centre():
    """Without a centre, float32 is less precise about the spread of numbers near 1000."""
    outputs, targets = (ARRAYS[f"targets/far/{part}"] for part in GIVEN)
    dataset = type("Targets", (), {"labels": targets, "size": len(targets)})
    fitted = Regression().fitted(dataset)
    assert fitted.centre == pytest.approx(targets.mean(0), rel=1e-6)
    assert fitted.fitted(dataset) == fitted
    wanted = float(ARRAYS["targets/far/r2"])
    errors = [
        abs(by_batches(task.measure("r2"), outputs.T, targets) - wanted)
        for task in (fitted, Regression())
    ]
    assert errors[0] < 2e-6 < errors[1]


@pytest.mark.parametrize(
    ("name", "said"),
    [("recall_10", "must be one of 0..9"), ("top_11_accuracy", "must be one of 1..10")],
)
def test_a_number_that_no_class_has_is_refused(name, said):
    with pytest.raises(ConfigError, match=f"{name}: the number {said}, for there are 10 classes"):
        TASKS["classes"].measure(name).check(images(20))
    TASKS["classes"].measure("recall_9").check(images(20))
    shapes = ImageDataset(np.arange(0, 252, 14, np.uint8).reshape(2, 3, 3), ["circle", "square"])
    with pytest.raises(ConfigError, match=r"0\.\.1 \(0 is circle, 1 is square\), for there are 2"):
        TASKS["classes"].measure("recall_7").check(shapes)
