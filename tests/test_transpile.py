"""Apply and repair: laws for any network and any point, checked by an independent size walker."""

import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hptjax.config.geometry import ImageSpec
from hptjax.config.hparams import bind
from hptjax.config.schema import ModelConfig
from hptjax.errors import ConfigError
from hptjax.models.signature import signature_of
from hptjax.space import Categorical, Float, Integer, Space
from hptjax.transpile import (
    TABLE,
    Infeasible,
    Problem,
    apply_hparams,
    build,
    hparam_names,
    repair,
    with_hparams,
)
from hptjax.transpile.apply import apply_bound
from tests.walk import GREY, MODEL, walk

SMALL = st.integers(1, 7)
PADDING = st.one_of(st.just("same"), st.integers(0, 4))


@st.composite
def models(draw):
    def conv():
        return {
            "in_channels": draw(SMALL),
            "out_channels": draw(SMALL),
            "kernel_size": draw(SMALL),
            "stride": draw(st.integers(1, 4)),
            "padding": draw(PADDING),
        }

    layers = [{"in_size": draw(SMALL), "out_size": draw(SMALL)} for _ in range(draw(SMALL))]
    return ModelConfig.from_dict(
        {
            "resnet_config": {
                "first_conv": conv(),
                "block_list": [conv() for _ in range(draw(st.integers(0, 4)))],
                "pool_size": draw(st.integers(1, 3)),
            },
            "mlp_config": {"block_list": layers},
        }
    )


IMAGES = st.builds(
    ImageSpec,
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    channels=st.integers(1, 3),
    classes=st.integers(2, 12),
)


@st.composite
def points(draw):
    """A network, a space of hparams that it has, and a point decoded from it."""
    model = draw(models())
    kinds = {
        "lr": Float(1e-4, 1, log=True),
        "weight_decay": Float(0, 1),
        "beta_1": Float(0, 0.99),
        "beta_2": Float(0, 0.99),
        "batch_size": Categorical((2, 64)),
        "precision": Categorical(("float32", "bfloat16")),
        "resnet_out_channels": Integer(1, 9),
        "resnet_kernel_size": Integer(1, 9),
        "resnet_stride": Float(1, 4),  # a continuous strategy's: to be rounded
        "resnet_padding": Categorical((0, 1, 2, 3, "same")),
        "mlp_out": Float(1, 20),
        "mlp_af": Categorical(("relu", "none", "tanh", "sigmoid", "logsoftmax")),
        "mlp_bn": Float(0, 1),
        "mlp_do": Float(0, 0.9),
        "resnet_af": Categorical(("relu", "none", "gelu")),
        "optimizer": Categorical({"adam": "adam", "heavy": {"sgd": {"momentum": 0.9}}}),
        "optimizer.epsilon": Float(1e-9, 0.1, log=True),
        "lr_schedule": Categorical(("constant", "cosine")),
        "warmup": Float(0, 0.9),
        "augment": Categorical({"none": False, "some": ["flip", {"crop": 2}]}),
        "task.label_smoothing": Float(0, 0.5),
        "task.class_weights": Categorical(("none", "balanced")),
    }
    known = {name for name in hparam_names(model) if not name.startswith("optimizer.beta")}
    names = draw(st.lists(st.sampled_from(sorted(known)), min_size=1, unique=True))
    if {"optimizer", "optimizer.epsilon"} <= set(names):
        names.remove("optimizer.epsilon")  # an option of a choice has the part's word in its name
    space = Space({name: kinds[name.split("_l")[0]] for name in names})
    unit = st.lists(st.floats(0, 1), min_size=len(space), max_size=len(space))
    return model, space, space.decode(draw(unit))


