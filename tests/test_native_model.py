"""The native form of a model: its grammar, its names, its entries, and what repair makes of it."""

import copy
import pickle
from dataclasses import replace
from typing import Any

import flax.linen as nn
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hptjax.config.geometry import ChannelStatistics, ImageSpec
from hptjax.config.hparams import Owner, bind, chosen_of
from hptjax.config.model import Model, read_model
from hptjax.config.schema import ModelConfig
from hptjax.config.yaml_file import parse_yaml
from hptjax.errors import ConfigError
from hptjax.space import Condition, Space
from hptjax.study.config import StudyConfig
from hptjax.study.data_config import TrainConfig
from hptjax.transpile.apply import apply_bound, with_hparams
from hptjax.transpile.identity import as_computed
from hptjax.transpile.problem import Problem
from hptjax.transpile.repair import build, repair

GREY = ImageSpec(28, 28, 1, 10)
MLP = """
layers:
  - flatten
  - linear: {label: hidden, depth: {int: [1, 3]}, out_features: {int: [4, 128], each: true},
             dropout: {float: [0.0, 0.5], step: 0.1}}
  - head
optimizer: {choice: [adam, {sgd: {momentum: {float: [0.0, 0.9]}, nesterov: true}}]}
lr: {float: [1e-4, 1e-2], log: true, default: 0.002}
"""
CNN = """
layers:
  - conv: {label: stem, out_channels: {int: [4, 8]}}
  - conv: {out_channels: 8}
  - residual: {label: stage1, depth: {int: [1, 3]}, out_channels: =2 * stem.out_channels,
               stride: [2, 1], activation: tanh}
  - {label: pool, choice: [{max_pool: {size: {choice: [2, 3]}}}, avg_pool, none]}
  - residual: {label: stage2, depth: =stage1.depth, out_channels: =2 * stage1.out_channels}
  - global_avg_pool
  - head
"""


def model(text):
    return Model.from_dict(parse_yaml(text, "model"))


def layers(*items, **recipe):
    return Model.from_dict({"layers": list(items), **recipe})


def study(text, **others) -> Any:
    return StudyConfig.from_dict({"model": parse_yaml(text, "model"), **others})


def names(network):
    return [name for name, _ in network.expanded]


def values(network, option):
    return [getattr(layer, option) for _, layer in network.expanded if hasattr(layer, option)]


def test_a_layer_is_named_by_its_label_or_by_its_word_and_number():
    network = layers(
        {"conv": 8},
        {"conv": {"label": "stem", "out_channels": 8}},
        {"name": "conv", "out_channels": 4},
        "flatten",
        {"linear": {"depth": 2, "out_features": 5}},
        {"linear": 4},
        "head",
    )
    assert names(network) == [
        *("conv0", "stem", "conv1", "flatten0", "linear0.0", "linear0.1", "linear1", "head")
    ]


def test_lists_give_values_copy_by_copy_and_repeat_the_last():
    network = layers(
        {"conv": {"depth": 3, "out_channels": [8, 4], "kernel_size": [[3, 5]]}}, "flatten", "head"
    )
    assert values(network, "out_channels") == [8, 4, 4]
    assert values(network, "kernel_size") == [(3, 5)] * 3


def test_stacks_repeat_several_layers():
    inner = [{"conv": {"out_channels": [4, 8], "depth": 2}}, {"max_pool": 2}]
    network = layers({"stack": {"label": "body", "depth": 2, "layers": inner}}, "flatten", "head")
    assert names(network) == [
        *("body.0.conv0.0", "body.0.conv0.1", "body.0.max_pool0"),
        *("body.1.conv0.0", "body.1.conv0.1", "body.1.max_pool0"),
        *("flatten0", "head"),
    ]
    assert values(network, "out_channels") == [4, 8, 4, 8]  # over the depth that is nearest
    inner[0]["conv"]["out_channels"] = [[4, 8], [5, 6]]
    network = layers({"stack": {"label": "body", "depth": 2, "layers": inner}}, "flatten", "head")
    assert values(network, "out_channels") == [4, 8, 5, 6]


def test_a_reference_is_the_same_value_in_another_place():
    network = study(CNN).model
    assert values(network, "out_channels") == [6, 8, 12, 12, 24, 24]
    assert values(with_hparams(network, **{"stem.out_channels": 5}), "out_channels") == [
        *(5, 8, 10, 10, 20, 20)
    ]
    assert [own.shortcut for _, own in network.expanded if hasattr(own, "shortcut")] == [
        *("projection", "identity") * 2
    ]


