"""The journal: what is written is read back, a torn tail is dropped, damage is found."""

import fcntl
import math
from threading import Timer

import pytest

from hptjax.errors import ConfigError, DataError
from hptjax.records.journal import Journal, encode_line, read_journal

RECORDS = [{"kind": "generation", "n": i, "loss": i / 3, "none": None} for i in range(3)]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        for record in RECORDS:
            journal.append(record)
    return path


def test_records_come_back_exactly(path):
    assert read_journal(path)[0] == RECORDS
    with Journal(path) as journal:
        assert journal.records == RECORDS


def test_every_torn_tail_is_dropped_and_written_over(path):
    whole = path.read_bytes()
    last = len(whole) - len(encode_line(RECORDS[-1]))
    for cut in range(last, len(whole)):
        path.write_bytes(whole[:cut])
        with Journal(path) as journal:
            assert journal.records == RECORDS[:-1]
            journal.append(RECORDS[-1])
        assert path.read_bytes() == whole


@pytest.mark.parametrize("damage", ["flip", "empty", "text"])
def test_a_damaged_middle_line_is_an_error_naming_it(path, damage):
    lines = path.read_bytes().split(b"\n")
    lines[1] = {
        "flip": lines[1].replace(b'"n":1', b'"n":7'),
        "empty": b"",
        "text": b"[1, 2]",
    }[damage]
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(DataError, match=r"journal.jsonl, line 2: checksum does not match"):
        Journal(path)


def test_two_writers_are_refused(path):
    with Journal(path), pytest.raises(ConfigError, match="another process is writing"):
        Journal(path)


def test_not_a_number_is_not_json():
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode_line({"loss": math.nan})


def test_a_journal_that_was_moved_away_takes_no_more(tmp_path):
    with Journal(tmp_path / "run" / "journal.jsonl") as journal:
        journal.append(RECORDS[0])
        (tmp_path / "run").rename(tmp_path / "moved")
        for _ in range(2):
            with pytest.raises(DataError, match="is no longer there"):
                journal.append(RECORDS[1])
            (tmp_path / "run").mkdir(exist_ok=True)
            (tmp_path / "run" / "journal.jsonl").touch()
    assert read_journal(tmp_path / "moved" / "journal.jsonl")[0] == RECORDS[:1]
    assert (tmp_path / "run" / "journal.jsonl").stat().st_size == 0


def test_a_journal_cut_short_by_others_takes_no_more(path):
    with Journal(path) as journal:
        path.write_bytes(path.read_bytes()[:-10])
        with pytest.raises(DataError, match="cut short"):
            journal.append(RECORDS[0])


def test_what_is_no_journal_is_one_line(tmp_path):
    (tmp_path / "journal.jsonl").mkdir()
    with pytest.raises(DataError, match=r"journal.jsonl: cannot be read: Is a directory"):
        read_journal(tmp_path / "journal.jsonl")
    deep = tmp_path / "deep.jsonl"
    deep.write_bytes(b"[" * 10**5 + b"\n{}\n")
    with pytest.raises(DataError, match="line 1: checksum"):
        read_journal(deep)


@pytest.mark.parametrize("content", [b"mine", b'{"a":1}\n', b"\x00\xff"])
def test_a_file_of_another_program_is_not_written_over(tmp_path, content):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(content)
    with pytest.raises(DataError, match="line 1"):
        Journal(path)
    assert path.read_bytes() == content
    path.write_bytes(encode_line(RECORDS[0])[:30])
    with Journal(path) as journal:
        assert journal.records == []


def test_who_only_looks_whether_a_journal_is_open_stops_no_run(path):
    with path.open("rb") as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        with pytest.raises(ConfigError, match="another process"):
            Journal(path)
    with path.open("rb") as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        Timer(0.02, fcntl.flock, (looking, fcntl.LOCK_UN)).start()
        with Journal(path) as journal:
            assert journal.records == RECORDS
