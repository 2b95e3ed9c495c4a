"""The law of exactness, row by row: padded is narrow after three steps of SGD, kernels or not.

One step would show no broken mask, for the weights that read dead channels are still zero, and the
CPU's kernels do not read them at all. Adam would show rounding alone.
"""

import numpy as np
import pytest

from hptjax.config.parts import ACTIVATIONS
from hptjax.models.choices import choices_of
from hptjax.models.signature import net_shape
from hptjax.ops import activations, native
from hptjax.population import Member
from tests.nets import config, recipe
from tests.padded import after, step_of, wider

HEAVY = {"sgd": {"momentum": 0.9, "nesterov": True}}
ONE = {"channels": (4,), "kernels": (3,), "strides": (2,)}  # a single block compiles faster


def network(**hparams):
    return recipe(config(lr=0.05, **ONE), optimizer=HEAVY, **hparams)


MAPS = [name for name in ACTIVATIONS.names() if name != "logsoftmax"]
ROWS = {f"mlp {name}": network(mlp_af_l0=name) for name in ACTIVATIONS.names()}
ROWS |= {f"block {name}": network(resnet_af_l0=name) for name in MAPS}
ROWS |= {
    "label smoothing": network(task__label_smoothing=0.2),
    "class weights": network().model_copy(
        update={"task": {"classification": {"class_weights": [0.5, 2.0] * 5}}}
    ),
    "no batch norm": network(mlp_bn_l0=False, mlp_af_l0="softplus"),
    "dropout": network(mlp_do_l0=0.4, mlp_af_l0="sigmoid"),
}
ALL = choices_of(ROWS.values())


@pytest.mark.parametrize("kernels", [True, False], ids=["kernels", "loops"])
@pytest.mark.parametrize("row", ROWS)
def test_three_steps_of_sgd_padded_are_three_narrow(row, kernels):
    member = Member(ROWS[row], 3)
    body = net_shape(member.config)
    narrow, velocity = after(member, body, 3, choices=ALL, kernels=kernels)
    padded, its_velocity = after(member, wider(body), 3, choices=ALL, kernels=kernels)
    for name, want in narrow.items():
        np.testing.assert_allclose(padded[name], want, rtol=0, atol=1e-6, err_msg=name)
        np.testing.assert_allclose(its_velocity[name], velocity[name], rtol=1e-5, atol=1e-5)


def difference(row, where, monkeypatch):
    """How far three steps padded end from three narrow, for maps in bfloat16, of its bound.

    The bound is 2^-6 of the largest change of a weight, four roundings of 2^-8. The 1e-6 of float32
    cannot hold: where two orders of a sum fall to either side of a border, one number of a map
    differs by 2^-8 of itself, and the smaller the sum that it enters the more it counts there.
    """
    member = Member(ROWS[row].model_copy(update={"precision": "bfloat16"}), 3)
    body, kernels = net_shape(member.config), where == "kernels"
    step_of.cache_clear()  # what is compiled does not know for which device it was traced
    monkeypatch.setattr(native, "for_accelerators", lambda: where == "accelerators")
    first, _ = after(member, body, 0)
    narrow, _ = after(member, body, 3, kernels=kernels)
    padded, _ = after(member, wider(body), 3, kernels=kernels)
    step_of.cache_clear()
    weights = [name for name in narrow if not name.endswith((".mean", ".var"))]
    change = max(abs(narrow[name] - first[name]).max() for name in weights)
    return max(abs(padded[name] - narrow[name]).max() for name in narrow) / (2**-6 * change)


@pytest.mark.parametrize("where", ["kernels", "loops", "accelerators"])
@pytest.mark.parametrize("row", ["block relu", "block sigmoid"])
def test_three_steps_with_maps_in_bfloat16_padded_are_three_narrow(row, where, monkeypatch):
    found = difference(row, where, monkeypatch)
    assert found == 0 if where == "kernels" else found < 1


def test_the_bound_for_bfloat16_would_catch_a_broken_mask(monkeypatch):
    monkeypatch.setattr(activations, "_padded", lambda activation, x, live: activation.fn(x))
    assert difference("block sigmoid", "loops", monkeypatch) > 4


@pytest.mark.parametrize("stride", [1, 2])
def test_three_steps_with_a_tpus_flat_maps_are_three_with_bands(stride, monkeypatch):
    own = config(lr=0.05, **{**ONE, "strides": (stride,)})
    member = Member(recipe(own, optimizer=HEAVY), 3)
    body = wider(net_shape(member.config))
    bands, velocity = after(member, body, 3, kernels=False)
    step_of.cache_clear()  # what is compiled does not know for which device it was traced
    monkeypatch.setattr(native, "for_tpu", lambda: True)
    flat, its_velocity = after(member, body, 3, kernels=False)
    step_of.cache_clear()
    for name, want in bands.items():
        np.testing.assert_allclose(flat[name], want, rtol=0, atol=1e-6, err_msg=name)
        np.testing.assert_allclose(its_velocity[name], velocity[name], rtol=1e-5, atol=1e-5)