def test_a_depth_of_one_numbers_its_copy_and_none_is_no_layer():
    network = layers({"conv": {"depth": 1, "out_channels": 4}}, {"none": {}}, "flatten", "head")
    assert names(network) == ["conv0.0", "flatten0", "head"]


def test_the_recipe_is_that_of_the_original_form_but_for_the_betas():
    network = layers("flatten", "head", optimizer={"adam": {"beta_1": 0.8}}, lr=0.5)
    assert network.optimizer.options.beta_1 == 0.8
    with pytest.raises(ConfigError, match=r"model\.beta_1: unknown key"):
        layers("flatten", "head", beta_1=0.8)
    assert layers("flatten", "head").augment is None


WRITTEN = [
    {"layers": ["flatten", {"linear": 8}, "head"], "lr": 0.1},
    {
        "layers": [
            {"conv": {"label": "stem", "out_channels": 8, "norm": "batch"}},
            {
                "stack": {
                    "depth": 2,
                    "layers": [{"conv": {"out_channels": 8, "kernel_size": [[3, 5]]}}],
                }
            },
            {"residual": {"depth": 2, "out_channels": "=0.5 * stem.out_channels"}},
            {"none": {"label": "pool"}},
            "flatten",
            "head",
        ],
        "optimizer": {"sgd": {"momentum": 0.9}},
        "input": [28, 28, 1],
        "outputs": 10,
    },
]


@pytest.mark.parametrize("tree", WRITTEN)
def test_what_is_written_is_read_back_equal(tree):
    network = read_model(tree)
    assert isinstance(network, Model)
    assert read_model({"model": network.to_dict()}) == network
    assert read_model(network.to_dict()).to_dict() == network.to_dict()
    assert pickle.loads(pickle.dumps(network)) == network == copy.deepcopy(network)
    assert hash(read_model(network.to_dict())) == hash(network)


def test_the_written_form_is_short():
    items = ["flatten", {"linear": {"out_features": 8, "dropout": 0.0}}, "head"]
    assert layers(*items).to_dict() == {
        "layers": ["flatten", {"linear": 8}, "head"],
        "optimizer": "adam",
        "lr": 0.001,
        "batch_size": 64,
    }


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (
            [{"conv": {"filters": 8}}, "head"],
            r"model\.layers\.0\.conv\.filters: unknown key; hptja",
        ),
        (["flatten", {"linear": 8}, {"linear": 8}], "must end in head .* ends in linear1\\."),
        (
            [{"conv": 8}, {"linear": 8}, "head"],
            r"layers\.1 \(linear0\): its input is a map; put fl",
        ),
        (["flatten", {"conv": 8}, "head"], r"layers\.1 \(conv0\): its input is a vector of units"),
        (
            [{"conv": [8, 32]}, "head"],
            r"out_channels: a list is not a range; write \{int: \[8, 32\]",
        ),
        ([{"conv": {"randint": [8, 9]}}, "head"], r"0\.conv\.randint: unknown key"),
        ([{"conv": {}}, "head"], r"layers\.0\.conv\.out_channels: must be given"),
        (
            [{"conv": {"depth": 2, "out_channels": [4, 0]}}, "head"],
            r"out_channels\.1: must be great",
        ),
        (
            [{"conv": {"depth": 2, "out_channels": []}}, "head"],
            "a value for each copy, it is empty",
        ),
        ([{"conv": {"depth": -1, "out_channels": 4}}, "head"], r"conv\.depth: must be greater"),
        ([{"cnv": 8}, "head"], r"layers\.0: unknown layer 'cnv'; did you mean 'conv'\?"),
        ([3, "head"], r"layers\.0: must be a layer, as in .*, got 3"),
        ([], "must be a list of layers"),
        ([{"conv": {"label": "lr", "out_channels": 4}}, "head"], "'lr' is a key of its own"),
        ([{"conv": {"label": "a.b", "out_channels": 4}}, "head"], "must begin with a letter"),
        (
            [{"conv": 8}, {"conv": {"label": "conv0", "out_channels": 4}}],
            "'conv0' names two layers",
        ),
        (
            ["flatten", {"head": {"out_features": 3}}],
            r"head\.out_features: unknown key; it takes non",
        ),
    ],
)
def test_mistakes_in_layers_are_named(items, message):
    with pytest.raises(ConfigError, match=message):
        layers(*items)


def test_a_model_with_entries_is_one_network_of_their_defaults():
    network = layers({"conv": {"out_channels": {"int": [4, 8]}}}, "flatten", "head")
    assert values(network, "out_channels") == [6]
    assert list(network.lifted.entries) == ["conv0.out_channels"]
    assert Model.from_dict(network.to_dict()) == network.model_copy(update={"lr": network.lr})


