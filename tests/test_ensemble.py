"""Greedy ensembles: the selection alone, and with networks that a study kept."""

import json

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hptjax
from hptjax.data import ImageDataset
from hptjax.errors import ConfigError
from hptjax.models import init_variables
from hptjax.models.ensemble import Ensemble
from hptjax.models.network import load_network, network_of
from hptjax.models.variables import evaluate_variables
from hptjax.records.best import SavedNetwork
from hptjax.records.trial import Status, TrialRecord
from hptjax.search.ensemble import (
    ROUNDS,
    _averaged_as,
    _measuring,
    greedy_counts,
    outputs_of,
    select,
)
from hptjax.search.kept import KeptNetworks, kept_ensemble
from hptjax.study.data import StudyData
from hptjax.study.metrics import find_metric
from tests import fakes
from tests.nets import SIZE, images


def cross_entropy(labels):
    return lambda mean: float(-np.log(np.maximum(mean[range(len(labels)), labels], 1e-9)).mean())


def random_predictions(seed, networks=4, count=30, classes=3):
    generator = np.random.default_rng(seed)
    values = generator.dirichlet(np.full(classes, 0.5), (networks, count))
    return values, generator.integers(0, classes, count)


@settings(deadline=None)
@given(st.integers(0, 99))
def test_an_ensemble_is_never_worse_than_its_best_network(seed):
    predictions, labels = random_predictions(seed)
    loss = cross_entropy(labels)
    counts = greedy_counts(predictions, loss)
    alone = [loss(own) for own in predictions]
    assert 1 <= sum(counts) <= ROUNDS
    assert loss(np.average(predictions, 0, counts)) <= min(alone) + 1e-12
    assert greedy_counts(predictions, loss, rounds=1) == tuple(
        int(k == np.argmin(alone)) for k in range(4)
    )


def test_networks_that_complete_each_other_are_taken_and_the_useless_one_is_not():
    right, wrong, unsure = [0.9, 0.1], [0.4, 0.6], [0.5, 0.5]
    predictions = np.array([[right, wrong], [wrong, right], [unsure, unsure]])
    counts = greedy_counts(predictions, cross_entropy(np.array([0, 0])))
    assert counts[0] == counts[1] > 0 == counts[2]


def test_ties_go_to_the_smaller_ensemble_and_the_first_network():
    predictions, labels = random_predictions(3, networks=1)
    twice = np.concatenate([predictions, predictions])
    assert greedy_counts(twice, cross_entropy(labels)) == (1, 0)


def test_a_loss_that_is_no_number_is_the_worst():
    predictions = np.array([[[np.nan, np.nan]], [[0.5, 0.5]]])
    assert greedy_counts(predictions, cross_entropy(np.array([0]))) == (0, 1)
    assert sum(greedy_counts(predictions[:1], cross_entropy(np.array([0])))) == 1


LAYERS = ["flatten", {"linear": {"out_features": 8, "activation": "relu"}}, "head"]
NETWORK = hptjax.Model(layers=LAYERS, input=[SIZE, SIZE, 1], outputs=10)
VALIDATION = images(70, seed=1)


@pytest.fixture(scope="module")
def networks():
    """Four untrained networks of one shape."""
    drawn = [init_variables(NETWORK, jax.random.key(k)) for k in range(4)]
    return [SavedNetwork(NETWORK, own, {}) for own in drawn]


def test_outputs_are_those_of_the_network_whatever_the_last_batch(networks):
    whole = outputs_of(networks[3], VALIDATION)
    assert whole.shape == (70, 10)
    few = outputs_of(networks[3], VALIDATION.take(np.arange(7)))
    np.testing.assert_allclose(few, whole[:7], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["val_macro_f1", "val_loss_cumulative"])
def test_measures_of_an_ensemble_use_averaged_probabilities(networks, name):
    metric, measures = find_metric(name), ("loss", "accuracy", "macro_f1")
    found = select(networks, VALIDATION, metric, measures)
    assert found.measures.keys() == set(measures)
    logits = np.stack([outputs_of(own, VALIDATION) for own in networks]).astype(float)
    odds = np.exp(logits - logits.max(-1, keepdims=True))
    mean = np.average(odds / odds.sum(-1, keepdims=True), 0, found.counts)
    labels = VALIDATION.labels
    assert found.measures["loss"] == pytest.approx(cross_entropy(labels)(mean), rel=1e-5)
    assert found.measures["accuracy"] == pytest.approx((mean.argmax(1) == labels).mean())
    alone = [
        evaluate_variables(NETWORK, own.variables, VALIDATION, measures=measures)
        for own in networks
    ]
    judged = name.removeprefix("val_") if not name.endswith("cumulative") else "loss"
    reached = [metric.sign * own[judged] for own in alone]
    assert metric.sign * found.measures[judged] <= min(reached) + 1e-6


