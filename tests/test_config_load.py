"""Reading models, spaces and studies: what loads, what round-trips, and what errors say."""

from pathlib import Path

import pytest
import yaml

from hptjax.config.geometry import ImageSpec
from hptjax.config.load import load_model_config, load_space, packaged_configs
from hptjax.config.schema import ModelConfig
from hptjax.errors import ConfigError
from hptjax.study import StudyConfig, load_study
from hptjax.transpile import repair

CONFIGS = Path(__file__).parents[1] / "configs"
QUICKSTART = CONFIGS / "quickstart.yaml"
# As the original study wrote it, flow style and quotes included.
ORIGINAL_MODEL = """
model:
  weight_decay: 0.0001
  batch_size: 64
  beta_1: 0.9
  beta_2: 0.999
  lr: 1.0e-3
  init_width: 28
  init_length: 28
  resnet_config:
    first_conv:
      in_channels: 1
      out_channels: 32
      kernel_size: 3
      stride: 2
      padding: 1
    block_list: [
      {
        in_channels: 32,
        out_channels: 16,
        kernel_size: 3,
        stride: 2,
        padding: 1,
      },
      {
        in_channels: 16,
        out_channels: 8,
        kernel_size: 3,
        stride: 1,
        padding: 'same',
      },
    ]
    pool_size: 2
  mlp_config:
    block_list: [
      { in_size: 72, out_size: 64, activation_fun: "relu", batch_norm: True, dropout: 0.1 },
      { in_size: 64, out_size: 10, activation_fun: "logsoftmax", batch_norm: False, dropout: 0.0 },
    ]
  img_key: 0
  class_key: 1
"""


def test_the_originals_yaml_loads_unmodified_and_is_our_default_model(tmp_path):
    path = tmp_path / "model.yaml"
    path.write_text(ORIGINAL_MODEL)
    model = load_model_config(path)
    assert model == load_model_config(CONFIGS / "model.yaml")
    assert model.to_dict() == yaml.safe_load(ORIGINAL_MODEL)["model"]
    assert ModelConfig.from_dict(yaml.safe_load(ORIGINAL_MODEL)) == model
    assert hash(ModelConfig.from_dict(model.to_dict())) == hash(model)


@pytest.mark.parametrize(
    ("name", "image"),
    [("model.yaml", ImageSpec(28, 28, 1, 10)), ("big_model.yaml", ImageSpec(32, 32, 3, 10))],
)
def test_the_packaged_models_need_no_repair(name, image):
    assert repair(load_model_config(CONFIGS / name), image).changes == ()


def test_the_packaged_spaces_are_the_originals():
    small, medium, trial1 = (
        load_space(CONFIGS / f"space_{name}.yaml") for name in ("small", "medium", "trial1")
    )
    assert [len(space.grid()) for space in (small, medium, trial1)] == [3, 96, 480]
    assert trial1.names == (
        "lr",
        "resnet_out_channels_l0",
        "resnet_out_channels_l1",
        "resnet_stride_l0",
        "mlp_out_l0",
        "mlp_bn_l0",
        "mlp_do_l0",
    )
    assert trial1.decode([0] * 7) == dict(
        zip(trial1.names, (0.001, 8, 4, 1, 64, False, 0.095), strict=True)
    )
    assert trial1.decode([1] * 7) == dict(
        zip(trial1.names, (0.1, 24, 16, 3, 128, True, 0.305), strict=True)
    )


@pytest.mark.parametrize("name", ["quickstart.yaml", "trial1.yaml"])
def test_the_packaged_studies_load_from_anywhere(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = load_study(CONFIGS / name)
    assert study.population_size == 29 == 4 * len(study.space) + 1
    assert study.labels == ("des", "grid", "random", "tpe")
    start = study.space.decode(study.space.encode(study.strategies[0].options.start))
    assert list(start.values()) == [0.01, 16, 8, 2, 96, True, 0.2]


def test_the_packaged_recipe_loads_and_writes_itself():
    study = load_study(CONFIGS / "recipe.yaml")
    assert {"optimizer", "lr_schedule", "warmup", "augment"} < set(study.space)
    assert StudyConfig.from_dict(study.to_dict()) == study


def test_a_study_survives_its_dict_form_in_yaml(tmp_path):
    study = load_study(
        QUICKSTART, ["budget.seconds=30", "strategies=[tpe, des]", "strategies.1.midpoint=false"]
    )
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(study.to_dict(), sort_keys=False))
    assert load_study(path) == study
    assert StudyConfig.from_dict(study.to_dict()) == study
    assert study.strategies[1].options.midpoint is False
    assert study.strategies[1].options.start is not None  # as the file has it
    assert study.budget.seconds == 30