def test_a_model_in_python_tells_what_is_tuned_in_it():
    network = Model.from_dict(parse_yaml(MLP, "model"))
    hidden = [f"hidden.{k}.out_features" for k in range(3)]
    assert network.names == (
        *("hidden.depth", *hidden, "hidden.dropout"),
        *("optimizer", "optimizer.sgd.momentum", "lr"),
    )
    assert network.space == study(MLP).space
    written = StudyConfig.from_dict(parse_yaml(network.to_yaml(), "model"))
    assert written == study(MLP)
    assert "space" not in layers("flatten", "head").to_yaml()


def test_a_reference_to_nothing_is_named():
    def staged(reference):
        stem = {"conv": {"label": "stem", "depth": 2, "out_channels": [8, 4]}}
        stage = {"residual": {"label": "stage2", "out_channels": reference}}
        return layers(stem, "max_pool", stage, "flatten", "head")

    assert values(staged("=stem.0.out_channels"), "out_channels") == [8, 4, 8]
    message = (
        r"model\.layers\.2 \(stage2\)\.out_channels: '=steam\.0\.out_channels' names nothing; "
    )
    with pytest.raises(ConfigError, match=message + r"did you mean '=stem\.out_channels'\?"):
        staged("=steam.0.out_channels")
    for other, told in (
        ("=2 * stem.0.filters", r"hptjax calls it 'out_channels'\. stem\.0 has out_channels, "),
        ("=2 * stem.0.zzz", r"names nothing; stem\.0 has out_channels, kernel_size, "),
    ):
        with pytest.raises(ConfigError, match=told) as error:
            staged(other)
        assert "Write '=LAYER.OPTION' or '=2 * LAYER.OPTION'; other" in str(error.value)
    with pytest.raises(ConfigError, match=r"other arithmetic is not possible\), got '=stem\.0\.o"):
        staged("=stem.0.out_channels * 2")
    with pytest.raises(ConfigError, match=r"differs from copy to copy; .*'=stem\.0\.out_channels'"):
        staged("=stem.out_channels")
    with pytest.raises(ConfigError, match=r"'=stage2\.out_channels' names itself"):
        staged("=stage2.out_channels")
    with pytest.raises(ConfigError, match="must be a reference such as"):
        staged("=2 stem")
    with pytest.raises(ConfigError, match=r"'=2 \* stem.activation' has a factor"):
        layers(
            {"conv": {"label": "stem", "out_channels": 4}},
            {"conv": {"out_channels": 4, "activation": "=2 * stem.activation"}},
            "flatten",
            "head",
        )


@pytest.mark.parametrize(
    ("key", "tree", "message"),
    [
        (
            "lr",
            [1e-4, 0.1],
            r"model\.lr: a list is not a range; write \{float: \[0.0001, 0.1\], log: true\} or",
        ),
        (
            "lr",
            {"loguniform": [1e-4, 0.1]},
            r"model\.lr: no entry is called 'loguniform'; write \{f",
        ),
        ("batch_size", {"randint": [8, 32]}, r"write \{int: \[8, 32\]\}"),
        ("lr", {"float": [1e-4]}, r"model\.lr\.float: must be \[low, high\]"),
        (
            "lr",
            {"float": [1e-4, 0.1], "lg": True},
            r"model\.lr\.lg: unknown key; did you mean 'log'",
        ),
        ("lr", {"float": [1e-4, 0.1], "default": 1}, r"model\.lr\.default: must be a number in"),
        ("lr", {"float": [1e-4, 0.1], "each": True}, "there is one copy only"),
        ("lr", {"float": [1e-4, 0.1], "int": [1, 2]}, "must have one of float, int, choice"),
        (
            "optimizer",
            {"choice": [{"sgd": {"momentum": 0.1}}, "sgd"]},
            "names 'sgd' twice; name the",
        ),
        (
            "optimizer",
            {"choice": {"a": {"sgd": {"momentum": {"float": [0, 0.9]}}}, "b": "sgd"}},
            "'sgd' stands there twice, so its options must be plain",
        ),
    ],
)
def test_mistakes_in_entries_are_named(key, tree, message):
    with pytest.raises(ConfigError, match=message):
        StudyConfig.from_dict({"model": {"layers": ["flatten", "head"], key: tree}})


def test_defaults_are_the_given_ones_or_mid_scale_or_first():
    network = study(MLP).model
    assert network.lr == 0.002
    assert network.optimizer.name == "adam"
    assert names(network) == ["flatten0", "hidden.0", "hidden.1", "head"]
    assert values(network, "out_features") == [66, 66, 1]
    assert TrainConfig.model_validate({"model": parse_yaml(MLP, "model")}).model == network


