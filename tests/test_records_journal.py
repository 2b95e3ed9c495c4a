"""The journal: what is written is read back, a torn tail is dropped, damage is found."""

import math

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
