"""The table of prices by kind of device, and a user's calibration, which changes only texts."""

from dataclasses import dataclass, replace

import jax
import numpy as np
import pytest

from hptjax.cli import main as cli
from hptjax.cli.calibrate import Measured, factors
from hptjax.errors import ConfigError
from hptjax.executors.compiling import compile_seconds, training_text
from hptjax.models.signature import net_shape
from hptjax.population import PopulationTrainer, make_plan
from hptjax.population import calibration as module
from hptjax.population.calibration import calibration_file, factors_of, keep_factors
from hptjax.population.execution import Execution
from hptjax.population.groups import group_prices, slowest_price
from hptjax.population.price import KERNELS, LANES, LOOPS, price_for
from hptjax.population.prices import TABLE, read_table, table
from hptjax.population.speed import generation_seconds
from hptjax.transpile import Problem
from tests import fakes
from tests.nets import config, images

CPU = jax.devices()[0]


@dataclass(frozen=True)
class Device:
    platform: str
    device_kind: str


@pytest.fixture
def file(tmp_path, monkeypatch):
    path = tmp_path / "folder" / "mine.yaml"
    monkeypatch.setenv("HPTJAX_CALIBRATION", str(path))
    return path


def test_the_prices_are_those_that_histories_were_made_with():
    """Another number chooses other bodies, and so rounds otherwise."""
    assert (KERNELS.live, KERNELS.per_number, KERNELS.per_second) == (True, 200, 4.8e11)
    assert (LOOPS.live, LOOPS.per_number, LOOPS.per_second) == (False, 400, 2e11)
    assert (LANES.live, LANES.per_number, LANES.per_second) == (False, 275, 2.6e13)
    assert LANES.per_step == 0.16e-3 * 2.6e13
    assert [price.body_seconds for price in (KERNELS, LOOPS, LANES)] == [0.85, 4.2, 17.0]


def test_a_device_without_a_row_has_that_of_its_platform():
    assert {row.kind for row in table().devices} >= set(table().fallback.values())
    for platform, kind in (("gpu", "a card of tomorrow"), ("tpu", None), ("cuda", "another")):
        assert price_for(platform, kind) == LANES
    for row in table().devices:
        assert row.price_fitted.on
        assert row.price_fitted.by
        assert (row.seconds is None) == (row.seconds_fitted is None)


def test_the_row_of_a_kind_is_found_before_the_fallback():
    first = table().devices[2]
    other = first.model_copy(
        update={"kind": "mine", "price": dict(first.price) | {"body_seconds": 1.0}}
    )
    own = table().model_copy(update={"devices": [*map(dict, table().devices), dict(other)]})
    assert own.row("gpu", "mine").price.body_seconds == 1
    assert own.row("gpu", "yours").price.body_seconds == 17


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("per_second: 4.8e+11", "per_second: fast", "devices.0.price.per_second: must be"),
        ("fallback:", "fallbacks:", "fallbacks: unknown key; did you mean 'fallback'"),
        ("compiling:", "compiling: [", "prices.yaml:"),
    ],
)
def test_a_damaged_table_is_named(tmp_path, old, new, text):
    path = tmp_path / "prices.yaml"
    path.write_text(TABLE.read_text().replace(old, new, 1))
    with pytest.raises(ConfigError, match=text):
        read_table(path)


def test_factors_are_kept_for_each_device_and_found_again(file):
    gpu = Device("gpu", "NVIDIA H200")
    assert factors_of(CPU).training == factors_of(gpu).training == 1
    first = factors_of(CPU).model_copy(update={"training": 1.5, "compiling": 0.5})
    other = factors_of(gpu).model_copy(update={"training": 0.25})
    for own in (first, other, first.model_copy(update={"training": 2.0})):
        assert keep_factors(own) == file
    assert (factors_of(CPU).training, factors_of(CPU).compiling) == (2.0, 0.5)
    assert factors_of(gpu) == other
    assert factors_of(Device("gpu", "NVIDIA H100 80GB HBM3")).training == 1
    assert file.read_text().startswith("# Written by `hptjax calibrate`")


