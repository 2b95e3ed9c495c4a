"""Which layers and spaces the benchmarks time: every row of the tables."""

import json
from functools import partial

import jax
import pytest

from experiments.benchmarks import layer_rates, space_rates
from experiments.benchmarks.layer_cases import Case, cases, names
from hptjax.config.parts import ACTIVATIONS, LAYERS, NORMS
from hptjax.models.layers.norms import BatchNorm

ALL = cases()


def test_every_row_of_the_tables_has_a_case():
    rows = {case.row for case in ALL}
    assert rows == set(names())
    assert set(LAYERS.names()) <= rows
    kinds = {type(case.layer) for case in ALL}
    assert {NORMS.find(word, word) for word in NORMS.names()} <= kinds
    functions = {case.layer.function for case in ALL if case.row == "activation"}
    # one looks across units, and maps come in
    assert functions == set(ACTIVATIONS.names()) - {"logsoftmax"}
    assert {"kernel_size=1x7", "dilation=2", "stride=2"} <= {
        case.text for case in ALL if case.row == "conv"
    }


@pytest.mark.parametrize("row", [row for row in names() if row != "flax"])
def test_every_case_can_be_traced_in_both_directions(row):
    for case in (case for case in ALL if case.row == row):
        x, weights, numbers = layer_rates._operands(case)
        forward = partial(layer_rates._forward, case)
        y = jax.eval_shape(forward, x, weights, numbers)
        found = jax.eval_shape(partial(layer_rates._both, forward), x, weights, numbers, y)
        assert found[0].shape == y.shape
        assert found[1][0].shape == x.shape


def test_a_layer_is_held_against_the_kernel_of_its_maps(capsys):
    maps = [(16, 28, 28), (32, 14, 14)]
    one = partial(Case, text="", layer=BatchNorm(), images=64)
    rates = [
        layer_rates.Rate(one(row="batch_norm", incoming=shape), 1, seconds, moved=8)
        for shape, seconds in zip(maps, (2, 4), strict=True)
    ]
    rates += [layer_rates.Rate(one(row="conv", incoming=shape), 1, 1, moved=1) for shape in maps]
    slow = layer_rates.Rate(one(row="slow", incoming=maps[1]), 3, 8, moved=8)
    found = layer_rates.report([*rates, slow])[-1]
    assert found["of the kernels'"] == 0.5
    assert (found["ms forward"], found["ms backward"], found["GB/s"]) == (3e3, 5e3, 1)
    assert "slow" in capsys.readouterr().out


def test_rates_of_a_space_are_those_of_its_searches(monkeypatch, capsys):
    def compare(args):
        assert (args.name, args.rounds) == ("keras_cnn", 2)
        ours = {"search_s": 3.0, "compile_s": 1.0}
        study = type("Study", (), {"budget": type("Budget", (), {"trials": 4}), "epochs": 5})
        theirs = {"search_s": 6.0, "compile_s": 0.0}
        return {"hptjax": [ours] * 2, "torch processes": [theirs] * 2}, study, {"epoch": 100}

    monkeypatch.setattr(space_rates, "compare", compare)
    assert space_rates.report("keras_cnn", ["--rounds", "2"]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])["keras_cnn"]
    assert found["samples"] == 2000
    assert found["torch processes / hptjax"] == 3
