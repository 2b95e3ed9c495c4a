"""How what a newcomer stumbled over is tried again: the table, without trying it."""

import pytest

from experiments.newcomer import __main__ as newcomer
from experiments.newcomer.base import ITEMS, Done, Item, Refused, need, refusal
from hptjax.errors import ConfigError


def test_all_items_are_there():
    newcomer.read_items()
    assert sorted(ITEMS) == list(range(1, 48))
    assert {item.expects for item in ITEMS.values()} <= {"works", "refused", "open"}


def refuses():
    raise ConfigError("lr: must be a number, got 'a'.")


def crashes(shop):
    raise KeyError("foo")


@pytest.mark.parametrize(
    ("function", "kind", "verdict"),
    [
        (lambda shop: "lr 0.1", "works", "works"),
        (lambda shop: Refused(refusal(refuses)), "refused", "refused: lr: must be a number, got"),
        (lambda shop: refusal(lambda: 3), "open", "open: nothing refuses it: 3"),
        (lambda shop: need(not shop, "there is a shop"), "open", "open: there is a shop"),
        (lambda shop: Done(1, "", "Traceback").mistake(), "open", "open: exit code 1 in place of"),
        (crashes, "crashed", "open: it crashes with KeyError: 'foo'"),
    ],
)
def test_a_verdict_is_what_is_seen(function, kind, verdict):
    row = newcomer.tried(Item(1, "a | b", "works", function), "shop")
    assert (row.kind, row.expected) == (kind, kind == "works")
    assert row.verdict.startswith(verdict)
    assert row.text().startswith("| 1 | a \\| b | ")