def test_a_study_is_written_in_normal_form_and_read_back():
    own = study(MLP, space={"batch_size": 32, "weight_decay": {"float": [0.0, 0.1]}})
    assert own.model.batch_size == 32
    assert list(own.space)[-1] == "weight_decay"
    assert StudyConfig.from_dict(own.to_dict()) == own
    assert own.space["hidden.dropout"].points() == (0.0, 0.3, 0.5)


def test_native_images_are_augmented_only_where_something_says_so():
    plain, told = {"layers": ["flatten", "head"]}, {"layers": ["flatten", "head"], "augment": True}
    assert not TrainConfig.model_validate({"model": plain}).data.augment
    assert TrainConfig.model_validate({"model": plain, "data": {"augment": True}}).data.augment
    assert TrainConfig.model_validate({"model": told}).model.augment


@pytest.mark.parametrize(
    ("name", "tree", "message"),
    [
        (
            "conv1.kernel_size",
            {"choice": [3, 5]},
            "there is no layer conv1; its convs are stem and c",
        ),
        ("stage2.depth", {"int": [1, 2]}, "is a reference, '=stage1.depth'; tune what it names"),
        (
            "stem.out_channels",
            {"int": [4, 6]},
            r"is open at model\.layers\.0\.conv\.out_channels, t",
        ),
        (
            "stage1.3.activation",
            {"choice": ["relu"]},
            "stage1 has at most 3 copies, .* 'stage1.2.ac",
        ),
        ("stem.filters", {"int": [4, 6]}, r"hptjax calls it 'stem\.out_channels'"),
        ("stem.0.stride", {"int": [1, 2]}, "stem has no copies, give it a depth"),
        (
            "pool.size",
            {"choice": [2, 3]},
            "name which: 'pool.max_pool.size' or 'pool.avg_pool.size'",
        ),
        ("beta_1", {"float": [0.8, 0.9]}, r"did you mean 'optimizer\.beta_1'"),
        ("lr", [0.1, 0.2], r"space\.lr: a list is not a range"),
        ("lr", -1.0, r"space\.lr: must be greater than 0"),
        (
            "conv0",
            {"choice": ["none", "linear"]},
            r"space\.conv0: model\.layers\.1\.linear\.out_fe",
        ),
        ("conv0.padding", {"choice": ["same", 1]}, "mean the same network"),
        ("conv0.dropout", {"float": [0.0, 2.0]}, r"space\.conv0\.dropout: must be less than 1"),
        ("conv0.*.dropout", {"float": [0.0, 0.2]}, "names nothing"),
        ("stage1.activation", {"int": [1, 2]}, "must be a list of choices"),
    ],
)
def test_mistakes_in_a_space_by_path_are_named(name, tree, message):
    with pytest.raises(ConfigError, match=message):
        study(CNN, space={name: tree})


def test_an_option_of_a_choice_needs_its_word():
    with pytest.raises(
        ConfigError, match=r"the optimizer is a choice; name which: 'optimizer\.sgd\.m"
    ):
        study(MLP, space={"optimizer.momentum": {"float": [0.0, 0.5]}})
    with pytest.raises(
        ConfigError, match="hidden has at most 3 copies, numbered from 0; did you me"
    ):
        study(MLP, space={"hidden.3.dropout": {"float": [0.0, 0.5]}})


def test_every_copy_may_be_named_at_once():
    own = study(CNN, space={"stage1.*.activation": {"choice": ["relu", "tanh"]}})
    assert list(own.space)[-3:] == [f"stage1.{k}.activation" for k in range(3)]
    same = study(CNN, space={"stage1.activation": {"choice": ["relu", "tanh"], "each": True}})
    assert same == own
    with pytest.raises(ConfigError, match="means the same as"):
        study(
            CNN,
            space={
                "stage1.activation": {"choice": ["relu", "tanh"]},
                "stage1.0.activation": {"choice": ["relu", "tanh"]},
            },
        )


def test_a_reference_names_what_is_always_there():
    def network(reference):
        return f"""
layers:
  - flatten
  - linear: {{label: hidden, depth: {{int: [2, 3]}}, out_features: {{int: [4, 8], each: true}}}}
  - {{label: extra, choice: [{{linear: 4}}, none]}}
  - linear: {{out_features: {reference}}}
  - head
"""

    assert study(network("=hidden.1.out_features"))
    with pytest.raises(ConfigError, match=r"'=hidden\.2\.out_features' may not be there"):
        study(network("=hidden.2.out_features").replace("[2, 3]", "[2, 3], default: 3"))
    with pytest.raises(ConfigError, match=r"'=extra\.out_features' may not be there"):
        study(network("=extra.out_features"))


