"""The goal of a run, as its records have it: a metric's name and direction."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from hptjax.checks import is_text
from hptjax.errors import ConfigError, did_you_mean, shown
from hptjax.records.metrics import VAL, Direction, known_direction

COSTS = {"parameters": "parameters", "flops": "FLOPs of a forward pass of one image"}
DIRECTIONS: tuple[Direction, ...] = get_args(Direction)


@dataclass(frozen=True)
class Goal:
    """A metric's name, and whether lower or higher values are better."""

    name: str = "val_loss"
    direction: Direction = "minimize"

    def __str__(self) -> str:
        return f"{self.name} ({self.better} is better)"

    @property
    def sign(self) -> int:
        """1 or -1: the better of two values has the lower product with the sign."""
        return 1 if self.direction == "minimize" else -1

    @property
    def better(self) -> str:
        """Which values are better, `lower` or `higher`."""
        return "lower" if self.sign > 0 else "higher"

    def to_tree(self) -> str | dict[str, str]:
        """The form in a study's config: the name, with the direction if the name has none."""
        if goal_of_name(self.name) is not None:
            return self.name
        return {"name": self.name, "direction": self.direction}

    @classmethod
    def from_tree(cls, tree: Any) -> "Goal":
        """Reads the result of `to_tree`; ConfigError for a wrong form, name or direction."""
        known = goal_of_name(tree) if isinstance(tree, str) else None
        if known is not None:
            return known
        if not isinstance(tree, Mapping):
            raise ConfigError(
                f"metric: must be {choices(EXAMPLES)} or another measure, got {shown(tree)}."
            )
        if set(tree) - {"word"} != {"name", "direction"} or not is_text(tree["name"]):
            raise ConfigError(
                "metric: a metric of your own is noted as {name: NAME, direction: maximize}, "
                f"got {shown(dict(tree))}."
            )
        if goal_of_name(tree["name"]) is not None:
            raise ConfigError(f"metric: {tree['name']} is hptjax's own; write the name alone.")
        return cls(tree["name"], checked_direction(tree["direction"]))


EXAMPLES = ("val_loss", "val_accuracy", "val_loss_cumulative")


def goal_of_name(name: str) -> Goal | None:
    """The goal of a cost or of a built-in measure on validation images; None for other names."""
    if name in COSTS:
        return Goal(name, "minimize")
    direction = known_direction(name) if name.startswith(VAL) else None
    return None if direction is None else Goal(name, direction)


def checked_direction(direction: Any) -> Direction:
    """The direction; ConfigError unless it is one of the two."""
    for known in DIRECTIONS:
        if direction == known:
            return known
    raise ConfigError(
        f"metric: the direction must be {choices(DIRECTIONS)}, got {shown(direction)}; "
        f"{did_you_mean(direction, DIRECTIONS)}"
    )


def choices(names: Iterable[str]) -> str:
    """The names as text: `'a', 'b' or 'c'`."""
    *others, last = [repr(name) for name in names]
    return f"{', '.join(others)} or {last}"


def goals_of_config(config: Mapping[str, Any]) -> tuple[Goal, ...]:
    """The goals of all objectives in a run's config; the goal of its metric comes first."""
    others = (goal_of_name(name) for name in config.get("objectives", ()))
    return goal_of_config(config), *(goal for goal in others if goal is not None)


def goal_of_config(config: Mapping[str, Any]) -> Goal:
    """The goal in a run's config; config: plain data."""
    return Goal.from_tree(config.get("metric", "val_loss"))