def test_a_strategy_in_the_short_form_is_noted_in_the_first_one(tmp_path):
    tree = load_study(QUICKSTART).to_dict()
    path = tmp_path / "study.yaml"
    short = ["tpe", {"random": None}, {"des": {"label": "d", "midpoint": False}}]
    path.write_text(yaml.safe_dump(tree | {"strategies": short}, sort_keys=False))
    long = {"name": "des", "label": "d", "midpoint": False}
    assert load_study(path).to_dict()["strategies"] == ["tpe", "random", long]
    changed = load_study(path, ["strategies=[d]", "strategies.0.preset=tevc"])
    assert changed.to_dict()["strategies"] == [{**long, "preset": "tevc"}]


def test_overrides_reach_every_level():
    study = load_study(
        QUICKSTART,
        [
            "strategies=des",
            "model.lr=1e-4",
            "model.resnet_config.block_list.1.padding=1",
            "space.mlp_out_l0={type: int, low: 32, high: 64, step: 32}",
            "strategies.0.start.mlp_out_l0=32",
            "data.train_limit=500",
        ],
    )
    assert study.labels == ("des",)
    assert study.model.lr == 1e-4
    assert study.model.resnet_config.block_list[1].padding == 1
    assert len(study.space["mlp_out_l0"]) == 2
    assert study.data.train_limit == 500


def test_searcher_is_the_word_for_strategies(tmp_path):
    path = tmp_path / "study.yaml"
    space = "space: {lr: {type: float, low: 0.01, high: 0.02}}"
    searcher = "searcher: {des: {midpoint: false}}"
    path.write_text(f"model: {CONFIGS / 'model.yaml'}\n{space}\n{searcher}\n")
    assert not load_study(path).strategies[0].options.midpoint
    assert load_study(path, ["searcher=[tpe, des]"]).labels == ("tpe", "des")
    assert load_study(path, ["searcher.des.midpoint=true"]).strategies[0].options.midpoint
    assert "strategies" in load_study(path).to_dict()
    unknown = "searcher: unknown searcher 'bayes'; write tpe or optuna"
    with pytest.raises(ConfigError, match=f"--set searcher=bayes: {unknown}"):
        load_study(path, ["searcher=bayes"])
    path.write_text(path.read_text().replace(searcher, "searcher: bayes"))
    with pytest.raises(ConfigError, match=f"study.yaml: {unknown}"):
        load_study(path)
    tree = yaml.safe_load(ORIGINAL_MODEL) | yaml.safe_load(f"{space}\nsearcher: bayes")
    with pytest.raises(ConfigError, match=f"^{unknown}"):
        StudyConfig.from_dict(tree)
    path.write_text(f"{path.read_text()}strategies: tpe\n")
    with pytest.raises(ConfigError, match="searcher: says what strategies does; leave one"):
        load_study(path)


def test_a_space_named_on_the_command_line_is_relative_to_the_user(tmp_path, monkeypatch):
    (tmp_path / "mine.yaml").write_text("lr: {type: float, low: 0.01, high: 0.02}\n")
    monkeypatch.chdir(tmp_path)
    study = load_study(QUICKSTART, ["space=mine.yaml", "strategies=tpe", "space.lr.high=0.05"])
    assert study.space.names == ("lr",)
    assert study.space["lr"].high == 0.05


def test_model_overrides_with_and_without_prefix():
    for key in ("lr", "model.lr"):
        assert load_model_config(CONFIGS / "model.yaml", [f"{key}=0.5"]).lr == 0.5
    assert load_model_config(QUICKSTART, ["model.lr=0.5"]).lr == 0.5