def test_targets_say_what_they_set_and_what_decides_about_them():
    own = study(CNN, space={"stage2.2.activation": {"choice": ["relu", "tanh"]}})
    targets = bind(own.space, own.model)
    stem = targets["stem.out_channels"]
    assert (stem.type, stem.kind) == ("int", "width")
    assert dict(stem.places) == {
        "stem.out_channels": 1.0,
        **{f"stage1.{k}.out_channels": 2.0 for k in range(3)},
        **{f"stage2.{k}.out_channels": 4.0 for k in range(3)},
    }
    assert (targets["pool"].type, targets["pool"].kind) == ("part", "static")
    assert targets["pool.max_pool.size"].owners == (Owner("pool", words=("max_pool",)),)
    assert targets["stage2.2.activation"].owners == (Owner("stage1.depth", copy=2),)
    assert targets["stage2.2.activation"].places == (("stage2.2.activation", 1.0),)
    assert (targets["stage1.depth"].kind, targets["stage1.depth"].places) == ("static", ())
    shared = bind(Space.from_dict({"stage1.activation": {"choices": ["relu", "tanh"]}}), own.model)
    assert [place for place, _ in shared["stage1.activation"].places] == [
        *("stage1.0.activation", "stage1.1.activation")
    ]


def test_the_originals_hparams_have_places_of_layers():
    tree = {
        "resnet_config": {
            "first_conv": {"in_channels": 1, "out_channels": 4, "kernel_size": 3},
            "block_list": [{"in_channels": 4, "out_channels": 4, "kernel_size": 3}],
        },
        "mlp_config": {
            "block_list": [{"in_size": 4, "out_size": 8}, {"in_size": 8, "out_size": 9}]
        },
    }
    network = read_model(tree)
    assert isinstance(network, ModelConfig)
    assert (network.image, network.outputs) == ((28, 28, 1), 9)
    wanted = {
        "resnet_out_channels_l0": "blocks.0.out_channels",
        "resnet_af_l0": "blocks.0.activation",
        "mlp_out_l0": "mlp.0.out_features",
        "mlp_af_l1": "mlp.1.activation",
        "mlp_bn_l0": "mlp.0.norm",
        "mlp_do_l1": "mlp.1.dropout",
        "lr": "lr",
    }
    targets = bind(wanted, network)
    assert {name: target.places[0][0] for name, target in targets.items()} == wanted


def test_hparams_are_written_where_they_are_named():
    own = study(CNN)
    targets = bind(own.space, own.model)
    given = {"stem.out_channels": 4.6, "stage1.depth": 3, "pool": "none"}
    network, changes = apply_bound(own.model, targets, given)
    assert [str(change) for change in changes] == ["stem.out_channels: 4.6 -> 5 (rounded)"]
    assert values(network, "out_channels") == [5, 8, *[10] * 3, *[20] * 3]
    assert "pool" not in names(network)
    network, _ = apply_bound(own.model, targets, {"pool.max_pool.size": 3, "pool": "max_pool"})
    assert values(network, "size") == [3]
    network, _ = apply_bound(own.model, targets, {"pool.max_pool.size": 3, "pool": "avg_pool"})
    assert values(network, "size") == [2]  # of another layer, which is not there


def test_a_layer_of_another_kind_renames_no_other():
    network = layers({"conv": 4}, {"conv": 8}, "flatten", "head")
    pooled = with_hparams(network, conv0="avg_pool")
    assert names(pooled) == names(network)
    assert Model.from_dict(pooled.to_dict()) == pooled


def test_repair_takes_sizes_from_the_images():
    network = study(CNN).model
    fitted = repair(network, GREY)
    assert not fitted.changes
    assert (fitted.config.image, fitted.config.outputs) == ((28, 28, 1), 10)
    assert values(fitted.config, "out_features") == [10]
    again = repair(fitted.config, ImageSpec(32, 32, 3, 7))
    assert [change.path for change in again.changes] == ["input", "outputs"]


def test_the_error_of_a_network_that_cannot_be_built_names_the_layer():
    network = layers(
        {"conv": {"label": "stem", "out_channels": 4, "padding": 0, "kernel_size": 9}},
        {"max_pool": 3},
        "flatten",
        "head",
    )
    small = build(network, ImageSpec(10, 10, 1, 2)).infeasible
    assert small is not None
    assert small.startswith("model.layers.1 (max_pool0): the maps are 2 x 2")
    big = layers("flatten", {"linear": 2**30}, "head")
    assert build(big, GREY).infeasible is None
    huge = layers({"conv": 2**30}, "flatten", "head")
    assert "2**31 or more" in str(build(huge, GREY).infeasible)


