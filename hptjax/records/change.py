"""Changes that transpiling made to a candidate, as data."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

WIRING = (".in_channels", ".in_size")


@dataclass(frozen=True, slots=True)
class Change:
    """One value that repair, or the cast of an hparam, changed.

    path: a dotted path in the config, or the name of the hparam.
    """

    path: str
    old: Any
    new: Any
    why: str

    def __str__(self) -> str:
        return f"{self.path}: {self.old} -> {self.new} ({self.why})"

    @property
    def notable(self) -> bool:
        """Whether it makes another network than was asked for; mere wiring of sizes does not."""
        return not self.path.endswith(WIRING)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, tree: Mapping[str, Any]) -> "Change":
        return cls(**tree)


def describe_changes(changes: Iterable[Change], *, all_of_them: bool = True) -> str:
    """The changes on one line; all_of_them: whether to include the mere wiring of sizes."""
    return "; ".join(str(change) for change in changes if all_of_them or change.notable)
