"""A study on a Ray of several nodes, workers and a node of which are lost: the same history."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest

from hptjax.errors import ConfigError
from hptjax.population import Member
from hptjax.records import Status
from hptjax.records.journal import Journal
from hptjax.search import run_study
from hptjax.search.generation import trial_key
from hptjax.space import Categorical, Float, Integer, Space
from hptjax.study.sink import Sink
from tests import fakes
from tests.ray_faults import VARIABLE, FaultyWorker, fault, faults_left

pytest.importorskip("ray")

import ray
from ray.cluster_utils import Cluster

from hptjax.executors.ray import calls, population
from hptjax.executors.ray import crew as crew_module
from hptjax.executors.ray.connect import connected
from hptjax.executors.ray.crew import Crew
from hptjax.executors.ray.executor import RayExecutor

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow
SPACE = Space(
    {
        "lr": Float(0.001, 0.02, log=True),
        "resnet_out_channels_l0": Integer(2, 6),
        "optimizer": Categorical({"adam": "adam", "heavy": {"sgd": {"momentum": 0.9}}}),
        "lr_schedule": Categorical({"none": "constant", "waves": "cosine"}),
        "warmup": Float(0.0, 0.3),
        "augment": Categorical({"none": [], "light": ["flip", {"crop": 1}]}),
        "task.label_smoothing": Float(0.0, 0.2),
    }
)  # one signature: compiled once, then taken from the cache


KILLED_DRIVER = """
import os, signal, sys
from pathlib import Path
from hptjax.records.journal import Journal
from hptjax.search import run_study
from hptjax.study.sink import Sink
from tests import fakes
from tests.test_study_ray import config

class Killing(Sink):
    made = 0
    def generation(self, record, *, replayed):
        self.made += 1
    def epoch(self, strategy, epoch, metrics):
        if self.made == 1 and epoch == 2:
            os.kill(os.getpid(), signal.SIGKILL)

ray = {"name": "ray", "address": sys.argv[2], "resources": {"driven": 1}}
with Journal(Path(sys.argv[1])) as journal:
    run_study(config(executor=ray), fakes.data(), journal=journal, sinks=[Killing()])
"""


def config(**changes):
    tree = {"population_size": 6, "budget": {"generations": 2}, "epochs": 4}
    schedule = {"name": "halving", "reduction": 2}
    tree |= {"strategies": ["random"], "schedule": schedule}
    return fakes.study(SPACE, **tree | changes)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A head without cores and a node of one; programs are compiled once for all workers."""
    patch = pytest.MonkeyPatch()
    patch.setenv(VARIABLE, str(tmp_path_factory.mktemp("faults")))
    patch.setenv("HPTJAX_COMPILE_CACHE", str(tmp_path_factory.mktemp("cache")))
    patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    patch.setenv("RAY_worker_niceness", "0")  # or they starve beside other tests
    patch.setattr(crew_module, "LOOK_S", 0.2)
    patch.setattr(calls, "POLL_S", 0.1)
    before = jax.config.values["jax_compilation_cache_dir"]
    jax.config.update("jax_compilation_cache_dir", os.environ["HPTJAX_COMPILE_CACHE"])
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    cluster.add_node(num_cpus=1)
    yield cluster
    jax.config.update("jax_compilation_cache_dir", before)
    cluster.shutdown()
    patch.undo()


@pytest.fixture(scope="module")
def second_node(cluster):
    return cluster.add_node(num_cpus=1)


@pytest.fixture(scope="module")
def crew(cluster):
    messages = []
    with (
        connected(cluster.address, 1),
        Crew(config(), fakes.data(), None, None, messages.append, FaultyWorker) as crew,
    ):
        crew.messages = messages
        yield crew


@pytest.fixture(scope="module")
def local():
    return run_study(config(), fakes.data())


def run(crew, max_retries=3, **options):
    executor = RayExecutor(crew, max_retries, crew.messages.append)
    return run_study(config(), fakes.data(), executor=executor, **options)


def ledgers(result, key):
    return [record.ledger[key] for record in result.generations]


def running(process):
    try:
        state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def both(crew):
    """Waits until both nodes have a worker."""
    while len(crew.gather(patient=True)) < 2:
        time.sleep(0.1)
    return crew


def test_one_worker_and_one_that_joins_have_the_history_of_the_local_executor(
    crew, local, cluster, request
):
    for name in ("optimizer", "lr_schedule", "augment"):
        assert len({trial.hparams[name] for trial in local.trials}) == 2
    assert run(crew).trials == local.trials

    class Joining(Sink):
        def generation(self, record, *, replayed):
            if record.generation == 0:
                request.getfixturevalue("second_node")
                both(crew)

    result = run(crew, sinks=[Joining()])
    assert result.trials == local.trials
    assert ledgers(result, "workers") == [1, 2]


