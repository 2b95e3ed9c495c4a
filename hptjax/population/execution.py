"""How a platform runs the program: the one place that tells CPUs from accelerators."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Execution:
    """How the rows of each device are computed.

    lanes: rows trained side by side by vmap; None: one after another.
    """

    lanes: int | None


def execution_for(platform: str, room: int, lanes: int | None = None) -> Execution:
    """The policy for a platform whose devices hold `room` rows each; lanes: to have one's own.

    A CPU trains one member after another, so that its weights and maps stay in the core's cache; an
    accelerator trains all rows side by side.
    """
    if platform == "cpu":
        return Execution(None if lanes in (None, 1) else lanes)
    return Execution(room if lanes is None else lanes)