def test_factors_of_another_table_are_not_used(file, monkeypatch):
    keep_factors(factors_of(CPU).model_copy(update={"training": 2.0}))
    monkeypatch.setattr(module, "table_digest", lambda: "another")
    assert factors_of(CPU).training == 1


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("devices: [{device: x}]", "devices.0.kernels: must be given"),
        ("devices: [", "not valid|expected|did not find"),
        ("hello", "must hold a mapping"),
    ],
)
def test_a_damaged_calibration_is_named_with_what_to_do(file, text, wrong, capsys):
    file.parent.mkdir()
    file.write_text(text)
    with pytest.raises(ConfigError, match=wrong) as raised:
        factors_of(CPU)
    assert str(raised.value).startswith(str(file))
    assert str(raised.value).count(str(file)) == 1
    assert "run hptjax calibrate again" in str(raised.value)
    assert cli.main(["calibrate"]) == 2
    assert str(file) in capsys.readouterr().err


def test_a_calibration_that_is_switched_off_is_neither_read_nor_written(file, monkeypatch):
    keep_factors(factors_of(CPU).model_copy(update={"training": 2.0}))
    monkeypatch.setenv("HPTJAX_CALIBRATION", "0")
    assert calibration_file() is None
    assert factors_of(CPU).training == 1
    with pytest.raises(ConfigError, match="HPTJAX_CALIBRATION is 0"):
        keep_factors(factors_of(CPU))
    monkeypatch.delenv("HPTJAX_CALIBRATION")
    path = calibration_file()
    assert path is not None
    assert path.parts[-2:] == ("hptjax", "calibration.yaml")


def test_a_calibration_changes_seconds_and_no_plan(file):
    """One seed, one history: bodies, lanes and dealing come from the packaged table."""
    study = fakes.study()
    problem = Problem(study.model, study.space, fakes.data().image)

    def all_of():
        plan = make_plan(problem.cover(), capacity=8, samples=1e6)
        trainer = PopulationTrainer(
            plan, images(64), images(32, seed=1), seed=0, horizon=1, devices=[CPU]
        )
        text = training_text(trainer, problem, epochs=1000, validation=32, marks=False)
        return plan, trainer.execution, trainer.room, text, compile_seconds(plan, plan.bodies)

    *before, said, compiled = all_of()
    keep_factors(factors_of(CPU).model_copy(update={"training": 50.0, "compiling": 3.0}))
    *after, now, longer = all_of()
    assert before == after
    assert said != now
    assert longer == pytest.approx(3 * compiled)


def test_seconds_of_lanes_are_those_of_the_slowest_devices_groups():
    nets = [config(units=units) for units in (4, 8)] + [config(batch_size=24)]
    plan = make_plan(nets, max_bodies=2, capacity=12, price=LANES)
    lanes, counts = (4, 2), np.round(12 * np.array(plan.shares))
    prices = group_prices(plan.bodies, lanes, LANES)
    pairs = [(plan.bodies[plan.body_of(net_shape(net))], net_shape(net)) for net in nets]
    for places in (1, 3):
        whole = 320 * slowest_price(counts, lanes, prices, places) / LANES.per_second
        took = generation_seconds(plan, Execution(lanes), places, pairs, 320, 0)
        assert took == pytest.approx(whole)


def test_factors_are_geometric_means_of_measured_over_predicted_seconds():
    one = Measured("one", 1, 2.0, 5.0, 10.0, None, None, [9.0, 1.0])
    found = factors([one, replace(one, epochs_s=[4.0], compiled_s=2.5)])
    assert found == {"training": 1.0, "compiling": 1.0}


def test_calibrate_measures_prints_and_keeps_factors(file, capsys, monkeypatch):
    monkeypatch.setattr(cli, "set_up", lambda **options: None)
    tiny = ["calibrate", "--networks", "1", "--repeats", "2", "--steps", "2"]
    assert cli.main(tiny) == 0
    said = capsys.readouterr().out
    assert "optuna_mlp" in said
    assert f"Written: {file}" in said
    kept = factors_of(CPU)
    assert kept.training > 0
    assert kept.training != 1
    twice = Measured("twice", 1, 1.0, 1.0, 2.0, None, None, [2.0])
    monkeypatch.setattr("hptjax.cli.calibrate.measured", lambda *_, **options: [twice])
    assert cli.main([*tiny, "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "training takes 2.00 times, compiling 2.00 times" in said
    assert "Nothing was written." in said
    assert factors_of(CPU) == kept
    with pytest.raises(SystemExit):
        cli.main([*tiny[:-1], "0"])
    assert "must be a whole number of at least 1" in capsys.readouterr().err
