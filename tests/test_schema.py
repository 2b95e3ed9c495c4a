"""What the schema of a network takes besides plain dicts, its limits, and what it refuses."""

from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from hptjax.config.frozen import SIZE_LIMIT
from hptjax.config.geometry import ImageSpec
from hptjax.config.load import load_model_config
from hptjax.config.schema import ModelConfig
from hptjax.errors import ConfigError
from hptjax.transpile import Infeasible, repair

MODEL = load_model_config(Path(__file__).parents[1] / "configs" / "model.yaml")
GREY = ImageSpec(28, 28, 1, 10)


def changed(*path, value):
    """The model's dict with the value at a path."""
    tree = holder = MODEL.to_dict()
    for part in path[:-1]:
        holder = holder[part]
    holder[path[-1]] = value
    return tree


def test_any_mapping_will_do_and_numpy_scalars_are_numbers():
    tree = MODEL.to_dict()
    tree["resnet_config"]["first_conv"] = MappingProxyType(tree["resnet_config"]["first_conv"])
    assert ModelConfig.from_dict(MappingProxyType(tree)) == MODEL
    config = ModelConfig.from_dict({**tree, "batch_size": np.int64(32), "lr": np.float32(0.5)})
    assert (config.batch_size, config.lr) == (32, 0.5)
    assert (type(config.batch_size), type(config.lr)) == (int, float)


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        (changed("lr", value=10**400), r"model\.lr: must be a valid number, got 10"),
        (changed("lr", value=np.bool_(True)), r"model\.lr: must be a valid number, got True"),
        (changed("batch_size", value=10**5000), "be less than 2147483648, got <int that cannot"),
        (changed("img_key", value="\ud800"), r"that a file can hold, unlike '\\ud800', got"),
        (changed("resnet_config", "block_list", value=3), "block_list: must be a list, got 3"),
        (changed("resnet_config", "first_conv", 3, value=1), "keys are text, unlike 3, got"),
        (changed("mlp_config", "x" * 999, value=1), r"model\.mlp_config\.'x{50,60}\.\.\.: unknown"),
        ({"model": [MODEL]}, r"model: must be a mapping, got \[ModelConfig"),
        (None, "model: must be a mapping, got None"),
    ],
)
def test_mistakes_are_named(tree, message):
    with pytest.raises(ConfigError, match=message) as caught:
        ModelConfig.from_dict(tree)
    assert len(str(caught.value)) < 500


def test_a_config_made_in_python_names_its_mistakes_as_one_of_a_file():
    with pytest.raises(ConfigError, match=r"^resnet_config: must be given, it is missing\.$"):
        ModelConfig(lr=0.1)  # pyright: ignore[reportCallIssue]


def test_a_tree_too_deep_to_show_or_holding_itself():
    deep = []
    for _ in range(50_000):
        deep = [deep]
    with pytest.raises(ConfigError, match="got <list that cannot be shown>"):
        ModelConfig.from_dict(changed("lr", value=deep))
    tree = MODEL.to_dict()
    tree["mlp_config"]["block_list"][0] = tree
    with pytest.raises(ConfigError, match="unknown key"):
        ModelConfig.from_dict(tree)


def test_a_config_may_be_larger_than_any_machine_but_not_than_its_integers():
    path = ("resnet_config", "first_conv", "out_channels")
    huge = ModelConfig.from_dict(changed(*path, value=10**9))
    assert repair(huge, GREY).config.resnet_config.block_list[0].in_channels == 10**9
    with pytest.raises(ConfigError, match="out_channels: must be less than 2147483648"):
        ModelConfig.from_dict(changed(*path, value=SIZE_LIMIT))
    last = ("resnet_config", "block_list", 1, "out_channels")
    with pytest.raises(Infeasible, match=r"hands \d{10,} numbers to the MLP, .*: lower"):
        repair(ModelConfig.from_dict(changed(*last, value=10**9)), GREY)


def test_a_beta_that_is_no_number_is_named_whatever_the_optimizer_says():
    tree = {**MODEL.to_dict(), "optimizer": {"adam": {"beta_1": 0.8}}}
    with pytest.raises(ConfigError, match=r"^model\.beta_1: is 0\.7 and in optimizer\.adam 0\.8"):
        ModelConfig.from_dict({**tree, "beta_1": 0.7})
    for beta in (np.array([0.1, 0.2]), None, "x"):
        with pytest.raises(ConfigError, match=r"^model\.beta_1: must be a valid number, got"):
            ModelConfig.from_dict({**tree, "beta_1": beta})
