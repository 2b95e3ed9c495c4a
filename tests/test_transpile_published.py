"""Trials as the original study published them."""

import pytest

from hptjax.errors import ConfigError
from hptjax.transpile import model_from_trial, repair
from tests.walk import GREY, MODEL, TRIAL1, walk


def published(**hparams):
    """A config as the original study logged it: the model's dict with the tuned hparams beside."""
    return {**MODEL.to_dict(), **hparams}


# trial 0 of the published grid, random and Bayesian searches, and the published DES result
PUBLISHED = [
    ((0.001, 8, 8, 1, 64, True, 0.1), (8, 8, 1, 64, True, 392)),
    (
        (0.09867644444699951, 12, 15, 2, 122, False, 0.25017120470687676),
        (12, 15, 2, 122, False, 135),
    ),
    (
        (
            0.07736074368340785,
            15.976112196841447,
            6.697559746370172,
            1.396125729519248,
            111.92344848247116,
            0.0207519493594015,
            0.22806612933451784,
        ),
        (16, 7, 1, 112, False, 343),
    ),
    (
        (
            0.001971162967317335,
            11.957503438922371,
            7.642374433108825,
            1.0659080943932318,
            96.22168776117915,
            0.675370815565163,
            0.15051990119618966,
        ),
        (12, 8, 1, 96, True, 392),
    ),
]


@pytest.mark.parametrize(("values", "expected"), PUBLISHED)
def test_published_trials_load_and_become_the_networks_that_they_were(values, expected):
    hparams = dict(zip(TRIAL1.names, values, strict=True))
    lr = hparams.pop("lr")
    config = repair(model_from_trial(published(lr=lr, **hparams)), GREY).config
    blocks, layers = config.resnet_config.block_list, config.mlp_config.block_list
    assert config.lr == lr
    assert (
        blocks[0].out_channels,
        blocks[1].out_channels,
        blocks[0].stride,
        layers[0].out_size,
        layers[0].batch_norm,
        layers[0].in_size,
    ) == expected
    walk(config, GREY)


def test_a_trial_with_an_unknown_key():
    with pytest.raises(ConfigError, match="resnet_strid_l0: unknown key; did you mean"):
        model_from_trial(published(resnet_strid_l0=2))
