"""Networks of all kinds of layers in one call: each equals its own run alone."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from hptjax.config.model import Model
from hptjax.population import Member, PopulationTrainer, make_plan
from tests.alone import alone
from tests.nets import SIZE, config, images

TRAIN, VALIDATION = images(48), images(40, seed=1)
HEAVY = {"sgd": {"momentum": 0.9, "nesterov": True}}


def network(*layers, **recipe) -> Model:
    tree = {"layers": [*layers, "head"], "optimizer": HEAVY, "lr": 0.05, "batch_size": 16}
    return Model.from_dict({**tree, **recipe, "input": [SIZE, SIZE, 1], "outputs": 10})


def plain(channels: int, units: int, **recipe) -> Model:
    conv = {"out_channels": channels, "norm": "batch", "activation": "relu"}
    linear = {"out_features": units, "activation": "softplus", "dropout": 0.3}
    return network({"conv": conv}, {"max_pool": 2}, "flatten", {"linear": linear}, **recipe)


def deep(channels: int, **recipe) -> Model:
    stem = {"out_channels": channels, "norm": {"group": 2}, "activation": "gelu"}
    block = {"label": "stage", "depth": 2, "out_channels": 6, "stride": [2, 1]}
    return network({"conv": stem}, {"residual": block}, "global_avg_pool", **recipe)


def odd(channels: int, **recipe) -> Model:
    conv = {"out_channels": channels, "kernel_size": [2, 3], "dilation": 2, "activation": "silu"}
    wide = {"out_channels": channels + 2, "norm": "layer", "activation": "relu"}
    maps = {"rate": 0.2, "maps": True}
    return network(
        {"conv": conv}, {"dropout": maps}, {"separable": wide}, {"avg_pool": 3}, "flatten", **recipe
    )


NETWORKS = [
    plain(3, 5),
    plain(7, 4, optimizer={"adam": {"epsilon": 1e-3}}, lr=3e-3, weight_decay=1e-3),
    deep(4, lr_schedule="cosine", warmup=0.2),
    deep(8, augment=["flip"]),
    odd(2),
    odd(5, task={"classification": {"label_smoothing": 0.1}}),
    config(channels=(4,), kernels=(3,), strides=(2,)).model_copy(
        update={"optimizer": HEAVY, "lr": 0.02}
    ),
]
MEMBERS = [Member(own, 20 + k) for k, own in enumerate(NETWORKS)]
PLAN = make_plan(NETWORKS, max_bodies=1)  # one body for each signature


def trained(members, **options):
    trainer = PopulationTrainer(PLAN, TRAIN, VALIDATION, seed=3, horizon=1, **options)
    state, metrics = trainer.epoch(trainer.start(members))
    return trainer, state, metrics


@pytest.fixture(scope="module")
def population():
    return trained(MEMBERS)


@pytest.fixture(scope="module")
def references():
    return [alone(member, 3, TRAIN, VALIDATION, 1)[0] for member in MEMBERS]


def agree(trainer, state, references):
    for k, expected in enumerate(references):

        def compare(path, ours, theirs, k=k):
            where = f"member {k}{jax.tree_util.keystr(path)}"
            np.testing.assert_allclose(ours, theirs, atol=1e-5, err_msg=where)

        jax.tree.map_with_path(compare, trainer.variables(state, k), expected)


@pytest.mark.slow
def test_members_of_all_kinds_train_for_an_epoch_as_if_alone(population, references):
    assert len(PLAN.bodies) == 4
    trainer, state, _ = population
    agree(trainer, state, references)


@pytest.mark.slow
def test_members_side_by_side_train_for_an_epoch_as_if_alone(references):
    trainer, state, _ = trained(MEMBERS, devices=jax.devices()[:1], lanes=2)
    agree(trainer, state, references)


def test_another_mix_compiles_nothing_and_a_diverging_member_moves_no_other(population):
    trainer, _, metrics = population
    before = trainer.compilations
    wild = [replace(MEMBERS[0], config=plain(3, 5, lr=1e30)), *MEMBERS[1:3], *MEMBERS[4:]]
    _, others = trainer.epoch(trainer.start(wild))
    assert trainer.compilations == before
    assert not np.isfinite(others["val_loss"][0])
    for name, values in others.items():
        np.testing.assert_array_equal(values[1:], np.delete(metrics[name], [0, 3]))


@pytest.mark.slow
def test_places_change_no_bit(population):
    _, _, metrics = population
    _, _, others = trained(MEMBERS, devices=jax.devices()[:1])
    for name, values in others.items():
        np.testing.assert_array_equal(values, metrics[name])