CHOSEN = {"select": "best_epoch", "patience": 1, "keep_best": 3, "schedule": "full"}


def chosen(executor=None):
    """The trials and the networks of a study that judges by best epochs."""
    kept = fakes.Kept()
    config_ = config(**CHOSEN)
    return run_study(config_, fakes.data(), executor=executor, keeper=kept).trials, kept.networks


@pytest.fixture(scope="module")
def local_chosen():
    return chosen()


def check_chosen(found, expected):
    assert found[0] == expected[0]
    assert found[1].keys() == expected[1].keys()
    jax.tree.map(np.testing.assert_array_equal, found[1], expected[1])


def test_one_worker_keeps_what_the_local_executor_keeps(crew, local_chosen):
    assert any(trial.age < 4 for trial in local_chosen[0])
    assert {trial.epoch for trial in local_chosen[0]} > {4}
    check_chosen(chosen(RayExecutor(crew, 3, crew.messages.append)), local_chosen)


@pytest.mark.parametrize("saved", [True, False])
def test_marks_outlive_a_worker(crew, second_node, local_chosen, monkeypatch, saved):
    """Two workers, one of which is lost after members were marked on it."""
    monkeypatch.setattr(population, "COST_SHARE", 1e9 if saved else 1e-9)
    both(crew)
    fault("kill@3")
    found = chosen(RayExecutor(crew, 3, crew.messages.append))
    assert faults_left() == []
    check_chosen(found, local_chosen)


def test_marks_are_in_a_snapshot_of_workers(crew, second_node):
    executor = RayExecutor(both(crew), 3)
    members = [Member(config().model, 5 + k) for k in range(3)]
    started = executor.start(members)
    started.advance(1)
    started.mark([0, 2])
    first = [started.weights(k) for k in range(3)]
    started.advance(1)
    started.mark([1])
    second = started.weights(1)
    again = executor.restore(members, started.snapshot(), 2)
    for resident in (started, again):
        resident.advance(1)
        resident.keep([2, 1])
        for place, expected in enumerate((first[2], second)):
            marked = resident.weights(place, marked=True)
            jax.tree.map(np.testing.assert_array_equal, marked, expected)


@pytest.mark.parametrize("saved", [True, False])
@pytest.mark.parametrize("what", ["kill@1", "device@2"])
def test_a_worker_lost_within_an_epoch(crew, second_node, local, monkeypatch, what, saved):
    """Its members go on elsewhere, from their last state or from the start."""
    monkeypatch.setattr(population, "COST_SHARE", 1e9 if saved else 1e-9)
    both(crew)
    fault(what)
    result = run(crew)
    assert faults_left() == []
    assert result.trials == local.trials
    assert sum(ledgers(result, "workers_lost")) == 1
    assert sum(ledgers(result, "retries")) > 0


def test_a_worker_that_hangs(crew, second_node, local, monkeypatch):
    monkeypatch.setattr(crew_module, "GRACE_S", 5.0)
    monkeypatch.setattr(crew_module, "SLACK", 0.5)
    both(crew)
    run(crew)  # measures the speeds: before, nobody knows what is long
    fault("hang@2")
    result = run(crew)
    assert faults_left() == []
    assert result.trials == local.trials
    assert any("no answer within" in text for text in crew.messages)


def test_what_is_known_of_a_kind_outlives_its_workers(crew, second_node):
    here, there = both(crew).ready
    run(crew)
    known = crew.allowed(here, 1.0)
    for hand in (here, there):
        crew.lose(hand, "for a test")
    fresh = both(crew).ready
    assert all(hand.speed is None for hand in fresh)
    assert [crew.allowed(hand, 1.0) for hand in fresh] == pytest.approx([known] * 2, rel=0.01)


def test_a_machine_that_stood_still_is_no_worker_that_hangs(monkeypatch):
    clock = iter([0.0, 1.0, 3.0, 3000.0, 3001.0])
    monkeypatch.setattr(crew_module.time, "monotonic", lambda: next(clock))
    waited = crew_module.Waited()
    assert [waited.seconds() for _ in range(4)] == [1.0, 3.0, 8.0, 9.0]


def test_a_member_that_kills_its_workers_is_lost_and_no_other(crew, second_node, local):
    both(crew)
    poisonous = local.trials[2]
    fault("poison", str(trial_key("random", poisonous.number)))
    try:
        result = run(crew, max_retries=1)
    finally:
        taken = faults_left()
        os.unlink(os.path.join(os.environ[VARIABLE], "poison"))
    assert taken == ["poison"]
    lost = [trial for trial in result.trials if trial.status is Status.LOST]
    assert [trial.number for trial in lost] == [poisonous.number]
    assert "its worker was lost 2 times" in (lost[0].reason or "")
    assert lost[0].told is None