def test_a_metric_of_logits_judges_the_ensemble_too(networks):
    @hptjax.metric("maximize", sees="logits")
    def recall_of_3(logits, labels):
        return float((logits.argmax(1)[labels == 3] == 3).mean())

    found = select(networks, VALIDATION, recall_of_3, ("loss",))
    alone = [recall_of_3.of_logits(outputs_of(n, VALIDATION), VALIDATION.labels) for n in networks]
    assert found.measures["recall_of_3"] >= max(alone)


class Constant:
    """A network that predicts the same of every image."""

    class_names = ("cat", "dog", "hen")

    def __init__(self, *probabilities, kind="classes"):
        self.row, self.kind = np.array([probabilities], np.float32), kind

    def predict_proba(self, images):
        if self.kind == "targets":
            raise ConfigError("has no probabilities")
        return self.row.repeat(len(images), 0)

    def predict(self, images):
        row = {"labels": self.row > 0.5, "targets": self.row}.get(
            self.kind, np.array(self.class_names)[self.row.argmax(1)]
        )
        return row.repeat(len(images), 0)


def test_an_ensemble_averages_by_weight():
    ensemble = Ensemble([Constant(0.8, 0.1, 0.1), Constant(0.2, 0.7, 0.1)], [1, 3])
    found = ensemble.predict_proba([None] * 2)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [[0.35, 0.55, 0.1]] * 2, rtol=1e-6)
    assert list(ensemble.predict([None])) == ["dog"]
    assert repr(ensemble) == "<Ensemble of 2 networks, 3 outputs>"
    labels = Ensemble(
        [Constant(0.8, 0.1, 0.1, kind="labels"), Constant(0.4, 0.7, 0.1, kind="labels")], [1, 1]
    )
    assert labels.predict([None]).tolist() == [[True, False, False]]
    numbers = Ensemble([Constant(1.0, kind="targets"), Constant(4.0, kind="targets")], [2, 1])
    assert numbers.predict([None]).tolist() == [[2.0]]
    with pytest.raises(ConfigError, match="has no probabilities"):
        numbers.predict_proba([None])


def measures_together(networks, counts, dataset, measures):
    """Returns the measures of an ensemble, as the selection of its networks computes them."""
    task = networks[0].config.task.options.fitted(dataset)
    spread, back = _averaged_as(task)
    mean = np.average([spread(outputs_of(own, dataset)) for own in networks], 0, counts)
    found = _measuring(task, dataset)(back(mean).astype(np.float32), tuple(measures))
    return {name: float(value) for name, value in found.items()}


@pytest.mark.parametrize("kind", ["classification", "multi_label", "regression"])
def test_an_ensemble_is_measured_as_a_network_is(kind):
    """A network twice measures as once; two networks measure as their averages."""
    generator = np.random.default_rng(2)
    data = VALIDATION
    if kind != "classification":
        labels = generator.integers(0, 2, (70, 3))
        data = ImageDataset(
            VALIDATION.images, labels, kind="labels" if kind == "multi_label" else "targets"
        )
    options = {"task": kind, "outputs": data.num_classes, "input": [SIZE, SIZE, 1]}
    model = hptjax.Model(layers=LAYERS, **options)
    saved = [SavedNetwork(model, init_variables(model, jax.random.key(k)), {}) for k in range(2)]
    one, other = (network_of(own, "test") for own in saved)
    alone = one.evaluate(data)
    assert Ensemble([one, one], [1, 1]).evaluate(data) == pytest.approx(alone, rel=1e-4)
    both = Ensemble([one, other], [2, 1])
    expected = measures_together(saved, [2, 1], data, tuple(alone))
    assert both.evaluate(data) == pytest.approx(expected, rel=1e-4)
    if kind == "classification":
        found = both.per_class(data)
        right = (both.predict(data.images) == np.array(data.class_names)[data.labels]).sum()
        assert found.confusion.trace() == right
        assert "macro_f1" in both.evaluate(data, ["macro_f1"])
    else:
        with pytest.raises(ConfigError, match=f"per class: a {kind} has no classes"):
            both.per_class(data)
    assert repr(Ensemble([one], [1])).startswith("<Ensemble of 1 network, ")


