"""What a run says from its first second on: what is compiled, what begins, how far it is."""

import io
import re
from dataclasses import replace

import numpy as np
import pytest

from hptjax.errors import ConfigError
from hptjax.executors.compiling import compiling_text
from hptjax.executors.local import local_executor
from hptjax.models.signature import net_shape
from hptjax.population import make_plan
from hptjax.population.price import KERNELS, LANES, LOOPS
from hptjax.population.speed import epoch_seconds
from hptjax.report.progress import EVERY_S, ProgressLines
from hptjax.search import run_study
from hptjax.space import Categorical, Float, Integer, Space
from hptjax.transpile.problem import Problem
from tests.fakes import FakeExecutor, data, study
from tests.nets import config
from tests.test_study_loop import Messages


def text_of(space):
    problem = Problem(study(space).model, space, data().image)
    return compiling_text(make_plan(problem.cover(), capacity=8, price=KERNELS), problem)


WIDE = Integer(16, 128)


@pytest.mark.parametrize(
    ("entries", "text"),
    [
        ({"lr": Float(0.01, 0.1)}, "1 body, about 1.7 s of compiling."),
        ({"resnet_stride_l0": Integer(1, 3)}, "3 bodies, about 2.8 s of compiling."),
        (
            {"batch_size": WIDE},
            "32 bodies, about 18 s of compiling, and 0.6 s for each further shape that turns up: "
            "batch_size has 113 values; {choice: [16, 32, 64, 128]} makes 4.",
        ),
        (
            {"batch_size": Integer(10, 26, step=2), "resnet_stride_l0": Categorical((1, 2))},
            "18 bodies, about 11 s of compiling.",  # nine values and two: no one to blame
        ),
        (
            {"batch_size": Integer(9, 30)},
            "22 bodies, about 13 s of compiling: "
            "batch_size has 22 values; {choice: [9, 16, 23, 30]} makes 4.",
        ),
    ],
)
def test_bodies_are_said_with_what_would_make_them_fewer(entries, text):
    assert text_of(Space(entries)) == text


def test_bodies_are_said_before_anything_begins_and_when_they_are_compiled():
    sink = Messages()
    config = study(
        Space({"resnet_stride_l0": Integer(1, 2)}),
        strategies=("random",),
        population_size=2,
        budget={"generations": 2},
    )
    run_study(config, data(), sinks=[sink])
    assert sink.messages[0].startswith("2 bodies, about ")
    assert re.fullmatch(
        r"A generation of 2 networks takes about [\d.]+ s of training, and [\d.]+ MiB beside the "
        r"images\.",
        sink.messages[1],
    )
    assert sink.messages[2].startswith("Compiled in ")
    assert len(sink.messages) == 3


@pytest.mark.parametrize(("repeats", "networks"), [(1, 3), (2, 6)])
def test_a_generation_is_said_with_the_networks_that_are_trained(repeats, networks):
    said = []
    few = {"population_size": 8, "budget": {"trials": 3}, "repeats": repeats}
    local_executor(study(strategies=("random",), **few), data(), said.append)
    assert said[-1].startswith(f"A generation of {networks} networks takes")


@pytest.mark.parametrize("price", [KERNELS, LOOPS, LANES])
def test_seconds_of_training_follow_the_images_and_the_network(price):
    narrow, wide = (
        net_shape(config(channels=(count,), kernels=(3,), strides=(1,))) for count in (4, 16)
    )
    few, many = (epoch_seconds([(narrow, narrow)], price, count, 0) for count in (320, 3200))
    assert many == pytest.approx(10 * few)
    padded, most = (epoch_seconds([(wide, own)], price, 320, 0) for own in (narrow, wide))
    assert 0 < few < padded <= most
    assert (padded < most) == price.live  # kernels compute no channels that are padding
    measured = epoch_seconds([(narrow, narrow)], price, 320, 320)
    assert few < measured < 2 * few
    mean = epoch_seconds([(narrow, narrow), (wide, wide)], price, 320, 0)
    assert mean == pytest.approx((few + most) / 2)


def lines(clock=lambda: 0.0, **changes):
    stream = io.StringIO()
    config = study(**({"strategies": ("random",), "budget": {"generations": 2}} | changes))
    run_study(config, data(), executor=FakeExecutor(), sinks=[ProgressLines(stream, clock=clock)])
    return stream.getvalue().splitlines()


def test_a_log_file_says_what_begins_and_no_epoch_that_is_short():
    begins, first, second, ends = lines()
    assert begins == "random: begins, up to 16 trials"
    assert first.startswith("random generation 1: 8 trials")
    assert second.startswith("random generation 2: 8 trials")
    assert ends.startswith("random: stopped by generation budget")
    assert lines(budget={"seconds": 0.001})[0] == "random: begins"


def test_a_log_file_says_each_epoch_that_is_long():
    now = iter(np.arange(1000) * EVERY_S)
    said = [line for line in lines(lambda: float(next(now))) if "epoch" in line]
    assert len(said) == 4
    assert said[0].startswith("random: epoch 1 of 8 networks, lowest val_loss ")


def test_a_sampled_plan_says_the_price_of_its_platform():
    problem = Problem(study().model, study().space, data().image)
    plan = make_plan(problem.cover(), capacity=8)
    dear = replace(plan, price=replace(plan.price, body_seconds=3600.0))
    minutes = dear.price.compile_seconds(plan.bodies) / 60
    assert minutes > 20 * plan.price.compile_seconds(plan.bodies)
    assert f"about {minutes:.0f} min of compiling" in compiling_text(dear, problem)


SNAPPING = Integer(16, 128, log=True, grid=(16, 32, 64, 128), snap=True)


def test_a_space_that_snaps_compiles_for_its_grid_alone():
    assert text_of(Space({"batch_size": SNAPPING})) == "4 bodies, about 3.4 s of compiling."


def test_what_snaps_is_a_repair_that_is_recorded():
    space = Space({"lr": Float(0.001, 0.08), "batch_size": SNAPPING})
    result = run_study(study(space, strategies=("random",)), data(), executor=FakeExecutor())
    assert {trial.config["batch_size"] for trial in result.trials} <= {16, 32, 64, 128}
    for trial in result.trials:
        asked, taken = trial.hparams["batch_size"], trial.config["batch_size"]
        assert abs(np.log(asked / taken)) <= np.log(2) / 2
        said = [change for change in trial.changes if change.path == "batch_size"]
        assert [(c.old, c.new, c.why) for c in said] == (
            [] if asked == taken else [(asked, taken, "the nearest grid point")]
        )
    assert sum(t.hparams["batch_size"] != t.config["batch_size"] for t in result.trials) > 16


def test_a_snapping_entry_is_read_and_written():
    tree = {"batch_size": {"type": "int", "low": 16, "high": 128, "step": 1}}
    tree["batch_size"] |= {"grid": [16, 128], "snap": True}
    space = Space.from_dict(tree)
    assert space.to_dict() == tree
    assert "snap" not in Space({"batch_size": Integer(16, 128)}).to_dict()["batch_size"]
    assert [space["batch_size"].nearest_point(v) for v in (16, 71, 72, 73)] == [16, 16, 16, 128]


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        (Float(0.001, 0.1, snap=True), "space.lr.snap: must be false; only strides, kernels"),
        ({"type": "float", "low": 0.1, "high": 1, "snap": 1}, "snap must be true or false, got 1"),
    ],
)
def test_snap_where_it_means_nothing_is_refused(entry, text):
    with pytest.raises(ConfigError, match=text):
        study({"lr": entry} if isinstance(entry, dict) else Space({"lr": entry}))