def test_networks_written_in_different_ways_may_be_the_same():
    one = layers({"conv": {"depth": 2, "out_channels": 4, "padding": 1}}, "flatten", "head")
    other = layers({"conv": 4}, {"conv": {"label": "b", "out_channels": 4}}, "flatten", "head")
    assert one != other
    assert as_computed(one) == as_computed(other)
    assert as_computed(one) != as_computed(layers({"conv": 4}, "flatten", "head"))


MLP_STUDY = study(MLP)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=8, max_size=8))
def test_points_of_a_space_give_networks_that_repair_leaves_alone(point):
    space: Any = MLP_STUDY.space
    hparams = space.decode(point)
    network, _ = apply_bound(
        MLP_STUDY.model,
        bind(space, MLP_STUDY.model),
        {
            name: space[name].meaning(own) if hasattr(space[name], "meaning") else own
            for name, own in hparams.items()
        },
    )
    fitted = repair(network, GREY).config
    assert repair(fitted, GREY).config == fitted
    assert Model.from_dict(fitted.to_dict()) == fitted
    assert as_computed(repair(Model.from_dict(network.to_dict()), GREY).config) == as_computed(
        fitted
    )
    depth = hparams["hidden.depth"]
    assert values(fitted, "out_features") == [
        *(hparams[f"hidden.{k}.out_features"] for k in range(depth)),
        10,
    ]
    assert set(chosen_of(space)) == set(space)


def nested(values=None, inner=None, **options):
    """A network of a stack of two convolutions, repeated twice."""
    own: dict[str, Any] = {"label": "c", "depth": inner or 2, "out_channels": values or 3}
    stack = {"stack": {"label": "s", "depth": 2, "layers": [{"conv": {**own, **options}}]}}
    return {"layers": [stack, "flatten", "head"]}


@pytest.mark.parametrize("written", [[[8], [16]], [[8, 8], [16, 16]], [[8], 16], [8, [16]]])
def test_a_list_in_which_each_outer_copy_has_one_value_stays_that_of_the_outer_copies(written):
    network = Model.from_dict(nested(written))
    assert values(network, "out_channels") == [8, 8, 16, 16]
    assert Model.from_dict(network.to_dict()) == network
    assert values(repair(network, GREY).config, "out_channels") == [8, 8, 16, 16]


def test_all_inner_copies_of_one_outer_copy_are_set_alone():
    network = with_hparams(Model.from_dict(nested()), **{"s.0.c.out_channels": 9})
    assert values(network, "out_channels") == [9, 9, 3, 3]
    network = with_hparams(Model.from_dict(nested()), **{"s.c.0.out_channels": 9})
    assert values(network, "out_channels") == [9, 3, 9, 3]


def test_entries_in_nested_lists_are_of_the_copies_where_they_stand():
    tree = nested([[{"int": [4, 5]}, {"int": [6, 7]}], [{"int": [8, 9]}, {"int": [10, 11]}]])
    own: Any = StudyConfig.from_dict({"model": tree})
    assert {name: entry.low for name, entry in own.space.items()} == {
        "s.0.c.0.out_channels": 4,
        "s.0.c.1.out_channels": 6,
        "s.1.c.0.out_channels": 8,
        "s.1.c.1.out_channels": 10,
    }


def test_a_tuned_inner_depth_leaves_the_values_of_the_outer_copies():
    own = StudyConfig.from_dict(
        {"model": nested({"int": [4, 8], "each": True}, inner={"int": [1, 2]})}
    )
    hparams = {"s.c.depth": 1, "s.0.c.0.out_channels": 4, "s.1.c.0.out_channels": 7}
    network = apply_bound(own.model, bind(own.space, own.model), hparams)[0]
    assert values(network, "out_channels") == [4, 7]
    assert values(repair(network, GREY).config, "out_channels") == [4, 7]


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_values_that_are_written_copy_by_copy_are_read_back(data):
    number = st.integers(1, 3)
    outer, middle, inner = data.draw(number), data.draw(number), data.draw(number)
    conv = {"conv": {"label": "c", "depth": inner, "out_channels": 9}}
    stack = {"stack": {"label": "t", "depth": middle, "layers": [conv]}}
    stack = {"stack": {"label": "s", "depth": outer, "layers": [stack]}}
    network = layers(stack, "flatten", "head")
    paths = [name for name in names(network) if name.startswith("s.")]
    wanted = {name: data.draw(number) for name in paths}
    kernels = {name: data.draw(st.sampled_from([1, (1, 3)])) for name in paths}
    for name in data.draw(st.permutations(paths)):
        network = with_hparams(network, **{f"{name}.out_channels": wanted[name]})
        network = Model.from_dict(network.to_dict()) if data.draw(st.booleans()) else network
    for own in (network, repair(network, GREY).config):
        for again in (own, Model.from_dict(own.to_dict())):
            found = {n: layer.out_channels for n, layer in again.expanded if n in wanted}
            assert found == wanted
            assert again == own
    as_list = [
        [
            [
                list(k) if isinstance(k := kernels[f"s.{i}.t.{j}.c.{n}"], tuple) else k
                for n in range(inner)
            ]
            for j in range(middle)
        ]
        for i in range(outer)
    ]
    conv["conv"]["kernel_size"] = as_list
    network = layers(stack, "flatten", "head")
    for own in (network, Model.from_dict(repair(network, GREY).config.to_dict())):
        found = {n: layer.kernel_size for n, layer in own.expanded if n in wanted}
        assert found == kernels


