"""A space of networks: its cover, the widest of a signature, names that do not fit."""

import numpy as np
import pytest

from hptjax.config.geometry import ImageSpec
from hptjax.config.model import Model
from hptjax.errors import ConfigError
from hptjax.models.signature import signature_of, widths_of
from hptjax.space import Float, Integer, Space
from hptjax.transpile import Problem
from hptjax.transpile.problem import MAX_SIGNATURES
from tests.walk import BIG, GREY, MODEL, TRIAL1


def test_the_cover_holds_all_that_the_space_can_produce():
    covered = [(signature_of(c), widths_of(c)) for c in Problem(MODEL, TRIAL1, GREY).cover()]
    assert len({signature for signature, _ in covered}) == 3  # one per stride
    for hparams in [*TRIAL1.sample(200, np.random.default_rng(9)), *TRIAL1.grid()[::7]]:
        config = Problem(MODEL, TRIAL1, GREY).build(hparams).config
        signature, widths = signature_of(config), widths_of(config)
        assert any(s == signature and widths.fits(w) for s, w in covered)


def test_the_cover_is_deterministic_and_leaves_out_what_cannot_be_built():
    space = Space({"resnet_stride_l0": Integer(1, 20), "mlp_out_l0": Integer(2, 5)})
    first, second = (Problem(MODEL, space, GREY).cover() for _ in range(2))
    assert first == second
    assert {c.resnet_config.block_list[0].stride for c in first} == set(range(1, 14))
    text = "No point of the space .* of 2x2: the feature maps are 1x1 after"
    with pytest.raises(ConfigError, match=text):
        Problem(MODEL, space, ImageSpec(2, 2, 1, 10)).cover()


def test_a_space_without_any_network_names_the_layer_that_cannot_be_built():
    model = Model(layers=[*["max_pool"] * 6, "flatten", "head"])
    where = r"model\.layers\.4 \(max_pool4\): the maps are 1 x 1, .* lower size"
    with pytest.raises(ConfigError, match=rf"of 28x28: {where}"):
        Problem(model, Space({"lr": Float(0.1, 1)}), GREY).cover()
    with pytest.raises(ConfigError, match=rf"of 28x28: most often, {where}"):
        Problem(model, Space({"max_pool4.size": Integer(2, 4)}), GREY).cover()


def test_of_many_signatures_the_cover_keeps_the_most_frequent():
    space = Space({"batch_size": Integer(2, 500), "mlp_out_l0": Integer(2, 50)})
    configs = Problem(MODEL, space, GREY).cover()
    sizes = {config.batch_size for config in configs}
    assert len(sizes) == MAX_SIGNATURES
    for size in sizes:
        units = [widths_of(c).values[-2] for c in configs if c.batch_size == size]
        assert max(units) == 50


def test_continuous_static_hparams_are_enumerated_by_their_rounded_values():
    space = Space({"resnet_stride_l0": Float(1, 3), "mlp_do_l0": Float(0, 0.5)})
    configs = Problem(BIG, space, ImageSpec(32, 32, 3, 10)).cover()
    assert [c.resnet_config.block_list[0].stride for c in configs[:3]] == [1, 2, 3]


def test_the_widest_network_of_a_signature_holds_its_members():
    problem = Problem(MODEL, TRIAL1, GREY)
    for hparams in TRIAL1.sample(20, np.random.default_rng(3)):
        config = problem.build(hparams).config
        widest = problem.widest(config)
        assert signature_of(widest) == signature_of(config)
        assert widths_of(config).fits(widths_of(widest))


def test_a_problem_refuses_a_name_that_the_network_does_not_have():
    with pytest.raises(ConfigError, match="resnet_stride_l7: the model has 2 residual blocks"):
        Problem(MODEL, Space({"resnet_stride_l7": Integer(1, 2)}), GREY)