@settings(max_examples=200, deadline=None)
@given(models(), IMAGES)
def test_a_repaired_config_is_consistent_and_repair_is_idempotent_and_pure(model, image):
    before, number = model.to_dict(), hash(model)
    result, reason = None, ""
    try:
        result = repair(model, image)
    except Infeasible as error:
        reason = str(error)
    assert model.to_dict() == before
    assert hash(model) == number
    if result is None:
        assert reason.endswith(".")  # a sentence
        assert "lower" in reason  # and what to do
        return
    walk(result.config, image)
    assert repair(result.config, image) == type(result)(result.config, ())
    assert bool(result.changes) == (result.config != model)
    assert ModelConfig.from_dict(result.config.to_dict()) == result.config
    signature_of(result.config)  # a population takes it


@settings(max_examples=200, deadline=None)
@given(points(), IMAGES)
def test_no_point_of_a_space_raises_and_infeasible_ones_are_explained(point, image):
    model, space, hparams = point
    before, given = model.to_dict(), copy.deepcopy(hparams)
    result = Problem(model, space, image).build(hparams)
    assert (model.to_dict(), hparams) == (before, given)
    assert (result.config is None) == (result.infeasible is not None)
    if result.config is None:
        assert len(result.infeasible.split()) > 8
        return
    walk(result.config, image)
    layers, blocks = result.config.mlp_config.block_list, result.config.resnet_config.block_list
    for name, value in hparams.items():
        if name.startswith("mlp_bn"):
            assert layers[int(name[-1])].batch_norm is (value >= 0.5)
        elif name.startswith("resnet_stride"):
            assert blocks[int(name[-1])].stride == int(value + 0.5)
        elif name.startswith("mlp_out"):
            assert layers[int(name[-1])].out_size == int(value + 0.5)


