"""Parity with PyTorch, on frozen arrays.

experiments/make_torch_reference.py made them, with torch 2.13 in float64 arithmetic.
"""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hptjax.config.schema import ModelConfig
from hptjax.models.choices import choices_of
from hptjax.models.classifier import Classifier
from hptjax.models.forward import cross_entropy, forward
from hptjax.models.signature import net_shape
from hptjax.models.variables import exact_variables
from hptjax.models.weights import layouts, statistics, weights
from hptjax.population.epoch import MemberState, TracedHparams, train_step
from hptjax.population.pack import Member, place, traced_hparams
from hptjax.population.plan import make_plan

ARRAYS = np.load(Path(__file__).parent / "data" / "torch_reference.npz")
CASES = sorted({name.split("/")[0] for name in ARRAYS.files})
TORCH = {"kernel": "weight", "bias": "bias", "scale": "weight", "shift": "bias"}
TORCH |= {"mean": "running_mean", "var": "running_var"}


STAGES = {"norm1": "bn1", "norm2": "bn2", "norm_projection": "bn_proj", "norm": "bn"}
STAGES |= {"projection": "conv_proj"}


def torch_stage(stage: str) -> str:
    """Returns the name of a part of a layer in PyTorch's network."""
    if stage == "first_conv.conv":
        return "first_conv"
    layer, own = stage.rsplit(".", 1)
    return f"{layer}.{STAGES.get(own, own)}"


def load(case: str) -> ModelConfig:
    return ModelConfig.from_dict(json.loads(ARRAYS[f"{case}/config"].item()))


def flat(case: str, group: str, config: ModelConfig, kinds) -> dict[str, np.ndarray]:
    """One group of frozen arrays under the population's names and in its layout."""
    out = {}
    for name, weight in kinds.items():
        stage, part = name.rsplit(".", 1)
        key = f"{case}/{group}/{torch_stage(stage)}.{TORCH[part]}"
        if key not in ARRAYS.files:
            assert stage.startswith("mlp")  # of a norm that the net does not have
            assert stage.endswith("norm")
            out[name] = np.full(weight.shape, weight.fill, np.float32)
            continue
        value = ARRAYS[key]
        if part == "kernel" and value.ndim == 4:
            value = value.transpose(0, 2, 3, 1)
        out[name] = value.reshape(weight.shape)
    return out


def member(config: ModelConfig) -> TracedHparams:
    plan = make_plan([config])
    members = [Member(config, 0)]
    packed = traced_hparams(plan, members, place(plan, members, 1), 1)
    return jax.tree.map(lambda t: jnp.asarray(t[0]), packed)


def start(case: str, config: ModelConfig) -> MemberState:
    body = net_shape(config)
    params = flat(case, "init", config, weights(body))
    stats = flat(case, "init", config, statistics(body))
    weight_layout, running_layout = layouts(net_shape(config))
    vector = weight_layout.join(params)
    return MemberState(vector, running_layout.join(stats), (vector * 0, vector * 0), jnp.int32(0))


def split(config: ModelConfig, state: MemberState):
    """Weights and running statistics by name."""
    weight_layout, running_layout = layouts(net_shape(config))
    return weight_layout.split(state.params), running_layout.split(state.stats)


def images_last(x: np.ndarray) -> jnp.ndarray:
    """NCHW -> [C, H, W, B]."""
    return jnp.asarray(x.transpose(1, 2, 3, 0))


@pytest.mark.parametrize("case", CASES)
def test_padded_form_equals_pytorch(case):
    config = load(case)
    body = net_shape(config)
    state, traced = start(case, config), member(config)
    x, labels = (
        images_last(ARRAYS[f"{case}/images"]),
        jnp.asarray(ARRAYS[f"{case}/labels"], jnp.int32),
    )

    params, stats = split(config, state)

    def objective(params):
        logits, _ = forward(
            body.signature, choices_of([config]), params, stats, x, traced.numbers, train=True
        )
        return cross_entropy(logits, labels).mean(), logits

    (loss, logits), grads = jax.jit(jax.value_and_grad(objective, has_aux=True))(params)
    # Log-probabilities: the frozen logits may have passed a log-softmax, which the loss ignores.
    np.testing.assert_allclose(
        jax.nn.log_softmax(logits.T), jax.nn.log_softmax(ARRAYS[f"{case}/logits"]), atol=1e-5
    )
    np.testing.assert_allclose(loss, ARRAYS[f"{case}/loss"], atol=1e-5)
    for name, want in flat(case, "grad", config, weights(body)).items():
        if f"{case}/grad/{name.rsplit('.', 1)[0]}.weight" in ARRAYS.files:
            np.testing.assert_allclose(grads[name], want, atol=1e-5, err_msg=name)

    key = jax.random.key(0)
    step = jax.jit(
        lambda s: train_step(body, choices_of([config]), s, traced, x, labels, key, 1.0)[0]
    )
    for count in range(1, 6):
        state = step(state)
        if count == 1:
            compare(case, "step1", config, state, 1e-5)
    compare(case, "step5", config, state, 5e-5)


def compare(case, group, config, state, tolerance):
    body = net_shape(config)
    kinds = weights(body) | statistics(body)
    arrays = split(config, state)
    for name, want in flat(case, group, config, kinds).items():
        stage, part = name.rsplit(".", 1)
        if f"{case}/{group}/{stage}.{TORCH[part]}" in ARRAYS.files:
            got = (arrays[0] | arrays[1])[name]
            np.testing.assert_allclose(got, want, atol=tolerance, err_msg=f"{group} {name}")


@pytest.mark.parametrize("case", CASES)
def test_flax_classifier_equals_pytorch(case):
    config = load(case)
    body = net_shape(config)
    kinds = weights(body) | statistics(body)
    x = jnp.asarray(ARRAYS[f"{case}/images"].transpose(0, 2, 3, 1))
    model = Classifier.from_config(config)

    variables = exact_variables(config, flat(case, "init", config, kinds))
    logits, _ = model.apply(variables, x, train=True, mutable=["batch_stats"])
    want = jax.nn.log_softmax(ARRAYS[f"{case}/logits"])
    np.testing.assert_allclose(jax.nn.log_softmax(logits), want, atol=1e-5)

    trained = exact_variables(config, flat(case, "step5", config, kinds))
    want = jax.nn.log_softmax(ARRAYS[f"{case}/eval_logits"])
    np.testing.assert_allclose(
        jax.nn.log_softmax(model.apply(trained, x, train=False)), want, atol=1e-5
    )
    # Flax draws the same structure that the engine exports.
    fresh = model.init(jax.random.key(0), x, train=False)
    assert jax.tree.map(jnp.shape, fresh) == jax.tree.map(jnp.shape, variables)