MISTAKES = {
    "model.lrr=1": "model.lrr: unknown key; did you mean 'lr'?",
    "modle=1": "modle: unknown key; did you mean 'model'?",
    "lr=1": "lr: unknown key; did you mean 'model.lr' or 'space.lr' or 'strategies.0.start.lr'?",
    "first_conv.stride=2": (
        "first_conv.stride: unknown key; did you mean 'model.resnet_config.first_conv.stride'?"
    ),
    "warmup=0.1": "warmup: unknown key; did you mean 'model.warmup'?",  # not in the file
    "learning_rate=1": "learning_rate: unknown key; did you mean 'model.lr'?",
    "model.mlp_config.block_list.0.droput=0": (
        "model.mlp_config.block_list.0.droput: unknown key; did you mean 'dropout'?"
    ),
    "data.trian_limit=5": "data.trian_limit: unknown key; did you mean 'train_limit'?",
    "model.lr=-1": "model.lr: must be greater than 0, got -1.",
    "model.lr=fast": "model.lr: must be a valid number, got 'fast'.",
    "model.lr=.nan": "model.lr: must be a finite number, got nan.",
    "model.resnet_config.block_list.0.padding=full": (
        "model.resnet_config.block_list.0.padding: must be a valid integer or 'same', got 'full'."
    ),
    "model.mlp_config.block_list=[]": (
        "model.mlp_config.block_list: must be a list of at least 1 item"
    ),
    "model.resnet_config=null": "model.resnet_config: must be a mapping, got None.",
    "population_size=1": "population_size: must be greater than or equal to 2, got 1.",
    "epochs=0": "epochs: must be greater than or equal to 1, got 0.",
    "epochs=1.5": "epochs: must be a valid integer, got 1.5.",
    "budget=4": "budget: must be a mapping such as {trials: 4}, got 4.",
    "budget=ten": "budget: must be a mapping such as {trials: 20}, got 'ten'.",
    "model.optimizer=adagrad": "model.optimizer: unknown optimizer 'adagrad'; did you mean 'optax.",
    "searcher=NSGAIISampler": (
        "searcher: unknown searcher 'NSGAIISampler'; did you mean 'optuna.NSGAIISampler'?"
    ),
    "model.resnet_config.block_list.0.activation_fun=swish": (
        "model.resnet_config.block_list.0.activation_fun: must be the name of an activation "
        "(hptjax calls it 'silu'), got 'swish'."
    ),
    "budget.seconds=0": "budget.seconds: must be greater than 0, got 0.",
    "strategies=[des, foo]": "strategies: unknown searcher 'foo'; known are des, ",
    "strategies=[{label: a}]": "strategies: must be names, or mappings such as {name: des}",
    "strategies=[{name: des, label: 3}]": "strategies.label: must be 1 to 64 of the characters",
    "schedule=halve": "schedule: unknown schedule 'halve'; did you mean 'halving'?",
    "schedule={name: halving, rate: 3}": "schedule.rate: unknown key; known are epochs, first",
    "first=[{lrr: 7}]": "first.0.lrr: not in the space; did you mean 'lr'?",
    "first=[{lr: 7}]": "first.0.lr: must be a number in [",
    "strategies=[des, des]": "strategies: must not repeat one",
    "metric=loss": "metric: classification has no 'loss'; did you mean 'val_loss'?",
    "data.source=mnist": "data.source: must be sample, fashion_mnist, folder:<path>, idx:<path>",
    "space.lr.lo=1": "space.lr.lo: unknown key; did you mean 'low'?",
    "space.lr.low=0": "space.lr: must be greater than 0, got 0.0.",
    "space.mlp_do_l0.high=1": "space.mlp_do_l0: must be less than 1, got 1.0.",
    "space.lrate={type: float, low: 1, high: 2}": (
        "space.lrate: unknown hparam; hptjax calls it 'lr'."
    ),
    "space.resnet_stride_l2={type: int, low: 1, high: 2}": (
        "space.resnet_stride_l2: the model has 2 residual blocks, numbered from 0; "
        "did you mean 'resnet_stride_l1'?"
    ),
    "space.mlp_out_l1={type: int, low: 1, high: 2}": (
        "space.mlp_out_l1: cannot be tuned, the last MLP layer has one unit per class."
    ),
    "space.mlp_af_l0={type: int, low: 1, high: 2}": "space.mlp_af_l0: must be a list of choices",
    "space.mlp_af_l0={choices: [relu, rely]}": "space.mlp_af_l0: must be the name of an",
    "space.mlp_bn_l0={choices: [true, 1]}": (
        "space.mlp_bn_l0: choices True and 1 mean the same network; leave one of them out."
    ),
    'space.mlp_af_l0={choices: ["None", none, relu]}': (
        "space.mlp_af_l0: choices 'None' and 'none' mean the same network"
    ),
    "space.mlp_af_l1={choices: [none, tanh, logsoftmax]}": (
        "space.mlp_af_l1: choices 'none' and 'logsoftmax' mean the same network"
    ),
    "space.resnet_stride_l0={choices: [3, 3.2]}": (
        "space.resnet_stride_l0: choices 3 and 3.2 mean the same network"
    ),
    "space.resnet_padding_l1={choices: [0, same]}": (
        "space.resnet_padding_l1: choices 0 and 'same' mean the same network"
    ),
    "strategies.0.start.lr=5": "strategies.des.start.lr: must be a number in [0.001, 0.1], got 5.",
    "strategies.0.start.lrr=5": "strategies.des.start.lrr: not in the space; did you mean 'lr'?",
    "strategies.0.presett=paper": "strategies.des.presett: unknown key; did you mean 'preset'?",
    "strategies.0.preset=r": (
        "strategies.des.preset: must be one of release, release-original, tevc, paper, paper-log"
    ),
}