@settings(max_examples=50, deadline=None)
@given(models(), IMAGES)
def test_infeasible_exactly_where_a_window_does_not_fit(model, image):
    first, sizes = model.resnet_config.first_conv, []
    for n in (image.height, image.width):
        pad = first.kernel_size - 1 if first.padding == "same" else 2 * first.padding
        n = (n + pad - first.kernel_size) // first.stride + 1 if n + pad >= first.kernel_size else 0
        for block in model.resnet_config.block_list:
            n = -(-n // block.stride)
        sizes.append(n // model.resnet_config.pool_size)
    if min(sizes) >= 1:
        repair(model, image)
    else:
        with pytest.raises(Infeasible):
            repair(model, image)


def test_every_change_is_reported_with_its_reason():
    hparams = {"resnet_padding_l0": 0, "resnet_out_channels_l0": 11.95, "mlp_bn_l0": 0.51}
    applied, casts = apply_bound(MODEL, bind(hparams, MODEL), hparams)
    result = build(applied, GREY, casts)
    assert tuple(map(str, result.changes)) == (
        "resnet_out_channels_l0: 11.95 -> 12 (rounded)",
        "mlp_bn_l0: 0.51 -> True (is on from 1/2)",
        "resnet_config.block_list.0.padding: 0 -> same (main path and shortcut must agree)",
        "resnet_config.block_list.1.in_channels: 16 -> 12 (channels of the stage before)",
    )
    assert [change.notable for change in result.changes] == [True, True, True, False]


@pytest.mark.parametrize(
    ("hparams", "image", "reason"),
    [
        ({"resnet_stride_l0": 9, "resnet_stride_l1": 2}, GREY, "1x1 after the residual blocks"),
        ({}, ImageSpec(1, 1, 1, 10), "too small for a pool of 2x2: lower a stride or pool_size"),
    ],
)
def test_why_a_network_cannot_be_built(hparams, image, reason):
    assert reason in build(apply_hparams(MODEL, hparams), image).infeasible


def test_a_kernel_larger_than_the_padded_image():
    tree = MODEL.to_dict()
    tree["resnet_config"]["first_conv"].update(kernel_size=5, padding=0)
    result = build(ModelConfig.from_dict(tree), ImageSpec(4, 9, 1, 10))
    assert result.infeasible == (
        "the first convolution's kernel of 5 is larger than the image of 4x9 padded by 0: lower "
        "resnet_config.first_conv.kernel_size or use padding 'same'."
    )


@pytest.mark.parametrize(
    ("hparams", "message"),
    [
        ({"lrr": 1}, "lrr: unknown hparam; did you mean 'lr'"),
        ({"resnet_stride": 1}, "resnet_stride: unknown hparam; did you mean 'resnet_stride_l0'"),
        ({"resnet_stride_l01": 1}, "unknown hparam"),
        ({"resnet_stride_l2": 1}, "has 2 residual blocks, .* did you mean 'resnet_stride_l1'"),
        ({"mlp_do_l7": 0.1}, "did you mean 'mlp_do_l1'"),
        ({"mlp_out_l1": 5}, "mlp_out_l1: cannot be tuned, the last MLP layer"),
        ({"mlp_do_l0": 1.0}, "mlp_do_l0: must be less than 1, got 1.0"),
        ({"resnet_stride_l0": 0.4}, "resnet_stride_l0: must be greater than or equal to 1, got 0"),
        ({"mlp_bn_l0": 2}, r"mlp_bn_l0: must be true, false or a number in \[0, 1\], got 2"),
        ({"lr": float("nan")}, "lr: must be a finite number, got nan"),
        ({"lr": True}, "lr: must be a finite number, got True"),
        ({"lr": -1}, "lr: must be greater than 0, got -1"),
        ({"lr": 10**400}, "lr: must be a finite number, got 10"),
        ({"batch_size": 10**5000}, "batch_size: must be a finite number, got <int"),
        ({"batch_size": 2**31}, "batch_size: must be less than 2147483648, got 2147483648"),
        ({"mlp_af_l0": np.ones(2)}, "mlp_af_l0: must be a name, got array"),
        ({"resnet_padding_l0": [1]}, r"resnet_padding_l0: must be a finite number, got \[1\]"),
        ({"mlp_do_l" + "9" * 5000: 1}, r"^'mlp_do_l9+\.\.\.: unknown hparam"),
        ({1: 2}, "name of an hparam must be text, got 1"),
        ([("lr", 1)], "hparams must be a mapping"),
        (
            {"mlp_af_l0": "rely"},
            r"mlp_af_l0: must be .* activation \(did you mean 'relu'",
        ),
    ],
)
def test_apply_names_the_mistake(hparams, message):
    with pytest.raises(ConfigError, match=message):
        apply_hparams(MODEL, hparams)


def test_numpy_numbers_are_numbers():
    hparams = {"lr": np.float32(0.5), "batch_size": np.int64(32), "mlp_bn_l0": np.bool_(False)}
    model = apply_hparams(MODEL, hparams)
    assert (model.lr, model.batch_size) == (0.5, 32)
    assert model.mlp_config.block_list[0].batch_norm is False
    assert type(model.batch_size) is int


def test_every_rule_of_the_table_changes_its_own_number_and_no_other():
    values = {"float": 0.25, "int": 7, "bool": False, "text": "tanh", "padding": "same"}
    words = {"optimizer": "sgd", "lr_schedule": "cosine", "augment": ["flip"]}
    words["precision"] = "bfloat16"
    for rule in TABLE:
        name = rule.pattern.format(i=0)
        value = words.get(name, values.get(rule.type))
        changed = apply_hparams(MODEL, {name: value}).to_dict()
        differences = list(_differences(MODEL.to_dict(), changed))
        path = [*rule.where, *([0] if rule.where else []), rule.key]
        assert differences == [(path, value)]


def _differences(old, new, path=()):
    if isinstance(old, dict | list):
        if isinstance(old, list):
            old, new = dict(enumerate(old)), dict(enumerate(new))
        for key in {**old, **new}:
            yield from _differences(old.get(key), new.get(key), (*path, key))
    elif old != new:
        yield list(path), new


def test_changed_copies_are_checked():
    assert with_hparams(MODEL, lr=0.5, mlp_out_l0=7).mlp_config.block_list[0].out_size == 7
    with pytest.raises(ConfigError, match=r"lr: must be greater than 0, got -1"):
        with_hparams(MODEL, lr=-1)
    with pytest.raises(ConfigError, match=r"lr: must be greater than 0, got -1"):
        MODEL.model_copy(update={"lr": -1})
