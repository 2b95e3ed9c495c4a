"""The own time of a search."""

from collections.abc import Mapping


def own_seconds(ledger: Mapping[str, float]) -> float:
    """Wall seconds of a generation without compiling, which the first search of a run does for all.

    ledger: the ledger of a `GenerationRecord`.
    """
    return max(0.0, ledger.get("wall_s", 0.0) - ledger.get("compile_s", 0.0))
