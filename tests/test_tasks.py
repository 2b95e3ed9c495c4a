"""Tasks: the objective is PyTorch's, and the validation loss is the same for all options."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import hptjax
from hptjax.data import ImageDataset
from hptjax.data.request import silent
from hptjax.errors import ConfigError
from hptjax.models.forward import cross_entropy
from hptjax.ops.numbers import Numbers
from hptjax.tasks.classification import Classification
from hptjax.tasks.multi_label import MultiLabel
from hptjax.tasks.regression import Regression

ARRAYS = np.load(Path(__file__).parent / "data" / "recipe_reference.npz")
LOSS = {name.removeprefix("loss/"): ARRAYS[name] for name in ARRAYS.files if "loss/" in name}
WEIGHTS, POSITIVES = (tuple(LOSS[name].tolist()) for name in ("classes", "positives"))
PLAIN = Numbers(label_smoothing=0.0, delta=1.0)
CASES = {
    "cross_entropy": (Classification(), {}),
    'cross_entropy{"label_smoothing": 0.1}': (Classification(), {"label_smoothing": 0.1}),
    'cross_entropy{"class_weights": true}': (Classification(class_weights=WEIGHTS), {}),
    'cross_entropy{"class_weights": true, "label_smoothing": 0.1}': (
        Classification(class_weights=WEIGHTS),
        {"label_smoothing": 0.1},
    ),
    "binary_cross_entropy": (MultiLabel(), {}),
    'binary_cross_entropy{"pos_weight": true}': (MultiLabel(pos_weight=POSITIVES), {}),
    "mse": (Regression(loss="mse"), {}),
    "l1": (Regression(loss="l1"), {}),
    'huber{"delta": 0.5}': (Regression(loss="huber"), {"delta": 0.5}),
}
ARRAYS_OF = {
    "classes": ("logits", "labels"),
    "labels": ("logits", "flags"),
    "targets": ("outputs", "targets"),
}


def given(task):
    outputs, targets = (jnp.asarray(LOSS[name]) for name in ARRAYS_OF[task.kind])
    return outputs.T, targets


@pytest.mark.parametrize("case", CASES)
def test_the_objective_and_its_gradient_are_pytorchs(case):
    task, numbers = CASES[case]
    outputs, targets = given(task)
    traced = PLAIN.replace(**{name: jnp.float32(value) for name, value in numbers.items()})
    value, grad = jax.jit(jax.value_and_grad(task.objective))(outputs, targets, traced)
    np.testing.assert_allclose(value, LOSS[f"{case}/value"], rtol=2e-6)
    np.testing.assert_allclose(grad.T, LOSS[f"{case}/grad"], rtol=2e-5, atol=2e-7)


def test_a_classification_without_options_computes_what_it_always_did():
    outputs, targets = given(Classification())

    def jaxpr(function):
        return str(jax.make_jaxpr(function)(outputs, targets))

    now = jaxpr(lambda z, y: Classification().objective(z, y, PLAIN))
    assert now == jaxpr(lambda z, y: cross_entropy(z, y).mean())
    traced = Classification().objective(outputs, targets, Numbers(label_smoothing=jnp.float32(0)))
    np.testing.assert_allclose(traced, cross_entropy(outputs, targets).mean(), rtol=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_the_validation_loss_is_the_plain_loss(case):
    """It compares candidates that differ in smoothing, weights or delta."""
    task, _ = CASES[case]
    outputs, targets = given(task)
    fields = {"loss": task.loss} if isinstance(task, Regression) else {}
    plain = type(task)(**fields)
    losses = task.losses(outputs, targets)
    assert losses.shape == (len(targets),)
    np.testing.assert_array_equal(losses, plain.losses(outputs, targets))
    np.testing.assert_allclose(losses.mean(), plain.objective(outputs, targets, PLAIN), rtol=1e-6)


def dataset(labels, kind="classes", names=None):
    images = np.random.default_rng(0).integers(0, 256, (len(labels), 4, 4, 1), np.uint8)
    return ImageDataset(images, labels, names, "mine", kind=kind, notify=silent)


def test_balanced_weights_come_from_the_training_set():
    """Class c has no image, so it does not count as a class, as in scikit-learn."""
    train = dataset(np.repeat(["a", "b", "d"], (6, 3, 1)), names=["a", "b", "c", "d"])
    task = Classification(class_weights="balanced").fitted(train)
    assert task.class_weights == pytest.approx((10 / 18, 10 / 9, 0.0, 10 / 3))
    assert Classification().fitted(train) == Classification()
    flags = np.array([[1, 1, 0], [1, 0, 0], [1, 0, 0], [1, 0, 0]])
    labels = MultiLabel(pos_weight="balanced").fitted(dataset(flags, "labels"))
    assert labels.pos_weight == (1.0, 3.0, 1.0)


def test_a_batch_of_classes_that_do_not_count_teaches_nothing():
    task = Classification(class_weights=(0.0, 1.0))
    outputs, targets = jnp.array([[1.0, 2.0], [0.5, 3.0]]), jnp.zeros(2, jnp.int32)
    for numbers in (PLAIN, Numbers(label_smoothing=jnp.float32(0.0))):
        value, grad = jax.value_and_grad(task.objective)(outputs, targets, numbers)
        assert value == 0
        assert not np.asarray(grad).any()


@pytest.mark.parametrize("loss", ["mse", "l1", "huber"])
def test_targets_of_one_column_are_those_without_a_column(loss):
    task, outputs = Regression(loss=loss), jnp.array([[0.5, -2.0, 3.0]])
    column = jnp.array([[1.0], [1.0], [1.0]])
    for value in (task.objective(outputs, column, PLAIN), task.losses(outputs, column).mean()):
        assert value == task.objective(outputs, column[:, 0], PLAIN)


@pytest.mark.parametrize("case", CASES)
def test_extreme_outputs_have_finite_losses_and_gradients(case):
    task, numbers = CASES[case]
    _, targets = given(task)
    outputs = jnp.where(jnp.arange(5)[:, None] < 2, 1e4, -1e4) * jnp.ones((5, len(targets)))
    value, grad = jax.value_and_grad(task.objective)(outputs, targets, PLAIN.replace(**numbers))
    assert np.isfinite(value)
    assert np.isfinite(grad).all()


@pytest.mark.parametrize(
    ("task", "labels", "said"),
    [
        (Regression(), dataset([0, 1]), "task: regression learns targets, but mine has classes"),
        (MultiLabel(), dataset([0.5], "targets"), "task: multi_label learns labels, but mine has"),
        (Classification(), dataset([[1]], "labels"), "learns classes, but mine has labels"),
        (
            Classification(class_weights=(1.0, 2.0, 3.0)), dataset([0, 1]),
            "class_weights: must have a weight for each of the 2 classes of mine, got 3",
        ),
        (
            MultiLabel(pos_weight=(0.0,)), dataset([[1]], "labels"),
            "task.pos_weight: must not all be 0",
        ),
    ],
)  # fmt: skip
def test_a_data_set_of_another_kind_is_refused(task, labels, said):
    with pytest.raises(ConfigError, match=said):
        task.check(labels)


def test_the_head_has_a_unit_for_each_output():
    assert Classification().outputs(dataset([0, 1, 2])) == 3
    assert MultiLabel().outputs(dataset([[1], [0]], "labels")) == 1
    assert Regression().outputs(dataset(np.ones((2, 4)), "targets")) == 4
    assert Regression().outputs(dataset(np.ones(2), "targets")) == 1


def test_predictions_are_probabilities_or_numbers():
    outputs = jnp.array([[0.0, 2.0], [0.0, -2.0]])
    np.testing.assert_allclose(Classification().predicted(outputs).sum(0), 1, rtol=1e-6)
    np.testing.assert_allclose(MultiLabel().predicted(outputs)[:, 0], 0.5)
    np.testing.assert_array_equal(Regression().predicted(outputs), outputs)


@pytest.mark.parametrize(
    ("task", "metric", "said"),
    [
        (Classification(), "f1", "classification has no 'f1'; did you mean 'val_macro_f1'?"),
        (Classification(), "accuracy", "has no 'accuracy'; did you mean 'val_accuracy'?"),
        (Classification(), "val_macro_fl", "has no 'val_macro_fl'; did you mean 'val_macro_f1'?"),
        (Classification(), "val_recall_circle", "must name a class by its number, as in val_recal"),
        (Classification(), "val_top_0_accuracy", "has no 'val_top_0_accuracy'"),
        (Regression(), "val_accuracy", "regression has no 'val_accuracy'; known are val_loss, val"),
        (MultiLabel(), "train_accuracy", "multi_label has no 'train_accuracy'"),
    ],
)
def test_a_metric_that_a_task_lacks_is_refused(task, metric, said):
    with pytest.raises(ConfigError, match=said.replace("?", r"\?")):
        task.measure_of_metric(metric)


@pytest.mark.parametrize("weights", ["balance", [-1], [True], ["a"], [float("nan")], 3])
def test_values_that_are_no_weights_are_refused(weights):
    from hptjax.config.explain import validated

    with pytest.raises(ConfigError, match="must be 'none', 'balanced' or a list of numbers"):
        validated(Classification, {"class_weights": weights}, "model.task")


def test_a_task_of_ones_own_is_a_class_with_a_loss():
    class SquaredError(hptjax.Task):
        kind = "targets"
        power: float = 2.0

        def losses(self, outputs, targets):
            return (outputs[0] - targets) ** 2

    task, (outputs, targets) = SquaredError(), given(Regression())
    wanted = Regression().objective(outputs[:1], targets[:, 0], PLAIN)
    assert task.objective(outputs, targets[:, 0], PLAIN) == wanted
    assert (task.name, task.measures) == ("squared_error", ("loss",))
    with pytest.raises(ConfigError, match="squared_error has no measure 'mae'"):
        task.measure("mae")
    with pytest.raises(TypeError, match="abstract"):
        hptjax.Task()  # pyright: ignore[reportAbstractUsage]