def test_an_option_of_a_chosen_layer_is_kept_in_any_order():
    pool = {"label": "p", "choice": [{"conv": {"out_channels": 8}}, "avg_pool"]}
    own = StudyConfig.from_dict(
        {
            "model": {"layers": [pool, "flatten", "head"]},
            "space": {"p.conv.norm": {"choice": ["none", "batch"]}},
        }
    )
    given = {"p.conv.norm": "batch", "p": {"conv": 8}}
    for order in (given, dict(reversed(given.items()))):
        network = apply_bound(own.model, bind(own.space, own.model), order)[0]
        [norm] = values(network, "norm")
        assert norm.name == "batch"


def statistics():
    return ChannelStatistics((0.25,), (0.5,))


def test_only_the_first_copy_of_all_may_be_normalize():
    stack = {"stack": {"depth": 1, "layers": ["normalize", {"conv": 2}]}}
    image = replace(GREY, statistics=statistics)
    fitted = repair(layers(stack, "flatten", "head"), image).config
    assert values(fitted, "std") == [(0.5,)]
    for items in (
        [{"normalize": {"depth": 2}}],
        [{"stack": {"depth": 2, "layers": ["normalize", {"conv": 2}]}}],
        [{"stack": {"layers": [{"conv": 2}, "normalize"]}}],
    ):
        with pytest.raises(ConfigError, match="normalize must come first"):
            layers(*items, "flatten", "head")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mean": [0.5]}, "must be given both mean and std, or neither, got"),
        ({"std": [0.5]}, "must be given both mean and std, or neither, got"),
        ({"mean": [0.5], "std": [0.0]}, r"layers\.0\.normalize: must be given a std above 0"),
        ({"mean": [0.5], "std": [1, 1]}, "must be given as many numbers of mean as of std"),
    ],
)
def test_mean_and_std_of_images_fit_together(options, message):
    with pytest.raises(ConfigError, match=message):
        layers({"normalize": options}, "flatten", "head")


def test_a_whole_network_is_no_layer_of_a_list():
    own = {"flax": {"place": "tests.own_nets:Plain"}}
    with pytest.raises(ConfigError, match=r"layers\.0\.flax: is a network by itself.*model: \{fl"):
        layers(own, "head")
    study_of = {"layers": [{"label": "p", "choice": ["none", own]}, "flatten", "head"]}
    with pytest.raises(ConfigError, match="is a network by itself"):
        StudyConfig.from_dict({"model": study_of})


def test_choices_of_widths_and_depths_may_have_names():
    conv = {
        "label": "c",
        "depth": {"choice": {"few": 1, "many": 2}},
        "out_channels": {"choice": {"small": 16, "large": 8}, "each": True},
    }
    own = StudyConfig.from_dict({"model": {"layers": [{"conv": conv}, "flatten", "head"]}})
    assert list(own.space) == ["c.depth", "c.0.out_channels", "c.1.out_channels"]
    problem = Problem(own.model, own.space, ImageSpec(8, 8, 1, 3))
    assert problem.space.conditions["c.1.out_channels"] == (Condition("c.depth", ("many",)),)
    assert [values(config, "out_channels") for config in problem.cover()[:2]] == [[16], [16, 16]]
    narrow = problem.build({"c.depth": "few", "c.0.out_channels": "large"}).config
    assert values(problem.widest(narrow), "out_channels") == [16]
    given = Model.from_dict({"layers": [{"conv": conv}, "flatten", "head"]})
    assert given.names == tuple(own.space)


