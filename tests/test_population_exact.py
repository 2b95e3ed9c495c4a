"""One step, padded against narrow, to float rounding: for every kind of hparam, by itself.

The narrow program holds what its member needs, the padded one all that the members here can have.
"""

import numpy as np
import pytest

from hptjax.models.choices import choices_of
from hptjax.models.signature import net_shape
from hptjax.population import Member
from tests.nets import config
from tests.padded import after, wider

ONE = {"channels": (4,), "kernels": (3,), "strides": (2,)}  # a single block compiles faster
KINDS = {
    "lr": {"lr": 0.02},
    "weight_decay": {"weight_decay": 0.3},
    "beta_1": {"betas": (0.5, 0.999)},
    "beta_2": {"betas": (0.9, 0.9)},
    "mlp_af none": {"activation": "none"},
    "mlp_af tanh": {"activation": "tanh"},
    "mlp_af sigmoid": {"activation": "sigmoid"},
    "mlp_af logsoftmax": {"activation": "logsoftmax"},
    "mlp_bn": {"batch_norm": False},
    "mlp_do": {"dropout": 0.4},
    "batch_size, first_conv": {**ONE, "batch_size": 24, "first": (3, 5, 2, "same")},
    "resnet_kernel_size, resnet_stride": {**ONE, "kernels": (5,), "strides": (3,)},
    "even kernel, stride 1, no pool": {**ONE, "kernels": (2,), "strides": (1,), "pool": 1},
    "resnet_out_channels, mlp_out": {**ONE, "channels": (3,), "units": 3},
}
RUNNING = (".mean", ".var")
ANY = choices_of(config(**kind) for kind in KINDS.values())


@pytest.mark.parametrize("kind", KINDS)
def test_one_step_padded_is_one_step_narrow(kind):
    member = Member(config(**KINDS[kind]), 3)
    body = net_shape(member.config)
    narrow, gradient = after(member, body, 1)
    padded, padded_gradient = after(member, wider(body), 1, choices=ANY)
    size = max(abs(g).max() for name, g in gradient.items() if not name.endswith(RUNNING))
    for name, want in narrow.items():
        np.testing.assert_allclose(padded_gradient[name], gradient[name], rtol=0, atol=1e-5 * size)
        # Adam's first step is lr times the gradient's sign: where the gradient is all rounding, so
        # is the step.
        sure = (abs(gradient[name]) > 1e-5) | name.endswith(RUNNING)
        np.testing.assert_allclose(padded[name][sure], want[sure], rtol=0, atol=1e-6, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mlp_af sigmoid", "mlp_do", "resnet_out_channels, mlp_out"])
def test_fifty_steps_padded_stay_with_fifty_narrow(kind):
    """Rounding differs in the last bit from the first step on, and Adam carries it along.

    A weight moves by at most lr = 3e-3 a step; after 50 steps the two differ by less than a third
    of one step.
    """
    member = Member(config(**KINDS[kind]), 3)
    body = net_shape(member.config)
    narrow, _ = after(member, body, 50)
    padded, _ = after(member, wider(body), 50, choices=ANY)
    for name, want in narrow.items():
        np.testing.assert_allclose(padded[name], want, rtol=0, atol=1e-3, err_msg=name)
