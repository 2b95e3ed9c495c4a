"""What errors say: words of other tools have answers, guesses are near, control characters show."""

import pytest

import hptjax
from hptjax.config.augment import AUGMENTATIONS
from hptjax.config.hparams import TABLE, hparam_names
from hptjax.config.load import load_model_config
from hptjax.config.options import known_options
from hptjax.config.parts import ACTIVATIONS, LAYERS
from hptjax.config.recipe import PRECISIONS
from hptjax.config.schema import ModelConfig
from hptjax.errors import ConfigError, did_you_mean, printable
from hptjax.space import Space
from hptjax.strategies.table import check_options
from hptjax.study import load_study
from hptjax.study.config import StudyConfig
from hptjax.synonyms import NAMES, NOTES

HPARAMS = list(hparam_names(load_model_config("model")))


@pytest.mark.parametrize(
    ("word", "answer"),
    [
        ("learning_rate", "hptjax calls it 'lr'."),
        ("dropout", "hptjax calls it 'mlp_do_l0', 'mlp_do_l1'."),
        ("activation", "hptjax calls it 'mlp_af_l0', 'mlp_af_l1'."),
        ("momentum", "hptjax calls it 'beta_1'."),
        ("optimiser", "hptjax calls it 'optimizer'."),
        ("sgd", "write optimizer: {sgd: {momentum: 0.9, nesterov: true}} in the model."),
        ("scheduler", "hptjax calls it 'lr_schedule'."),
        ("epochs", "it is the study's, one for all networks, as in epochs: 9 beside model."),
        ("lrr", "did you mean 'lr'?"),
        ("resnet_strid_l0", "did you mean 'resnet_stride_l0'?"),
    ],
)
def test_words_of_the_field_as_hparams(word, answer):
    assert did_you_mean(word, HPARAMS) == answer


@pytest.mark.parametrize("word", ["foo", "zzz", "resnet", "x" * 100_000, "\x00", ""])
def test_a_far_guess_is_none(word):
    assert "hptjax calls it" not in did_you_mean(word, HPARAMS)
    if not any(name.startswith(word) for name in HPARAMS):
        assert did_you_mean(word, HPARAMS).startswith("known are augment, batch_size")


def test_where_nothing_is_known_nothing_is_guessed():
    assert did_you_mean("foo", []) == "it takes none."
    with pytest.raises(ConfigError, match=r"strategies\.random\.foo: unknown key; it takes none\."):
        check_options("random", {"foo": 1})


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("loguniform", "{float: [0.0001, 0.1], log: true}"),
        ("categorical", "{choice: [a, b]}"),
        ("bool", "{choice: [false, true]}"),
        ("uniform", "{float: [0.1, 1]}"),
        ("randint", "{int: [1, 9]}"),
    ],
)
def test_types_of_other_tools_name_ours(kind, answer):
    with pytest.raises(ConfigError, match="must be one of float, int, choice") as caught:
        Space.from_dict({"lr": {"type": kind, "low": 0.1, "high": 1}})
    assert answer in str(caught.value)
    with pytest.raises(ConfigError, match="must be one of float, int, choice") as caught:
        Space.from_dict({"lr": {kind: [0.1, 1]}})
    assert answer in str(caught.value)


def test_the_short_form_of_an_entry_is_read_by_a_space_itself():
    short = {"lr": {"float": [0.1, 1], "log": True}, "optimizer": {"choice": ["adam", "sgd"]}}
    long = {
        "lr": {"type": "float", "low": 0.1, "high": 1, "log": True},
        "optimizer": {"choices": ["adam", "sgd"]},
    }
    assert Space.from_dict(short) == Space.from_dict(long)
    with pytest.raises(ConfigError, match=r"space\.lr\.float: must be \[low, high\], got 3\."):
        Space.from_dict({"lr": {"float": 3}})