@pytest.mark.parametrize(
    ("depth", "message"),
    [
        ({"choice": [1, "2"]}, r"space\.c\.depth: must be a whole number, got '2'"),
        ({"choice": [1, 2.4]}, r"c\.depth: must be whole numbers, got 2\.4"),
    ],
)
def test_depths_are_whole_numbers(depth, message):
    conv = {"label": "c", "depth": depth, "out_channels": {"int": [4, 8], "each": True}}
    with pytest.raises(ConfigError, match=message):
        StudyConfig.from_dict({"model": {"layers": [{"conv": conv}, "flatten", "head"]}})


def test_a_space_that_only_fixes_values_tunes_nothing():
    with pytest.raises(ConfigError, match=r"space: nothing is tuned, .*plain values \(lr\); give"):
        StudyConfig.from_dict({"model": {"layers": ["flatten", "head"]}, "space": {"lr": 0.01}})


@pytest.mark.parametrize("reference", ["=0.25 * a.depth", "=0.4 * b.depth"])
def test_a_multiple_of_a_depth_has_a_copy_once_it_is_rounded_up_to_one(reference):
    tree = {
        "layers": [
            {"conv": {"label": "a", "depth": {"int": [1, 5]}, "out_channels": 4}},
            {"conv": {"label": "b", "depth": "=0.25 * a.depth", "out_channels": 4}},
            {"conv": {"label": "c", "depth": reference, "out_channels": {"int": [4, 8]}}},
            "flatten",
            "head",
        ]
    }
    own = StudyConfig.from_dict({"model": tree})
    problem = Problem(own.model, own.space, ImageSpec(8, 8, 1, 3))
    for depth in range(1, 6):
        hparams = {"a.depth": depth, "c.out_channels": 5}
        there = "c.0" in names(problem.build(hparams).config)
        assert there == ("c.out_channels" in problem.active(hparams))


def test_two_labels_must_not_be_one_name_in_flax():
    double = {"conv": {"label": "a", "depth": 2, "out_channels": 2}}
    other = {"conv": {"label": "a_1", "out_channels": 2}}
    with pytest.raises(ConfigError, match=r"layers\.1 \(a_1\): a\.1 and a_1 would both be a_1"):
        layers(double, other, "flatten", "head")


class Scaled(nn.Module):
    """A network whose arguments have annotations that differ from the types of their defaults."""

    num_classes: int
    scale: float = 1
    rate: float | None = None
    width: "int" = 4

    @nn.compact
    def __call__(self, x, train: bool):
        return self.scale * nn.Dense(self.num_classes)(nn.Dense(self.width)(x.mean((1, 2))))


def scaled(**space):
    tree = {"model": {"flax": {"module": Scaled}}, "space": space}
    return StudyConfig.from_dict(tree)


def test_arguments_of_a_flax_class_have_the_types_of_their_annotations():
    network = Model.from_dict({"flax": {"module": Scaled}})
    given = {"flax.scale": 1.7, "flax.rate": 0.3, "flax.width": 3.6}
    tuned: Any = with_hparams(network, **given)
    found = dict(tuned.flax.arguments)
    assert found == {"scale": 1.7, "rate": 0.3, "width": 4}


def test_a_real_number_that_is_compiled_has_choices_or_a_step():
    with pytest.raises(ConfigError, match=r"space\.flax\.scale: is part of what .*under call"):
        scaled(**{"flax.scale": {"float": [0.5, 2.5]}})
    own = scaled(**{"flax.scale": {"float": [0.5, 1.5], "step": 0.25}})
    problem = Problem(own.model, own.space, ImageSpec(8, 8, 1, 3))
    assert problem.static_values() == {"flax.scale": (0.5, 0.75, 1.0, 1.25, 1.5)}
    configs: Any = problem.cover()
    assert {dict(own.flax.arguments)["scale"] for own in configs} == {0.5, 0.75, 1.0, 1.25, 1.5}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": ["flatten", {"linear": 10}]}, "must end in head .*, ends in linear0"),
        ({"layers": [{"conv": 8}, "head"]}, "its input is a map; put flatten or global_avg_pool"),
        ({"layers": ["flatten", "head"], "learning_rate": 0.1}, "hptjax calls it 'lr'"),
        ({"layers": ["flatten", "head"], "lr": "x"}, "\\.lr: must be a valid number, got 'x'"),
    ],
)
def test_a_model_that_python_makes_tells_its_mistakes_as_a_file_does(options, message):
    with pytest.raises(ConfigError, match=f"^model.*{message}"):
        Model(**options)
    with pytest.raises(ConfigError, match=r"^model: must be a mapping, got 1\.$"):
        StudyConfig(model=1, strategies=["tpe"])  # type: ignore[arg-type]
