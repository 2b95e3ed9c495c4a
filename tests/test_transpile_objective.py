"""The objective: vectors in, losses out, a batch as one population. The engine is faked here."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from hptjax.config.load import load_model_config
from hptjax.data.dataset import ImageDataset
from hptjax.errors import ConfigError
from hptjax.search import objective as module
from hptjax.search.objective import make_objective
from hptjax.space import Categorical, Float, Integer, Space
from tests.compilations import count_compilations

MODEL = load_model_config(Path(__file__).parents[1] / "configs" / "model.yaml")
MODEL = MODEL.model_copy(update={"init_length": 12, "init_width": 12})


def images(n: int) -> ImageDataset:
    rng = np.random.default_rng(n)
    names = tuple("abcd")
    pixels = rng.integers(0, 256, (n, 12, 12, 1)).astype(np.uint8)
    return ImageDataset(pixels, rng.integers(0, 4, n).astype(np.int32), names, "noise")


TRAIN, VALIDATION = images(140), images(20)


@pytest.fixture
def calls(monkeypatch):
    """Calls of the engine; the loss of a config is its lr x its channels, in the last epoch."""
    seen = []

    def evaluate(configs, *, epochs, seed, **images):
        seen.append((configs, epochs, seed))
        loss = [c.lr * c.resnet_config.block_list[0].out_channels for c in configs]
        return {"val_loss": np.stack([np.full(len(configs), 9.0)] * (epochs - 1) + [loss])}

    monkeypatch.setattr(module, "evaluate_population", evaluate)
    monkeypatch.setattr(
        module, "_SpaceEvaluator", lambda problem, data, **options: partial(evaluate, **options)
    )
    return seen


def test_a_vector_gives_a_float_and_a_batch_one_call(calls):
    fx = make_objective(
        MODEL, ["lr", "resnet_out_channels_l0"], TRAIN, VALIDATION, epochs=3, seed=5
    )
    assert fx([0.5, 7.6]) == pytest.approx(4.0)
    losses = fx(np.array([[0.1, 10], [0.2, 10], [0.3, 10]]))
    np.testing.assert_allclose(losses, [1, 2, 3])
    assert [(len(configs), epochs, seed) for configs, epochs, seed in calls] == [
        (1, 3, 5),
        (3, 3, 5),
    ]
    config = calls[0][0][0]
    assert (config.init_length, config.mlp_config.block_list[-1].out_size) == (12, 4)


def test_infeasible_and_diverged_networks_are_inf_and_the_others_keep_their_places(calls):
    fx = make_objective(MODEL, ["resnet_stride_l0", "lr"], TRAIN, VALIDATION)
    losses = fx([[6, 1.0], [1, 1.0], [1, 1e308]])
    np.testing.assert_array_equal(losses, [np.inf, 16.0, np.inf])
    assert len(calls[0][0]) == 2
    assert fx([6, 1.0]) == np.inf
    assert len(calls) == 1  # nothing to train


def test_choices_with_a_space(calls):
    space = Space(
        {
            "mlp_af_l0": Categorical(("relu", "tanh")),
            "batch_size": Categorical((64, 128)),
            "mlp_bn_l0": Categorical((False, True)),
            "lr": Float(0.01, 1),
            "mlp_out_l0": Integer(2, 9),
        }
    )
    fx = make_objective(MODEL, space, TRAIN, VALIDATION)
    fx([1, 128, 0.2, 0.5, 3.4])
    config = calls[0][0][0]
    layer = config.mlp_config.block_list[0]
    assert (layer.activation_fun, config.batch_size, layer.batch_norm) == ("tanh", 128, False)
    assert layer.out_size == 3
    with pytest.raises(ConfigError, match=r"lr: must be a number in \[0.01, 1.0\], got 2.0"):
        fx([1, 128, 0.2, 2.0, 3])
    with pytest.raises(ConfigError, match="mlp_af_l0: must be a position in its 2 choices"):
        fx([2, 128, 0.2, 0.5, 3])


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["lrr"], "lrr: unknown hparam; did you mean 'lr'"),
        (["lr", "lr"], "must not repeat"),
        (["mlp_af_l0"], "mlp_af_l0: a text needs its choices"),
    ],
)
def test_names_are_checked_before_anything_is_trained(names, message):
    with pytest.raises(ConfigError, match=message):
        make_objective(MODEL, names, TRAIN, VALIDATION)


def test_points_of_the_wrong_length(calls):
    fx = make_objective(MODEL, ["lr"], TRAIN, VALIDATION)
    with pytest.raises(ConfigError, match=r"shape \[1\] or \[n, 1\], got \[2\]"):
        fx([0.1, 0.2])


@pytest.mark.slow
def test_with_a_space_the_engine_compiles_once_and_no_more_for_smaller_batches():
    space = Space({"lr": Float(0.001, 0.1), "resnet_out_channels_l1": Integer(2, 9)})
    fx = make_objective(MODEL, space, TRAIN, VALIDATION)
    batch = fx([[0.002, 8], [0.01, 4], [0.001, 3]])
    fx([0.02, 5])
    with count_compilations() as compiled:
        assert fx([0.002, 8]) == batch[0]
        fx([[0.05, 2], [0.03, 9]])
    assert compiled == []
    by_names = make_objective(MODEL, space.names, TRAIN, VALIDATION)  # at the exact shapes
    assert by_names([0.002, 8]) == pytest.approx(batch[0], rel=1e-4)


@pytest.mark.slow
def test_with_the_engine_a_point_has_the_same_loss_alone_and_in_a_batch():
    fx = make_objective(MODEL, ["lr", "resnet_out_channels_l1"], TRAIN, VALIDATION, epochs=1)
    batch = fx([[0.002, 8], [0.01, 12.4], [0.001, 3]])
    assert fx([0.002, 8]) == pytest.approx(batch[0], rel=1e-4)
    assert len(set(batch)) == 3
