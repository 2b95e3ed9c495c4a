"""Snapshots and networks' files carry version and checksum: what is damaged is never used."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import hptjax
from hptjax.cli import main as cli
from hptjax.config.schema import ModelConfig
from hptjax.errors import DataError
from hptjax.executors.snapshots import Snapshot, SnapshotExecutor, SnapshotStore, TrainedEpoch
from hptjax.models import init_variables
from hptjax.models.keys import root_key
from hptjax.population import Cost
from hptjax.records import SavedNetwork, load_network, save_best, save_network
from hptjax.records.best import flatten
from hptjax.records.metrics import CLASSIFICATION
from hptjax.records.tensors import read_tensors, write_tensors
from hptjax.search.generation import members_of
from hptjax.search.network import data_notes
from hptjax.study.data_config import DataConfig
from hptjax.transpile.repair import Candidate
from tests import fakes

ARRAYS = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.arange(4)}
FACTS = {"x": [1, None, "text"]}
NAMES = ("a.safetensors", "b.safetensors")


def snapshot(digest="d", epochs=1, value=0.0):
    metrics = {name: np.array([1.0, value]) for name in CLASSIFICATION}
    epoch = TrainedEpoch((0, 1), metrics, Cost(), {1: "lost"}, 2)
    return Snapshot(digest, (epoch,) * epochs, {"params": np.full((2, 3), value, np.float32)})


@pytest.fixture
def store(tmp_path):
    """Two snapshots, the second an epoch further."""
    store = SnapshotStore(tmp_path / "snapshots")
    for epochs in (1, 2):
        store.save(lambda epochs=epochs: snapshot(epochs=epochs, value=float(epochs)))
    return store


@pytest.fixture
def network():
    config = ModelConfig.from_dict(fakes.model())
    notes = data_notes(DataConfig.model_validate({"source": "sample"}), 3, {"train": "ab"})
    trial = {"strategy": "des", "number": 3, "hparams": {"lr": 1e-5, "act": "no"}} | notes
    return SavedNetwork(config, init_variables(config, root_key(3)), trial)


@pytest.mark.parametrize("name", ["best.onnx", "picture.png"])
def test_a_file_of_another_kind_is_not_called_a_lost_network(tmp_path, name):
    (tmp_path / name).write_bytes(b"of another program")
    with pytest.raises(DataError, match=r"must be a run's directory or a \.safetensors file"):
        load_network(tmp_path / name)


@pytest.mark.parametrize("name", ["run", "best.safetensors"])
def test_what_is_not_there_is_not_to_be_restored(tmp_path, name):
    with pytest.raises(DataError, match=f"{name}: there is no such run or file"):
        load_network(tmp_path / name)


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (
            {"flax": {"module": "lost_nets:Net"}},
            "cannot be imported: .*; run this where lost_nets.py lies, or put that folder on PYTHO",
        ),
        ({"layers": ["lost.nets:Scale", "head"]}, "to import it from: run this where lost/ lies"),
        ({"flax": {"module": "tests.own_nets:Gone"}}, "tests.own_nets has no class 'Gone'; known"),
    ],
)
def test_code_that_is_elsewhere_is_not_to_be_restored(tmp_path, model, text):
    path = tmp_path / "net.safetensors"
    write_tensors(path, {"params/a": np.zeros(1)}, {"model": model, "trial": {}}, "network")
    with pytest.raises(DataError, match=text) as caught:
        load_network(path)
    assert "Restore" not in str(caught.value)


def test_what_is_written_is_read(tmp_path):
    write_tensors(tmp_path / "x", ARRAYS, FACTS, "test")
    arrays, facts = read_tensors(tmp_path / "x", "test")
    assert facts == FACTS
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], array)
    assert set(load_file(tmp_path / "x")) == set(ARRAYS)  # others can read it too


def test_no_flip_of_a_bit_goes_unseen(tmp_path):
    path = tmp_path / "x"
    write_tensors(path, ARRAYS, FACTS, "test")
    whole = path.read_bytes()
    for place in range(len(whole)):
        content = bytearray(whole)
        content[place] ^= 1 << place % 8
        path.write_bytes(content)
        try:
            arrays, facts = read_tensors(path, "test")
        except DataError:
            continue
        assert facts == FACTS  # blanks of the header, and the case of letters in escapes
        for name, array in ARRAYS.items():
            np.testing.assert_array_equal(arrays[name], array)
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError):
            read_tensors(path, "test")


def test_another_kind_or_version_is_said(tmp_path, monkeypatch):
    write_tensors(tmp_path / "x", ARRAYS, FACTS, "test")
    with pytest.raises(DataError, match="it is no network"):
        read_tensors(tmp_path / "x", "network")
    monkeypatch.setattr("hptjax.records.tensors.VERSION", 9)
    with pytest.raises(DataError, match=r"another version of hptjax \(version 1 .* reads 9"):
        read_tensors(tmp_path / "x", "test")


def test_the_furthest_snapshot_of_the_members_is_taken(store):
    found = store.load("d")
    assert found is not None
    assert len(found.epochs) == 2
    assert found.epochs[0].lost == {1: "lost"}
    np.testing.assert_array_equal(found.state["params"], snapshot(value=2.0).state["params"])
    assert store.load("other members") is None


def test_a_damaged_snapshot_is_not_used_and_said_once(tmp_path):
    said = []
    store = SnapshotStore(tmp_path / "snapshots", notify=said.append)
    for epochs in (1, 2):
        store.save(lambda epochs=epochs: snapshot(epochs=epochs, value=float(epochs)))
    path = tmp_path / "snapshots" / NAMES[1]
    content = bytearray(path.read_bytes())
    content[-2] ^= 64  # an exponent bit of a number of the state
    path.write_bytes(content)
    for _ in range(2):
        found = store.load("d")
        assert found is not None
        assert len(found.epochs) == 1
    assert len(said) == 1
    assert "b.safetensors: it is damaged: its checksum does not match" in said[0]
    for name in NAMES:
        (tmp_path / "snapshots" / name).write_bytes(content[:50])
    assert store.load("d") is None


def test_leftovers_and_foreign_files_do_not_end_a_run(store, tmp_path):
    folder = tmp_path / "snapshots"
    (folder / "a.safetensors.new").write_bytes(b"half")
    store.clear()
    assert not folder.exists()
    store.save(snapshot)
    (folder / "a.safetensors.new").write_bytes(b"half")
    (folder / "notes.txt").write_text("mine")
    store.clear()
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]
    (folder / "a.safetensors").mkdir()
    store.clear()
    assert store.load("d") is None


def test_a_network_comes_back_and_damage_is_one_line(network, tmp_path):
    save_best(tmp_path / "best", network.config, network.variables, network.trial)
    found = load_network(tmp_path)
    assert found.trial == network.trial
    want, got = flatten(network.variables), flatten(found.variables)
    assert all(np.array_equal(got[name], want[name]) for name in want)
    path = tmp_path / "best" / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[-2] ^= 64
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"damaged: its checksum .* hptjax export RUN --trial"):
        load_network(tmp_path)


@pytest.mark.parametrize(
    ("old", "new"), [("lr: 0.003", "lr: 0.004"), ("number: 3", "number: 4"), ("seed: 3", "seed: 2")]
)
def test_a_config_that_was_altered_no_longer_matches(network, tmp_path, old, new):
    save_best(tmp_path, network.config, network.variables, network.trial)
    path = tmp_path / "config.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(DataError, match="one was altered"):
        load_network(tmp_path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="no best network to load"):
        load_network(tmp_path)


@pytest.mark.parametrize(
    ("trial", "text"),
    [
        (None, "trial"),
        ([], "trial"),
        ({"data": "sample"}, "trial.data"),
        ({"data": {}}, "data needs seed"),
        ({"strategy": "des"}, "strategy needs number"),
        ({"digests": {"train": 3}}, "trial.digests"),
    ],
)
def test_notes_of_another_form_are_one_line(network, tmp_path, trial, text):
    facts = {"model": network.config.to_dict(), "trial": trial}
    path = tmp_path / "x.safetensors"
    write_tensors(path, flatten(network.variables), facts, "network")
    with pytest.raises(DataError, match=text):
        load_network(path)


def test_weights_of_another_shape_are_one_line(network, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cli, "set_up", lambda **options: None)
    path = tmp_path / "x.safetensors"
    for change in ({"mlp": {}}, {"more": np.ones(3, np.float32)}):
        variables = {**network.variables, "params": {**network.variables["params"], **change}}
        save_network(path, SavedNetwork(network.config, variables, network.trial))
        assert cli.main(["evaluate", str(path)]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert "x.safetensors: its weights do not fit its config: params/" in error
        for load in (hptjax.load_best, hptjax.load_network):
            with pytest.raises(DataError, match="do not fit its config: params/"):
                load(path)


def test_files_of_others_are_one_line(tmp_path):
    path = tmp_path / "x.safetensors"
    for metadata in (None, {"hptjax": "["}, {"hptjax": "7"}, {"hptjax": json.dumps({"model": 1})}):
        save_file({"w": np.ones(3, np.float32)}, path, metadata=metadata)
        with pytest.raises(DataError, match="not of this program, or damaged"):
            load_network(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(DataError, match="neither a run with a best network nor a saved network"):
        load_network(path)


def test_a_snapshot_of_other_survivors_is_trained_again_to_its_age(tmp_path):
    """Or weights of no epoch would go under the curves of two."""
    members = members_of("random", 0, [Candidate(ModelConfig.from_dict(fakes.model()))] * 3, 1)
    store = SnapshotStore(tmp_path / "snapshots")
    store.due = lambda size: True
    first = SnapshotExecutor(fakes.FakeExecutor(), store).start(members)
    for chosen in ([0, 1, 2], [0, 1], [0]):
        first.keep(chosen)
        first.advance(1)
    live = fakes.FakeExecutor()
    again = SnapshotExecutor(live, store).start(members)
    again.advance(1)
    again.keep([0, 1])
    again.advance(1)
    again.keep([1])
    again.advance(1)
    assert live.log == ["start 3", "epoch 0 of 3", "epoch 1 of 2", "epoch 2 of 1"]
    assert again.weights(0)["params"]["trial"][0] == members[1].key
