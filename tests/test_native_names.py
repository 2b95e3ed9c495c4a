"""The names of what is tuned within a native model."""

import pytest

from hptjax import Model, choice, integer, loguniform, uniform
from hptjax import layers as L
from hptjax.config.items import RESERVED
from hptjax.config.parts import LAYERS, NESTED
from hptjax.config.yaml_file import parse_yaml
from hptjax.errors import ConfigError
from hptjax.models.layers.base import Layer
from hptjax.study.config import StudyConfig
from hptjax.study.data_config import TrainConfig
from hptjax.transpile.opened import opened

EXAMPLES = {
    "an MLP": (
        """
layers:
  - flatten
  - linear: {label: hidden, depth: {int: [1, 3]}, out_features: {int: [4, 128], each: true},
             activation: relu, dropout: {float: [0.2, 0.5], each: true}}
  - head
optimizer: {choice: [adam, rmsprop, sgd]}
lr: {float: [1e-5, 1e-1], log: true}
batch_size: 128
""",
        "hidden.depth hidden.0.out_features hidden.1.out_features hidden.2.out_features "
        "hidden.0.dropout hidden.1.dropout hidden.2.dropout optimizer lr",
    ),
    "a CNN": (
        """
layers:
  - conv: {out_channels: {int: [32, 64], step: 16}, kernel_size: {choice: [3, 5]}, activation: relu}
  - max_pool: 2
  - flatten
  - linear: {out_features: {int: [32, 128], step: 32}, activation: relu,
             dropout: {float: [0.0, 0.5], step: 0.1}}
  - head
lr: {choice: [1e-2, 1e-3, 1e-4]}
""",
        "conv0.out_channels conv0.kernel_size linear0.out_features linear0.dropout lr",
    ),
    "a recipe": (
        """
layers: [{conv: {depth: 3, out_channels: [64, 64, 32], activation: relu}}, flatten, head]
optimizer: {sgd: {nesterov: true, one_minus_momentum: {float: [1e-3, 1.0], log: true}}}
lr: {float: [1e-5, 10.0], log: true}
lr_schedule: {polynomial: {power: {float: [0.1, 2.0]}, decay_steps_factor: {float: [0.01, 0.99]},
                           end_factor: 1e-3}}
weight_decay: 5e-4
""",
        "optimizer.one_minus_momentum lr lr_schedule.power lr_schedule.decay_steps_factor",
    ),
    "a ResNet": (
        """
layers:
  - conv: {label: stem, out_channels: {int: [8, 32], log: true}, norm: batch, activation: relu}
  - residual: {label: stage1, depth: {int: [1, 3]}, out_channels: =stem.out_channels,
               shortcut: identity}
  - residual: {label: stage2, depth: =stage1.depth, out_channels: =2 * stem.out_channels,
               stride: [2, 1]}
  - residual: {label: stage3, depth: =stage1.depth, out_channels: =4 * stem.out_channels,
               stride: [2, 1]}
  - global_avg_pool
  - head
task: {classification: {label_smoothing: {float: [0.0, 0.2]}}}
optimizer: {sgd: {momentum: 0.9, nesterov: true}}
lr: {float: [0.01, 1.0], log: true}
lr_schedule: cosine
warmup: 0.05
weight_decay: {float: [1e-5, 1e-3], log: true}
augment: {choice: {light: [flip], full: [{crop: 4}, flip]}}
""",
        "stem.out_channels stage1.depth task.label_smoothing lr weight_decay augment",
    ),
    "stacks": (
        """
layers:
  - stack: {label: body, depth: {int: [2, 3]},
            layers: [{conv: {out_channels: {int: [8, 48], each: true}, norm: batch,
                             activation: relu}}, {max_pool: 2}]}
  - flatten
  - linear: {out_features: {int: [16, 128], log: true}, activation: relu,
             dropout: {float: [0.0, 0.5]}}
  - head
lr: {float: [1e-4, 1e-1], log: true}
augment: [{rotate: 10}, {crop: 2}]
""",
        "body.depth body.0.conv0.out_channels body.1.conv0.out_channels "
        "body.2.conv0.out_channels linear0.out_features linear0.dropout lr",
    ),
    "kinds": (
        """
layers:
  - conv: {out_channels: 4, norm: {choice: [none, batch]}}
  - {label: pool, choice: [{max_pool: {size: {int: [2, 3]}}}, avg_pool, none]}
  - flatten
  - head
optimizer: {choice: [adam, {sgd: {momentum: {float: [0.0, 0.9]}, nesterov: true}}]}
""",
        "conv0.norm pool pool.max_pool.size optimizer optimizer.sgd.momentum",
    ),
}


