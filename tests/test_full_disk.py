"""Disks that fill up: nothing torn is left, one line says so, and the same command goes on."""

import pytest

from hptjax.errors import DataError
from hptjax.records.files import replace_file
from hptjax.records.journal import Journal, encode_line, read_journal
from tests.full_disk import no_file_above, small_disk

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