def test_a_population_goes_on_from_its_snapshot_and_keeps_its_weights(crew, second_node):
    executor = RayExecutor(both(crew), 3)
    candidates = [config().model.model_copy(update={"lr": lr}) for lr in (0.001, 0.002, 0.004)]
    members = [Member(candidate, 5 + k) for k, candidate in enumerate(candidates)]
    population = executor.start(members)
    fresh = population.snapshot()
    population.advance(2)
    population.keep([2, 0])
    arrays = population.snapshot()
    assert arrays.keys() == fresh.keys()
    again = executor.restore([members[2], members[0]], arrays, 2)
    expected, weights = population.advance(1).curves, population.weights(1)
    curves = again.advance(1).curves
    for name in expected:
        np.testing.assert_array_equal(curves[name], expected[name])
    jax.tree.map(np.testing.assert_array_equal, again.weights(1), weights)
    for hand in crew.ready:  # both are gone when the weights are asked for
        os.kill(hand.facts.process, signal.SIGKILL)
    jax.tree.map(np.testing.assert_array_equal, population.weights(1), weights)


def test_survivors_are_evened_out_by_moving_exact_states(crew, second_node, local):
    """All members that go on lie with one worker, until an epoch is expected to gain by moving."""
    executor = RayExecutor(both(crew), 3)
    members = [Member(config().model, 5 + k) for k in range(6)]
    alone = executor.start(members).advance(3).curves
    population = executor.start(members)
    population.advance(1)
    here, there = crew.ready
    here.speed = there.speed = population._prices[0] / 1e3  # epochs that are worth the way
    own = [k for k in range(6) if population._home[k] is here]
    population.keep(own)
    for speed_kept in range(2):
        here.speed = there.speed = population._prices[0] / 1e3
        curves = population.advance(1).curves
        homes = [hand is here for hand in population._home.values()]
        assert abs(2 * sum(homes) - len(homes)) <= 1
        for name in curves:
            np.testing.assert_array_equal(curves[name][0], alone[name][1 + speed_kept, own])


def test_a_driver_that_is_killed(crew, local, cluster, tmp_path):
    """Its workers go with it; whoever takes up the journal ends with the same history."""
    node = cluster.add_node(num_cpus=0, resources={"driven": 1})
    path = tmp_path / "journal.jsonl"
    command = [sys.executable, "-c", KILLED_DRIVER, str(path), cluster.address]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    with Journal(path) as journal:
        kinds = [record["kind"] for record in journal.records]
        assert kinds == ["data", "environment", "generation"]
        assert run(crew, journal=journal).trials == local.trials
    while ray.available_resources().get("driven") != 1:  # the test would not end
        time.sleep(0.05)
    cluster.remove_node(node)


def test_a_mistake_in_the_program_is_no_loss(crew):
    fault("bug@0")
    with pytest.raises(KeyError, match="a bug"):
        run(crew)


def test_no_room_for_a_worker(crew, cluster, second_node, monkeypatch):
    monkeypatch.setattr(crew_module, "START_S", 1.0)
    options = {"name": "ray", "address": cluster.address, "resources": {"GPU": 1}}
    with pytest.raises(ConfigError, match=r"no worker started .* CPU 2.0, and .* asks for GPU 1"):
        run_study(config(executor=options), fakes.data())


def test_a_node_that_is_removed_within_a_generation(crew, second_node, local, cluster):
    """The last test here: the node does not come back."""
    both(crew)

    gone = {hand.node: hand.facts.process for hand in crew.ready}[second_node.node_id]

    class Removing(Sink):
        def epoch(self, strategy, epoch, metrics):
            if epoch == 2 and second_node in cluster.worker_nodes:
                cluster.remove_node(second_node, allow_graceful=False)
                while running(gone):  # it dies after its node, and here an epoch takes no time
                    time.sleep(0.05)

    result = run(crew, sinks=[Removing()])
    assert result.trials == local.trials
    assert sum(ledgers(result, "workers_lost")) == 1


def test_signals_stay_ours_and_a_start_warns_of_nothing():
    code = (
        "import os, signal, sys, warnings, jax\n"
        "warnings.simplefilter('error')\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit('ours'))\n"
        "from hptjax.executors.ray.connect import _start\n"
        "_start(address='local', num_cpus=1, include_dashboard=False)\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (1, "ours\n")
