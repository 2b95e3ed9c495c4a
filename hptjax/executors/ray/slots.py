"""Finds room for workers on the nodes of Ray."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any

ACCELERATORS = ("GPU", "TPU")


@dataclass(frozen=True)
class Slot:
    """Room for a worker on a node, with the resources that it gets there."""

    node: str
    resources: Mapping[str, float]


def slots(
    nodes: Sequence[Mapping[str, Any]],
    most: int | None,
    resources: Mapping[str, float] | None,
) -> list[Slot]:
    """The slots of up to `most` workers, spread over the nodes (as `ray.nodes()` returns them).

    resources: the resources of each worker; None means a GPU, or all TPU chips of a node, or all
    its CPU cores, or shares of the cores if there are fewer nodes than workers.
    """
    alive = [node for node in nodes if node["Alive"]]
    if resources is None:
        cpu_only = [n for n in alive if not any(n["Resources"].get(a) for a in ACCELERATORS)]
        others = sum(len(_own_slots(node, 1)) for node in alive if node not in cpu_only)
        wanted = max(0, (most or 0) - others)
        shares = -(-wanted // len(cpu_only)) if cpu_only else 1
        by_node = [_own_slots(node, max(1, shares)) for node in alive]
    else:
        by_node = [_asked_slots(node, resources) for node in alive]
    spread = [slot for slot in chain(*zip_longest(*by_node)) if slot is not None]
    return spread[:most]


def _asked_slots(node: Mapping[str, Any], resources: Mapping[str, float]) -> list[Slot]:
    has = node["Resources"]
    count = min(int(has.get(name, 0) / amount + 1e-9) for name, amount in resources.items())
    return [Slot(node["NodeID"], resources)] * count


def _own_slots(node: Mapping[str, Any], shares: int) -> list[Slot]:
    """shares: how many workers share the CPU cores of a node, if there are enough cores."""
    has = node["Resources"]
    cpus, gpus, chips = (int(has.get(name, 0)) for name in ("CPU", "GPU", "TPU"))
    spare = {"CPU": 1.0} if cpus else {}
    if gpus:
        return [Slot(node["NodeID"], {"GPU": 1.0, **spare})] * gpus
    if chips:
        return [Slot(node["NodeID"], {"TPU": float(chips), **spare})]
    count = min(shares, cpus)
    return [Slot(node["NodeID"], {"CPU": float(cpus // count)})] * count if count else []