def test_mistakes_about_ensembles_are_named():
    one = Constant(0.5, 0.3, 0.2)
    for networks, weights, message in (
        ([], [], "networks with a weight each, got 0 networks and 0 weights"),
        ([one], [1, 2], "got 1 networks and 2 weights"),
        ([one, one], [0, 0], r"at least 0, and one above it, got \[0.0, 0.0\]"),
        ([one, one], [1, -1], "at least 0"),
        ([one], [np.nan], "at least 0"),
    ):
        with pytest.raises(ConfigError, match=message):
            Ensemble(networks, weights)
    other = Constant(0.5, 0.3, 0.2)
    other.class_names = ("cat", "hen", "dog")
    with pytest.raises(ConfigError, match="must be of the same classes, in one order"):
        Ensemble([one, other], [1, 1])


def trial(number: int) -> TrialRecord:
    curves = {name: (0.5,) for name in ("train_loss", "val_loss")}
    facts = {"key": number, "genotype": (0.5,), "hparams": {}, "config": NETWORK.to_dict()}
    return TrialRecord(
        "random", number, status=Status.TRAINED, value=0.5, told=0.5, epochs=curves, **facts
    )


def test_files_of_the_best_come_and_go_and_their_ensemble_is_told(tmp_path, networks):
    folder, said = tmp_path / "kept", []
    study = fakes.study(strategies=("random",), keep_best=2)
    kept = KeptNetworks(folder, study, StudyData(images(96), VALIDATION), {}, notify=said.append)
    kept.only([])
    kept.finish([], find_metric("val_loss"))
    assert not folder.exists()
    trials = [trial(k) for k in range(4)]
    for own, network in zip(trials, networks, strict=True):
        kept.keep(own, network.variables)
    others = ("notes.txt", "mine-1.safetensors", "random-x.safetensors")
    for name in (*others, "random-9.safetensors.new"):
        (folder / name).write_text("of somebody else")
    kept.only(trials[2:])
    names = {path.name for path in folder.iterdir()}
    assert names == {"random-2.safetensors", "random-3.safetensors", *others}
    kept.finish(trials[2:], find_metric("val_loss"))
    told = json.loads((folder / "ensemble.json").read_text())
    expected = select(networks[2:], VALIDATION, find_metric("val_loss"), study.measures)
    both = zip(("random/2", "random/3"), expected.counts, strict=True)
    assert told["members"] == {name: count for name, count in both if count}
    assert told["measures"] == pytest.approx(expected.measures)
    members = [
        load_network(folder / f"{name.replace('/', '-')}.safetensors") for name in told["members"]
    ]
    ensemble = Ensemble(members, list(told["measures"] and told["members"].values()))
    predicted = ensemble.predict_proba(VALIDATION.images)
    loss = cross_entropy(VALIDATION.labels)(predicted)
    assert loss == pytest.approx(told["measures"]["loss"], rel=1e-5)
    kept.only(trials[2:])
    assert kept_ensemble(tmp_path).predict_proba(VALIDATION.images) == pytest.approx(predicted)
    kept.only([own for own in trials[2:] if f"random/{own.number}" != next(iter(told["members"]))])
    assert kept_ensemble(tmp_path) is None  # one of its networks is gone
    kept.finish(trials[2:], find_metric("val_loss"))
    assert "No ensemble: " in said[0]
    assert f"{next(iter(told['members'])).replace('/', '-')}.safetensors" in said[0]


@pytest.mark.parametrize("task", ["multi_label", "regression"])
def test_other_tasks_have_ensembles_too(task):
    """Labels by the mean of probabilities, numbers by the mean of numbers."""
    generator = np.random.default_rng(2)
    pixels = generator.integers(0, 256, (20, 6, 6, 1), np.uint8)
    labels = generator.integers(0, 2, (20, 2))
    targets = labels if task == "multi_label" else generator.normal(size=(20, 2))
    kind = "labels" if task == "multi_label" else "targets"
    dataset = ImageDataset(pixels, targets, kind=kind)
    model = hptjax.Model(layers=["flatten", "head"], task=task, input=[6, 6, 1], outputs=2)
    own = [SavedNetwork(model, init_variables(model, jax.random.key(k)), {}) for k in range(3)]
    found = select(own, dataset, find_metric("val_loss", task=model.task.options), ("loss",))
    alone = [evaluate_variables(model, n.variables, dataset)["loss"] for n in own]
    assert found.measures["loss"] <= min(alone) + 1e-6
    outputs = np.stack([outputs_of(n, dataset) for n in own]).astype(float)
    if task == "regression":
        mean = np.average(outputs, 0, found.counts)
        assert found.measures["loss"] == pytest.approx(((mean - targets) ** 2).mean(), rel=1e-5)
    else:
        mean = np.average(1 / (1 + np.exp(-outputs)), 0, found.counts)
        losses = -(targets * np.log(mean) + (1 - targets) * np.log(1 - mean))
        assert found.measures["loss"] == pytest.approx(losses.mean(), rel=1e-5)
