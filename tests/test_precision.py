"""Networks whose training steps keep maps in bfloat16, beside others and by themselves."""

import pickle
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hptjax.cli.describe import bodies_table
from hptjax.config.geometry import ImageSpec
from hptjax.config.model import Model
from hptjax.config.schema import ModelConfig
from hptjax.errors import ConfigError
from hptjax.models import evaluate_variables
from hptjax.models.signature import signature_of
from hptjax.ops import conv, depthwise, native, stored
from hptjax.population import Member, PopulationTrainer, make_plan
from hptjax.space import Space
from hptjax.transpile import Problem
from hptjax.transpile.identity import as_computed
from tests.nets import SIZE, config, images

TRAIN, VALIDATION = images(64), images(40, seed=1)
RNG = np.random.default_rng(0)


def network(channels: int, precision: str, **recipe) -> Model:
    wide = {"out_channels": channels, "stride": 2, "norm": "batch", "activation": "relu"}
    layers = [
        {"conv": wide},
        {"conv": {"out_channels": 3, "activation": "silu"}},
        "global_avg_pool",
    ]
    tree = {"layers": [*layers, "head"], "batch_size": 16, "lr": 0.01, "precision": precision}
    return Model.from_dict({**tree, **recipe, "input": [SIZE, SIZE, 1], "outputs": 10})


NETWORKS = [
    network(3, "float32"),
    network(3, "bfloat16"),
    network(6, "float32"),
    network(6, "bfloat16", lr=0.02),
]
MEMBERS = [Member(own, 20 + k % 2) for k, own in enumerate(NETWORKS)]
PLAN = make_plan(NETWORKS, max_bodies=1)  # one body for each signature


def is_short(x) -> bool:
    return np.array_equal(x, x.astype(jnp.bfloat16).astype(np.float32))


@pytest.fixture(scope="module")
def trained():
    trainer = PopulationTrainer(PLAN, TRAIN, VALIDATION, seed=3, horizon=1)
    state, metrics = trainer.epoch(trainer.start(MEMBERS))
    return trainer, state, metrics


def same(trainer, members, metrics, places):
    """Trains members; holds their metrics against those of these places, bit by bit."""
    compiled = trainer.compilations
    state, others = trainer.epoch(trainer.start(members))
    assert trainer.compilations == compiled
    for name, values in others.items():
        np.testing.assert_array_equal(values, metrics[name][places])
    return state


def test_each_precision_has_a_body_and_they_differ_by_little(trained):
    _, _, metrics = trained
    assert len(PLAN.bodies) == 2
    short, long = metrics["train_loss"][1], metrics["train_loss"][0]
    own = replace(MEMBERS[1], config=NETWORKS[0])
    trainer, *_ = trained
    twin = trainer.epoch(trainer.start([own]))[1]["train_loss"][0]
    assert short != long  # other keys
    assert 0 < abs(short - twin) < 0.01


def test_float32_networks_are_the_same_without_those_of_bfloat16_and_the_other_way(trained):
    trainer, _, metrics = trained
    same(trainer, MEMBERS[::2], metrics, [0, 2])
    same(trainer, MEMBERS[1::2], metrics, [1, 3])


def test_order_moves_no_bit_and_compiles_nothing(trained):
    trainer, _, metrics = trained
    same(trainer, MEMBERS[::-1], metrics, [3, 2, 1, 0])


def test_a_diverging_network_of_bfloat16_moves_no_other(trained):
    trainer, _, metrics = trained
    wild = replace(MEMBERS[1], config=network(3, "bfloat16", lr=1e30))
    _, others = trainer.epoch(trainer.start([MEMBERS[0], wild, *MEMBERS[2:]]))
    assert not np.isfinite(others["val_loss"][1])
    for name, values in others.items():
        np.testing.assert_array_equal(np.delete(values, 1), np.delete(metrics[name], 1))


def test_places_move_no_bit(trained):
    _, _, metrics = trained
    one = PopulationTrainer(PLAN, TRAIN, VALIDATION, seed=3, horizon=1, devices=jax.devices()[:1])
    _, others = one.epoch(one.start(MEMBERS))
    for name, values in others.items():
        np.testing.assert_array_equal(values, metrics[name])


def test_padding_stays_zero_and_evaluation_is_that_of_the_exported_network(trained):
    trainer, state, metrics = trained
    for k, member in enumerate(MEMBERS):
        own = evaluate_variables(member.config, trainer.variables(state, k), VALIDATION)
        np.testing.assert_allclose(own["loss"], metrics["val_loss"][k], rtol=1e-5)
    alone = PopulationTrainer(
        make_plan([NETWORKS[1]]), TRAIN, VALIDATION, seed=3, horizon=1, devices=jax.devices()[:1]
    )
    narrow, _ = alone.epoch(alone.start([MEMBERS[1]]))
    jax.tree.map(
        np.testing.assert_array_equal, alone.variables(narrow, 0), trainer.variables(state, 1)
    )