@pytest.mark.parametrize("override", MISTAKES)
def test_mistakes_are_one_line_with_path_rule_and_value(override):
    with pytest.raises(ConfigError) as caught:
        load_study(QUICKSTART, [override])
    message = str(caught.value)
    culprit, _, _ = message.partition(": " + MISTAKES[override])
    assert MISTAKES[override] in message
    assert culprit == f"--set {override if len(override) <= 60 else f'{override[:57]}...'}"
    assert "\n" not in message


def test_a_partial_start_point_is_refused():
    tree = load_study(QUICKSTART).to_dict()
    del tree["strategies"][0]["start"]["lr"]
    with pytest.raises(ConfigError, match=r"strategies\.des\.start\.lr: must be given"):
        StudyConfig.from_dict(tree)


def test_a_misspelt_key_is_reported_before_the_missing_one():
    tree = load_study(QUICKSTART).to_dict()
    tree["modell"] = tree.pop("model")
    with pytest.raises(ConfigError, match=r"modell: unknown key; did you mean 'model'\?$") as error:
        StudyConfig.from_dict(tree)
    assert error.value.more == 1


@pytest.mark.parametrize("override", ["epochs", "=3", "a..b=1", "epochs=[1", "epochs.x=1"])
def test_malformed_overrides(override):
    with pytest.raises(ConfigError, match=f"--set {override[:4]}".replace("[", r"\[")):
        load_study(QUICKSTART, [override])


def test_override_index_out_of_range():
    with pytest.raises(ConfigError, match="'7' must be an index from 0 to 1"):
        load_study(QUICKSTART, ["model.resnet_config.block_list.7.stride=1"])


def test_syntax_errors_name_file_and_line(tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text("model: model.yaml\nspace:\n  lr: {type: float\nseed: 1\n")
    with pytest.raises(ConfigError, match=r"bad\.yaml:4: "):
        load_study(path)


def test_a_key_given_twice_is_an_error(tmp_path):
    path = tmp_path / "twice.yaml"
    path.write_text("seed: 1\nepochs: 2\nseed: 3\n")
    with pytest.raises(ConfigError, match=r"twice\.yaml:3: key 'seed' is given twice"):
        load_study(path)


@pytest.mark.parametrize(("text", "value"), [("1e-3", 1e-3), ("1E2", 100.0), ("+.5e1", 5.0)])
def test_exponents_without_a_point_are_numbers(text, value):
    assert load_model_config(CONFIGS / "model.yaml", [f"lr={text}"]).lr == value


def test_missing_files_say_what_is_there(tmp_path):
    with pytest.raises(ConfigError, match=r"nope\.yaml: no such file; .* holds .*quickstart\.yaml"):
        load_study(CONFIGS / "nope.yaml")
    with pytest.raises(ConfigError, match=r"its folder .* does not exist"):
        load_study(tmp_path / "a" / "b.yaml")
    with pytest.raises(ConfigError, match="is a folder"):
        load_study(tmp_path)
    (tmp_path / "study.yaml").write_text("model: gone.yaml\nspace: gone.yaml\n")
    with pytest.raises(ConfigError, match=r"gone\.yaml: no such file"):
        load_study(tmp_path / "study.yaml")


@pytest.mark.parametrize("text", ["", "- 1\n", "just text\n"])
def test_files_that_hold_no_mapping(text, tmp_path):
    path = tmp_path / "odd.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"odd\.yaml: must hold a mapping"):
        load_study(path)


def test_a_model_is_not_a_study():
    with pytest.raises(ConfigError, match=r"space: must be given.*only a model\?"):
        load_study(CONFIGS / "model.yaml")


def test_no_activation_may_be_written_in_the_originals_ways():
    tree = load_model_config(CONFIGS / "model.yaml").to_dict()
    for text in ("none", "None", None):
        tree["mlp_config"]["block_list"][0]["activation_fun"] = text
        layer = ModelConfig.from_dict(tree).mlp_config.block_list[0]
        assert layer.activation_fun == "none"


def test_packaged_configs_are_found_by_name_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load_study("quickstart") == load_study(QUICKSTART)
    assert load_model_config("model") == load_model_config(CONFIGS / "model.yaml")
    assert {"quickstart", "trial1", "model", "big_model"} <= set(packaged_configs())
    (tmp_path / "model").write_text("lr: 1")  # a file of the user's own comes first
    with pytest.raises(ConfigError, match="model: "):
        load_model_config("model")