@pytest.mark.parametrize(("text", "names"), EXAMPLES.values(), ids=list(EXAMPLES))
def test_names_are_paths_in_the_order_of_the_file(text, names):
    _, space = opened(parse_yaml(text, "example"), None)
    assert list(space) == names.split()


def test_a_model_is_written_in_python_as_in_a_file():
    given = Model(
        layers=[
            L.Conv(32, kernel_size=choice([3, 5])),
            choice([L.MaxPool(2), "none"], label="pool"),
            L.Stack([L.Residual(L.Ref("conv0.out_channels"))], label="body", depth=integer(1, 2)),
            L.GlobalAvgPool(),
            L.Linear(integer(8, 64, log=True), dropout=uniform(0.0, 0.5, step=0.25)),
            L.Head(),
        ],
        lr=loguniform(1e-4, 1e-1, default=0.01),
    )
    own = StudyConfig.from_dict({"model": given})
    assert list(own.space) == [
        *("conv0.kernel_size", "pool", "body.depth", "linear0.out_features"),
        *("linear0.dropout", "lr"),
    ]
    assert own.model.lr == 0.01
    assert StudyConfig.from_dict(own.to_dict()) == own
    assert TrainConfig(model=given).model == own.model
    space = {"conv0.stride": choice([1, 2])}
    assert "conv0.stride" in StudyConfig.from_dict({"model": own.model, "space": space}).space


def test_no_layer_has_an_option_that_is_a_word_of_the_grammar():
    for table in (LAYERS, *NESTED.values()):
        for word in table.names():
            own = table.find(word, "test")
            if getattr(own, "whole", False):
                continue  # it stands in no list
            assert word not in RESERVED or word == "none"
            assert not set(own.model_fields) & set(RESERVED), word


class Shift(Layer):
    def forward(self, x, weights, context):
        return x + 1


def test_python_names_what_it_does_not_know():
    with pytest.raises(AttributeError, match="there is no layer 'Cnv'; did you mean 'Conv'"):
        L.Cnv(3)
    with pytest.raises(AttributeError, match="no layer 'Dense'; hptjax calls it 'Linear'"):
        L.Dense(3)
    with pytest.raises(ConfigError, match="Conv: takes no 'kernal_size'; did you mean 'kernel_siz"):
        L.Conv(3, kernal_size=3)
    with pytest.raises(
        ConfigError, match=r"layers\.0: Flatten is a layer .*: write L\.Flatten\(\)"
    ):
        Model(layers=[L.Flatten, L.Head()])
    with pytest.raises(ConfigError, match=r"layers\.0: Shift is a layer .*: write Shift\(\)\.$"):
        Model(layers=[Shift, "head"])
    with pytest.raises(
        ConfigError, match=r"^Model: takes its options by name, .* Model\(layers=\.\."
    ):
        Model([L.Flatten(), L.Head()])  # pyright: ignore[reportCallIssue]
    with pytest.raises(ConfigError, match="Conv: takes out_channels alone without a name, got 2"):
        L.Conv(3, 4)
    text = r"in Python, loguniform\(0\.001, 0\.1\) or choice\(\[0\.001, 0\.1\]\)\.$"
    with pytest.raises(ConfigError, match=r"model\.lr: a list is not a range; .*" + text):
        Model(layers=["flatten", "head"], lr=[1e-3, 1e-1])
    text = r"in Python, integer\(4, 9\) or choice\(\[4, 9\]\)\.$"
    with pytest.raises(ConfigError, match=text):
        Model(layers=["flatten", L.Linear([4, 9]), "head"])
