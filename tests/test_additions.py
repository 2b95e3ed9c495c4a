"""What an addition costs: a package adds a part of each kind, hptjax is not touched.

Lines of code, its imports and entry point included: activation 6, optimizer 14, lr_schedule 10,
augmentation 10, task 11, metric 7, layer 11.
"""

import json
from typing import Any

import numpy as np
import pytest
import yaml

from hptjax.config.model import read_model
from hptjax.config.schema import ModelConfig
from hptjax.population import Member, PopulationTrainer, make_plan
from hptjax.search import run_study
from hptjax.study import load_study
from hptjax.study.data import StudyData
from hptjax.study.metric_table import METRICS
from hptjax.study.sink import Sink
from hptjax.transpile.problem import chosen_in
from tests.nets import config, images

POINTS = """
[hptjax.activations]
snake = aurora.activation:snake

[hptjax.optimizers]
lion = aurora.optimizer:Lion

[hptjax.lr_schedules]
trapezoid = aurora.lr_schedule:Trapezoid

[hptjax.augmentations]
grain = aurora.augmentation:Grain

[hptjax.tasks]
focal = aurora.task:Focal

[hptjax.metrics]
recall_of_9 = aurora.metric:recall_of_9
"""
LAYER_POINT = """
[hptjax.layers]
layer_scale = aurora.layer:LayerScale
"""
PARTS = {
    "aurora.activation": '''
import jax.numpy as jnp


def snake(x):
    """x + sin^2 x (Ziyin et al. 2020)."""
    return x + jnp.sin(x) ** 2
''',
    "aurora.optimizer": '''
import jax.numpy as jnp

import hptjax


class Lion(hptjax.Optimizer):
    """Steps by the sign of a momentum (Chen et al. 2023)."""

    beta_1: float = 0.9
    beta_2: float = 0.99
    slots = 1

    def update(self, params, grads, slots, h):
        (m,) = slots
        sign = jnp.sign(h.beta_1 * m + (1 - h.beta_1) * grads)
        params = params - h.lr * (sign + h.weight_decay * params)
        return params, (h.beta_2 * m + (1 - h.beta_2) * grads,)
''',
    "aurora.lr_schedule": '''
import jax.numpy as jnp

import hptjax


class Trapezoid(hptjax.LrSchedule):
    """Constant, then linear to 0 over the last `decay`, a share of the training."""

    main = "decay"
    decay: float = 0.2

    def factor(self, progress, h):
        return jnp.clip((1 - progress) / jnp.maximum(h.decay, 1e-6), 0, 1)
''',
    "aurora.augmentation": '''
import jax

import hptjax


class Grain(hptjax.Augmentation):
    """Adds N(0, std^2) to each pixel."""

    main = "std"
    std: float = 0.05

    def __call__(self, images, key):
        return images + self.std * jax.random.normal(key, images.shape)
''',
    "aurora.task": '''
import jax.numpy as jnp

from hptjax.tasks.classification import Classification


class Focal(Classification):
    """Cross-entropy in which images that are learned weigh less (Lin et al. 2017)."""

    main = "gamma"
    gamma: float = 2.0

    def objective(self, outputs, targets, h):
        losses = self.losses(outputs, targets)
        return (losses * (1 - jnp.exp(-losses)) ** h.gamma).mean()
''',
    "aurora.metric": '''
import hptjax


@hptjax.metric("maximize", sees="logits")
def recall_of_9(logits, labels):
    """The share of nines that are found."""
    return (logits.argmax(1)[labels == 9] == 9).mean()
''',
    "aurora.layer": '''
import hptjax


class LayerScale(hptjax.Layer):
    """A trained factor for each channel (Touvron et al. 2021)."""

    main = "start"
    start: float = 0.01

    def weights(self, incoming):
        return {"scale": hptjax.Weight.per_channel(incoming, fill=self.start)}

    def forward(self, x, weights, context):
        return x * weights["scale"]
''',
}
DATA = StudyData(images(48), images(40, seed=1))
# Of one added part another stands beside it in the space, so that all are selected in the program.
SPACE = """
optimizer: {choices: [adam, lion]}
optimizer.lion.beta_1: {type: float, low: 0.8, high: 0.95}
lr_schedule: {choices: {cosine: cosine, trapezoid: {trapezoid: 0.6}}}
augment: {choices: {flipped: [flip], grainy: [flip, {grain: 0.1}]}}
resnet_af_l0: {choices: [relu, snake]}
task.gamma: {type: float, low: 0.5, high: 3.0}
"""
NAMES = ("optimizer", "augment", "lr_schedule", "resnet_af_l0")
RECIPES = [("lion", "grainy", "cosine", "relu"), ("adam", "flipped", "trapezoid", "snake")]
NUMBERS = [
    [
        {"optimizer.lion.beta_1": 0.85, "task.gamma": 1.5},
        {"optimizer.lion.beta_1": 0.9, "task.gamma": 3.0},
    ],
    [{"task.gamma": 1.5}, {"task.gamma": 3.0}],
]
EPOCHS, SEED = 2, 5


def tree():
    """A study of four networks, two of each recipe, that names all six parts."""
    # No batch norm behind the first linear layer: of the bias before one the gradient is rounding
    # alone, of which Lion takes the sign.
    net = config(channels=(4,), kernels=(3,), strides=(2,), batch_norm=False).to_dict()
    net["mlp_config"]["block_list"][-1]["activation_fun"] = "none"
    return {
        "model": {**net, "task": "focal"},
        "space": yaml.safe_load(SPACE),
        "metrics": ["recall_of_9", "val_macro_f1"],
        "strategies": ["random"],
        "population_size": 4,
        "budget": {"generations": 1},
        "epochs": EPOCHS,
        "seed": SEED,
        "first": [
            {**dict(zip(NAMES, words, strict=True)), **numbers}
            for words, several in zip(RECIPES, NUMBERS, strict=True)
            for numbers in several
        ],
    }