def test_real_numbers_have_steps_but_not_on_a_log_scale():
    Space.from_dict({"lr": {"type": "float", "low": 0.1, "high": 1, "step": 0.1}})
    with pytest.raises(ConfigError, match=r"lr: a log scale has no steps, got step=0\.1: leave"):
        Space.from_dict({"lr": {"type": "float", "low": 0.1, "high": 1, "step": 0.1, "log": True}})


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ({"layers": [{"Conv2d": 8}]}, "did you mean 'conv'?"),
        ({"layers": [{"MaxPooling2D": 2}]}, "did you mean 'max_pool'?"),
        ({"layers": ["LeakyReLU"]}, "write activation: leaky_relu, as a layer or within one."),
        ({"layers": [{"max_pool": {"kernel_size": 2}}]}, "hptjax calls it 'size'."),
        ({"layers": [{"conv": {"out_channels": 8, "activation": "ReLU"}}]}, "did you mean 'relu'?"),
        ({"optimizer": "Adam"}, "did you mean 'adam'?"),
        ({"flax": {"module": 3}}, "must be a class, as Net, or its place"),
    ],
)
def test_words_of_other_tools_lead_to_ours(model, told):
    with pytest.raises(ConfigError) as caught:
        hptjax.Model(**({} if "flax" in model else {"layers": ["flatten", "head"]}) | model)
    assert told in str(caught.value)


def test_names_of_other_tools_lead_to_ours_in_python():
    for name, ours in (("randint", "integer"), ("log_uniform", "loguniform")):
        with pytest.raises(AttributeError, match=f"no attribute '{name}'; .*'{ours}'"):
            getattr(hptjax, name)
    with pytest.raises(AttributeError, match=r"no attribute '__nothing__'$"):
        vars(hptjax)["__getattr__"]("__nothing__")
    for source, told in (("sampel", "did you mean 'sample'?"), ("csv:a.csv", "from_dataframe")):
        with pytest.raises(ConfigError) as caught:
            hptjax.load_images(source)
        assert told in str(caught.value)


def test_every_name_in_the_table_of_words_exists():
    fields = {*ModelConfig.model_fields, *StudyConfig.model_fields, "data", "source"}
    fields |= {"in_size", "out_size", "activation_fun", "batch_norm", "dropout", "stride"}
    fields |= {"out_channels", "kernel_size", "trials", "seconds", "workers"}
    fields |= {"optimizer.momentum", "out_features", "activation", "norm"}
    fields |= {"low", "high", "step", "choices", "log", "tpe", "grid", "random"}
    fields |= {*PRECISIONS, *AUGMENTATIONS.names(), *ACTIVATIONS.names(), *LAYERS.names()}
    fields |= {"run", "train", "evaluate", "report", "status", "describe", "list"}  # commands
    fields |= {rule.pattern.removesuffix("{i}") for rule in TABLE}
    fields |= {
        *hptjax.__all__,
        *known_options("max_pool", LAYERS.find("max_pool", "")),
        "pool_size",
    }
    for word, meant in NAMES.items():
        assert set(meant) <= fields, word
    assert all(word == word.lower() for word in (*NAMES, *NOTES))


def test_the_study_knows_the_words_of_other_tools():
    with pytest.raises(ConfigError, match=r"sampler: unknown key; hptjax calls it 'strategies'"):
        load_study("quickstart", ["sampler=tpe"])
    with pytest.raises(ConfigError, match=r"n_trials: unknown key; it stands in budget"):
        load_study("quickstart", ["n_trials=7"])
    with pytest.raises(ConfigError, match=r"budget\.n_trials: unknown key; .* calls it 'trials'"):
        load_study("quickstart", ["budget.n_trials=7"])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a[/b]", "a[/b]"),
        ("\x1b[31m", r"\x1b[31m"),
        ("a\r\nb\t", r"a\r\nb\t"),
        ("\u202eevil", r"\u202eevil"),
        ("\udc80", r"\udc80"),
        ("é 日本 😀", "é 日本 😀"),
    ],
)
def test_what_a_terminal_would_act_upon_is_shown(text, shown):
    assert printable(text) == shown
