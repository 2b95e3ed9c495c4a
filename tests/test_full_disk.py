"""Disks that fill up: nothing torn is left, one line says so, and the same command goes on."""

import pytest
import yaml

from hptjax.cli import main as cli
from hptjax.errors import DataError
from hptjax.records import load_network, load_run
from hptjax.records.files import replace_file
from hptjax.records.journal import Journal, encode_line, read_journal
from hptjax.search import run_study
from hptjax.study.sink import Sink
from tests import fakes
from tests.commands import pretend_training, refused
from tests.full_disk import no_file_above, small_disk
from tests.test_data_identity import TREE

RECORD = {"kind": "generation", "text": "x" * 3000}
SMALL = {"kind": "stop"}
LINE = len(encode_line(RECORD))


def test_a_line_that_the_disk_takes_in_part_is_taken_back(tmp_path):
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        with no_file_above(2 * LINE + 100):
            journal.append(RECORD)
            journal.append(RECORD)
            for _ in range(2):
                with pytest.raises(DataError, match=r"cannot be written: .*; mend that and run"):
                    journal.append(RECORD)
                assert path.stat().st_size == 2 * LINE
            journal.append(SMALL)
        journal.append(RECORD)
    assert read_journal(path) == ([RECORD, RECORD, SMALL, RECORD], path.stat().st_size)


def test_a_full_file_system_made_larger_takes_the_journal_on(tmp_path):
    folder = tmp_path / "disk"
    with small_disk(folder, 16) as resize, Journal(folder / "journal.jsonl") as journal:
        for _ in range(5):
            journal.append(RECORD)  # a tmpfs is filled by pages of 4 KiB
        with pytest.raises(DataError, match="No space left on device"):
            journal.append(RECORD)
        resize(64)
        journal.append(SMALL)
        assert read_journal(folder / "journal.jsonl")[0] == [RECORD] * 5 + [SMALL]


def test_a_file_that_cannot_be_replaced_stays_as_it_was(tmp_path):
    path = tmp_path / "weights"
    replace_file(path, b"old" * 100)
    with no_file_above(1000), pytest.raises(OSError, match="File too large"):
        replace_file(path, b"new" * 1000)
    assert path.read_bytes() == b"old" * 100
    assert [p.name for p in tmp_path.iterdir()] == ["weights"]


def test_a_leftover_of_a_kill_is_replaced_and_a_link_not_followed(tmp_path):
    precious = tmp_path / "precious"
    precious.write_bytes(b"keep")
    (tmp_path / "weights.new").symlink_to(precious)
    replace_file(tmp_path / "weights", b"new")
    assert precious.read_bytes() == b"keep"
    assert (tmp_path / "weights").read_bytes() == b"new"
    assert not (tmp_path / "weights").is_symlink()


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A study in the present folder, whose trainer only pretends."""
    pretend_training(monkeypatch)
    monkeypatch.chdir(tmp_path)
    tree = {**TREE, "data": {"source": "sample", "train_limit": 60}, "budget": {"generations": 8}}
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))
    return tmp_path


def lasting(folder):
    return load_run(folder).trials, load_network(folder).trial, (folder / "trials.csv").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("kibibytes", [16, 24, 36, 48, 64, 84])
def test_a_run_on_a_full_disk_stops_in_one_line_and_goes_on(small, capsys, kibibytes):
    assert cli.main(["run", "small.yaml", "--out", "whole"]) == 0
    words = ["run", "small.yaml", "--out", "disk/run"]
    with small_disk(small / "disk", kibibytes) as resize:
        error = refused(capsys, *words)
        assert "No space left on device" in error
        for command in ("status", "watch --once"):  # they say what there is, or that there is none
            assert cli.main([*command.split(), "disk/run"]) in (0, 2)
        resize(4096)
        assert cli.main(words) == 0
        assert lasting(small / "disk" / "run") == lasting(small / "whole")
        assert not list((small / "disk" / "run").rglob("*.new"))


def test_what_cannot_be_written_is_said_before_training(small, capsys, monkeypatch):
    for module in ("cli.train.make_trainer", "search.retrain.local_executor"):
        monkeypatch.setattr(f"hptjax.{module}", lambda *parts, **options: pytest.fail("trained"))
    assert "--out small.yaml: cannot write it" in refused(
        capsys, "train", "small.yaml", "--out", "small.yaml"
    )
    assert "cannot write here" in refused(capsys, "run", "small.yaml", "--out", "small.yaml/run")
    assert cli.main(["run", "small.yaml", "--out", "run"]) == 0
    words = ["export", "run", "--trial", "0", "--to", "small.yaml/x.safetensors"]
    assert "--to small.yaml/x.safetensors: cannot write it" in refused(capsys, *words)
    assert not list(small.rglob(".hptjax-probe"))


@pytest.mark.parametrize("size", [400, 4000, 20000])
def test_a_run_whose_files_may_not_grow_stops_in_one_line_and_goes_on(small, capsys, size):
    assert cli.main(["run", "small.yaml", "--out", "whole"]) == 0
    words = ["run", "small.yaml", "--out", "run"]
    with no_file_above(size):
        assert "File too large" in refused(capsys, *words)
    assert cli.main(words) == 0
    assert lasting(small / "run") == lasting(small / "whole")


def test_a_disk_that_takes_no_snapshot_is_said_once_and_changes_nothing(tmp_path):
    said = []
    study = fakes.study(strategies=("random",), epochs=4)

    class Sayings(Sink):
        def message(self, text):
            said.append(text)

    def run(**options):
        executor = fakes.FakeExecutor()
        return run_study(study, fakes.data(), executor=executor, sinks=[Sayings()], **options)

    with pytest.MonkeyPatch.context() as patch, no_file_above(1000):
        patch.setattr("hptjax.executors.snapshots.COST_SHARE", float("inf"))
        result = run(snapshots=tmp_path / "snapshots")
    assert result.trials == run().trials
    assert [text for text in said if "No more snapshots" in text] == said[:1]
    assert "File too large" in said[0]
    assert not (tmp_path / "snapshots").exists()