def read(folder, text):
    path = folder / "study.yaml"
    path.write_text(text)
    return load_study(path)


class Lines(Sink):
    def __init__(self):
        self.said = []

    def message(self, text):
        self.said.append(text)


@pytest.fixture(scope="module")
def written(module_package):
    """The study as a file has it, read where the package is installed."""
    module_package("aurora_parts", POINTS + LAYER_POINT, PARTS)
    return yaml.safe_dump(tree(), sort_keys=False)


@pytest.fixture(scope="module")
def run(written, tmp_path_factory):
    lines = Lines()
    study = read(tmp_path_factory.mktemp("study"), written)
    return run_study(study, DATA, sinks=[lines]), lines.said


def test_an_addition_takes_as_few_lines_as_are_said_above():
    rows = (POINTS + LAYER_POINT).split("\n\n")
    counts = {
        name.partition(".")[2]: len([*filter(None, f"{code}{row}".splitlines())])
        for (name, code), row in zip(PARTS.items(), rows, strict=True)
    }
    said = ", ".join(f"{name} {count}" for name, count in counts.items())
    assert said in " ".join(__doc__.split())


def test_a_study_of_all_six_is_one_program_and_records_the_metric(run):
    result, said = run
    assert [[trial.hparams[name] for name in NAMES] for trial in result.trials[::2]] == [
        list(words) for words in RECIPES
    ]
    assert sum("Compiled in" in text for text in said) == 1
    assert not any("compiling once more" in text for text in said)
    for trial in result.trials:
        assert len(trial.epochs["val_recall_of_9"]) == EPOCHS
        assert 0 <= trial.last("val_recall_of_9") <= 1
    # no two have the same objective, or the same weights in the end
    assert len({trial.epochs["train_loss"][0] for trial in result.trials}) == 4
    assert len({trial.epochs["val_loss"][-1] for trial in result.trials}) == 4


@pytest.mark.slow
@pytest.mark.parametrize("recipe", [0, 1])
def test_each_network_is_the_one_that_a_program_of_its_own_recipe_trains(run, recipe):
    trials = run[0].trials[2 * recipe : 2 * recipe + 2]
    trees = (json.dumps(trial.config) for trial in trials)
    placed = (tree.replace('"lion"', '"aurora.optimizer:Lion"') for tree in trees)
    configs = [ModelConfig.from_dict(json.loads(tree)) for tree in placed]
    recall = METRICS.find("recall_of_9", "metrics")
    alone = PopulationTrainer(
        make_plan(configs[:1]),
        DATA.train,
        DATA.validation,
        seed=SEED,
        horizon=EPOCHS,
        measures=["macro_f1"],
        functions={recall.curve: recall.of_logits},
    )
    assert len(alone.choices.optimizers) == len(alone.choices.augment) == 1
    for trial, own in zip(trials, configs, strict=True):
        state = alone.start([Member(own, trial.key)])
        for epoch in range(EPOCHS):
            state, metrics = alone.epoch(state)
            assert metrics.keys() == trial.epochs.keys()
            for name, value in metrics.items():
                np.testing.assert_allclose(trial.epochs[name][epoch], value[0], rtol=1e-5)
    assert alone.compilations == 1


def test_parts_may_be_named_by_where_they_are(written, tmp_path):
    text = written
    for row in filter(lambda line: " = " in line, POINTS.splitlines()):
        word, place = row.split(" = ")
        assert word in text
        text = text.replace(f"optimizer.{word}.", f"optimizer.{place}.")
        for end in ("\n", ":"):
            text = text.replace(f" {word}{end}", f" {place}{end}")
    by_word, by_place = (read(tmp_path, text) for text in (written, text))
    for key, parts in chosen_in(by_word.space).items():
        same = chosen_in(by_place.space)[key]
        assert [part.options for part in same] == [part.options for part in parts]
    assert by_place.task == by_word.task
    assert by_place.curves == by_word.curves


NATIVE = """
model:
  layers:
    - conv: {out_channels: {int: [2, 4]}, stride: 3}
    - layer_scale: {float: [0.1, 2.0], log: true}
    - flatten
    - layer_scale
    - head
  batch_size: 16
population_size: 2
budget: {generations: 1}
strategies: [random]
epochs: 2
first:
  - {conv0.out_channels: 4, layer_scale0.start: 0.5}
  - {conv0.out_channels: 3, layer_scale0.start: 2.0}
"""


def test_a_layer_of_another_package_is_tuned_in_one_program_as_alone(written, tmp_path):
    lines = Lines()
    result: Any = run_study(read(tmp_path, NATIVE), DATA, sinks=[lines])
    assert sum("Compiled in" in text for text in lines.said) == 1
    assert not any("compiling once more" in text for text in lines.said)
    assert [trial.hparams["layer_scale0.start"] for trial in result.trials] == [0.5, 2.0]
    trial = result.trials[1]  # the narrower one, which is padded
    own = read_model(trial.config)
    sets = DATA.train, DATA.validation
    alone = PopulationTrainer(make_plan([own]), *sets, seed=0, horizon=2, augment=False)
    state = alone.start([Member(own, trial.key)])
    for epoch in range(2):
        state, metrics = alone.epoch(state)
        for name, value in metrics.items():
            np.testing.assert_allclose(trial.epochs[name][epoch], value[0], rtol=1e-5)
