"""The packaged configs search as they did: the same proposals, repairs, statuses, told values."""

import json

import pytest

from tests.packaged_histories import FILE, STUDIES, history


@pytest.mark.parametrize("name", STUDIES)
def test_histories_have_not_moved(name):
    expected = json.loads(FILE.read_text())[name]
    found = json.loads(json.dumps(history(name)))
    assert len(found) == len(expected)
    for new, old in zip(found, expected, strict=True):
        # numbers to the rounding of another processor
        assert new.pop("hparams") == pytest.approx(old.pop("hparams"), rel=1e-6)
        found_told, told = new.pop("told"), old.pop("told")
        assert found_told is told is None or found_told == pytest.approx(told, rel=1e-6)
        assert new == old
