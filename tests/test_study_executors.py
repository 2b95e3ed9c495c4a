"""What may stand under `executor`: a name, or a mapping of a name and options; who gets what."""

import sys

import pytest
import yaml

from hptjax.cli.main import make_parser
from hptjax.cli.options import overrides
from hptjax.errors import ConfigError, MissingExtraError
from hptjax.executors.ray.deal import deal, evened, slowest
from hptjax.executors.ray.slots import Slot, slots
from hptjax.search import run_study
from hptjax.study import StudyConfig, load_study
from tests import fakes

RAY = {"name": "ray", "workers": 2, "resources": {"GPU": 1.0}}


def test_an_executor_is_read_and_written():
    for tree in ("local", "ray", RAY):
        study = fakes.study(executor=tree)
        assert study.to_dict()["executor"] == tree
        assert StudyConfig.from_dict(study.to_dict()) == study
    assert fakes.study(executor={"ray": {"workers": 2}}).to_dict()["executor"] == {
        "name": "ray",
        "workers": 2,
    }
    assert fakes.study().executor.name == "local"
    assert fakes.study(executor="ray").executor.options.max_retries == 3


@pytest.mark.parametrize(
    ("tree", "text"),
    [
        ("rai", r"unknown executor 'rai'; did you mean 'ray'\?"),
        (
            {"workers": 2, "address": "auto"},
            r"must be a name, or a mapping such as \{name: ray\}, got \{'workers': 2",
        ),
        (
            {"workers": 2},
            r"unknown executor 'workers'; it is the executor's, as in executor: \{name",
        ),
        ({"ray": {"worker": 2}}, r"executor\.ray\.worker: unknown key; did you mean 'workers'"),
        ({"name": "local", "workers": 2}, r"local takes no options, got \{'workers': 2\}"),
        ({"name": "ray", "worker": 2}, r"executor\.worker: unknown key; did you mean 'workers'"),
        ({"name": "ray", "workers": 0}, r"executor\.workers: must be greater than or equal to 1"),
        ({"name": "ray", "resources": {"GPU": 0}}, r"executor\.resources: must be greater than 0"),
        (
            {"name": "ray", "resources": {}},
            r"executor\.resources: must be a mapping of at least 1 item",
        ),
    ],
)
def test_mistakes_are_named(tree, text):
    with pytest.raises(ConfigError, match=text):
        fakes.study(executor=tree)


def test_options_of_the_command_line_go_on_top_of_the_file(tmp_path):
    path = tmp_path / "study.yaml"
    for own, changes, expected in (
        ("local", ["executor=ray", "executor.workers=3"], {"name": "ray", "workers": 3}),
        (RAY, ["executor.workers=3"], RAY | {"workers": 3}),
        (RAY, ["executor=ray"], RAY),
        (RAY, ["executor=local"], "local"),
    ):
        path.write_text(yaml.safe_dump(fakes.study(executor=own).to_dict(), sort_keys=False))
        assert load_study(path, changes).to_dict()["executor"] == expected
    tree = fakes.study().to_dict() | {"executor": {"ray": {"workers": 2}}}
    path.write_text(yaml.safe_dump(tree, sort_keys=False))
    words = ["epochs=3", "executor.address=auto", "schedule=halving", "schedule.first=2"]
    changed = load_study(path, words)
    assert changed.schedule == {"name": "halving", "first": 2}
    assert changed.to_dict()["executor"] == {"name": "ray", "workers": 2, "address": "auto"}


def test_the_command_line_has_options_for_ray():
    line = ["run", "quickstart", "--executor", "ray", "--address", "auto", "--workers", "3"]
    args = make_parser().parse_args([*line, "--resources", "{GPU: 1, CPU: 4}"])
    options = {"address": "auto", "workers": 3, "resources": {"GPU": 1.0, "CPU": 4.0}}
    assert load_study(args.config, overrides(args)).to_dict()["executor"] == {
        "name": "ray",
        **options,
    }


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"executor ray needs ray: .* 'hptjax\[ray\]'"):
        run_study(fakes.study(executor="ray"), fakes.data())


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nonsense"])
def test_nobody_answers_at_the_address(address):
    pytest.importorskip("ray")
    with pytest.raises(ConfigError, match=rf"executor\.address: .* nobody answers at {address}"):
        run_study(fakes.study(executor={"name": "ray", "address": address}), fakes.data())


def test_members_are_dealt_by_price_and_speed():
    prices = [5.0, 1.0, 4.0, 2.0, 3.0, 3.0]
    dealt = deal(prices, {"slow": 1.0, "fast": 2.0})
    loads = {w: sum(p for p, to in zip(prices, dealt, strict=True) if to == w) for w in set(dealt)}
    assert loads == {"slow": 6.0, "fast": 12.0}
    assert slowest(prices, dealt, {"slow": 1.0, "fast": 2.0}) == 6.0
    assert deal([1.0, 1.0], {"a": 1.0, "b": 1.0}, {"a": 2.0}) == ["b", "b"]


def test_evening_out_moves_few_and_only_for_a_gain():
    speeds = {"a": 1.0, "b": 1.0}
    assert evened([1.0] * 4, ["a", "b", "a", "b"], speeds) == ["a", "b", "a", "b"]
    after = evened([1.0] * 5, ["a", "a", "a", "a", "b"], speeds)
    assert sorted(after) == ["a", "a", "a", "b", "b"]
    assert evened([1.0], ["a"], speeds) == ["a"]
    assert evened([1.0, 1.0], ["a", "a"], {"a": 1.0, "b": 0.1}) == ["a", "a"]


def node(name, alive=True, **resources):
    return {"NodeID": name, "Alive": alive, "Resources": {"memory": 1e9, **resources}}


@pytest.mark.parametrize(
    ("nodes", "most", "asked", "expected"),
    [
        ([node("a", CPU=4.0)], None, None, [("a", {"CPU": 4.0})]),
        ([node("a", CPU=4.0)], 3, None, [("a", {"CPU": 1.0})] * 3),
        ([node("a", CPU=2.0)], 3, None, [("a", {"CPU": 1.0})] * 2),
        ([node("head"), node("a", CPU=4.0), node("b", alive=False, CPU=4.0)], 1, None, None),
        ([node("a", CPU=8.0, GPU=2.0)], None, None, [("a", {"GPU": 1.0, "CPU": 1.0})] * 2),
        ([node("a", CPU=8.0, TPU=4.0)], None, None, [("a", {"TPU": 4.0, "CPU": 1.0})]),
        ([node("a", CPU=5.0)], None, {"CPU": 2}, [("a", {"CPU": 2})] * 2),
        ([node("a", CPU=5.0)], None, {"GPU": 1}, []),
    ],
)
def test_where_workers_fit(nodes, most, asked, expected):
    expected = [("a", {"CPU": 4.0})] if expected is None else expected
    assert slots(nodes, most, asked) == [Slot(*slot) for slot in expected]


def test_workers_are_spread_over_the_nodes():
    nodes = [node("a", CPU=4.0, GPU=4.0), node("b", CPU=4.0, GPU=4.0), node("c", CPU=6.0)]
    assert [slot.node for slot in slots(nodes, 4, {"CPU": 2})] == ["a", "b", "c", "a"]
    assert [slot.node for slot in slots(nodes, 3, None)] == ["a", "b", "c"]