@pytest.mark.parametrize("platform", ["cpu", "cuda"])
def test_a_program_of_float32_holds_no_bfloat16(platform):
    texts = []
    for own in NETWORKS[:2]:
        trainer = PopulationTrainer(make_plan([own]), TRAIN, VALIDATION, seed=3, horizon=1)
        texts.append(trainer.lower([Member(own, 0)], [platform]).as_text())
    name, other = ("bf16", "reduce_precision")[:: 1 if platform == "cuda" else -1]
    assert name not in texts[0]
    assert other not in texts[0]
    assert name in texts[1]
    assert other not in texts[1]


@pytest.mark.parametrize("where", ["cpu", "accelerators"])
def test_maps_and_their_gradients_are_rounded_and_those_of_kernels_are_not(where, monkeypatch):
    monkeypatch.setattr(native, "for_accelerators", lambda: where == "accelerators")
    x, w = (jnp.float32(RNG.normal(size=size)) for size in ((2, 5, 5, 3), (3, 3, 3, 2)))

    def convolved(x, w):
        return stored.convolve(conv.conv, stored.keep(x), w, padding=(1, 1))

    with native.left_out():
        y, back = jax.vjp(convolved, x, w)
        dx, dw = back(jnp.cos(y))
        plain = conv.conv(stored.keep(x), stored.kernel(w), padding=(1, 1))
    assert [is_short(a) for a in (x, w, y, dx, dw)] == [False, False, True, True, False]
    assert {a.dtype.name for a in (y, dx, dw)} == {"float32"}
    np.testing.assert_allclose(y, plain, rtol=0, atol=0.06)


def test_gradients_of_oblong_kernels_keep_float32(monkeypatch):
    monkeypatch.setattr(native, "for_accelerators", lambda: True)
    x, w = (jnp.float32(RNG.normal(size=size)) for size in ((2, 5, 5, 3), (3, 1, 3, 2)))
    pads = ((0, 0), (1, 1))
    with native.left_out():
        y, back = jax.vjp(lambda w: stored.convolve(conv.conv, x, w, padding=pads), w)
        (dw,) = back(jnp.ones_like(y))
    assert is_short(y)
    assert not is_short(dw)


def test_kernels_of_depthwise_layers_are_rounded_and_their_gradients_are_not():
    w = jnp.float32(RNG.normal(size=(2, 3, 3)))
    x = jnp.float32(RNG.normal(size=(2, 5, 5, 3)))
    dw = jax.grad(lambda w: (depthwise.depthwise(x, stored.kernel(w)) ** 2).sum())(w)
    assert is_short(stored.kernel(w))
    assert not is_short(dw)


def test_it_is_part_of_the_signature_also_in_another_process():
    own, other = map(signature_of, NETWORKS[:2])
    assert own != other
    assert pickle.loads(pickle.dumps(other)) == other
    assert hash(pickle.loads(pickle.dumps(other))) == hash(other)
    assert as_computed(NETWORKS[0]) != as_computed(NETWORKS[1])


def test_a_space_may_choose_it_and_configs_without_it_are_written_as_before():
    space = Space.from_dict({"precision": {"choices": ["float32", "bfloat16"]}})
    problem = Problem(config(), space, ImageSpec(SIZE, SIZE, 1, 10))
    built = [problem.build({"precision": word}).config for word in ("float32", "bfloat16")]
    assert len(make_plan(built).bodies) == 2
    assert [own.to_dict().get("precision") for own in built] == [None, "bfloat16"]
    assert ModelConfig.from_dict(built[1].to_dict()) == built[1]
    assert "precision" not in NETWORKS[0].to_dict()
    assert Model.from_dict(NETWORKS[1].to_dict()) == NETWORKS[1]


def test_describe_tells_the_precision_of_bodies_if_it_is_not_float32():
    tables = bodies_table(PLAN, NETWORKS), bodies_table(make_plan(NETWORKS[:1]), NETWORKS[:1])
    headers = [[str(column.header) for column in table.columns] for table in tables]
    assert headers == [["batch", "precision", "layers", "share"], ["batch", "layers", "share"]]
    assert {str(cell) for cell in tables[0].columns[1].cells} == {"bfloat16", "float32"}


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ("bf16", "hptjax calls it 'bfloat16'"),
        ("float16", "did you mean 'bfloat16'"),
        ("fp16", "write precision: bfloat16"),
        ("half", "write precision: bfloat16"),
        ("FP32", "hptjax calls it 'float32'"),
    ],
)
def test_an_unknown_precision_is_told_the_nearest(given, hint):
    with pytest.raises(ConfigError, match=f"unknown precision .{given}.; .*{hint}"):
        network(3, given)


def test_a_class_of_the_users_own_is_refused():
    tree = {"flax": {"module": "tests.own_nets:Plain"}, "precision": "bfloat16"}
    with pytest.raises(ConfigError, match="precision: must be float32 for a Flax class"):
        Model.from_dict(tree)
