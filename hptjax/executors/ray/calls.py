"""Parallel calls to workers: collects the answers, and the workers that are gone."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import ray
from ray.exceptions import RayError, RayTaskError

from hptjax.executors.ray.crew import Hand, Waited, reason

POLL_S = 0.5


@dataclass(frozen=True)
class Gone:
    """A worker that gave no answer, and why."""

    why: str


def answers(
    calls: Mapping[Hand, Any], allowed: Callable[[Hand], float]
) -> Iterator[tuple[Hand, Any]]:
    """Yields each worker with its answer, or with `Gone`, in order of arrival.

    calls: references to the answers. allowed: how many seconds from now a worker may take; called
    repeatedly. An error of the program is raised here, unless a device reported it.
    """
    waited, waiting = Waited(), {ref: hand for hand, ref in calls.items()}
    while waiting:
        for ref in ray.wait(list(waiting), timeout=POLL_S)[0]:
            yield waiting.pop(ref), _answer(ref)
        taken = waited.seconds()
        for ref, hand in list(waiting.items()):
            if taken > allowed(hand):
                del waiting[ref]
                yield hand, Gone(f"no answer within {taken:.0f} s")


def _answer(ref: Any) -> Any:
    try:
        return ray.get(ref)
    except RayTaskError as error:
        if isinstance(error.cause, jax.errors.JaxRuntimeError):  # a device failed, or is full
            return Gone(reason(error))
        raise error.cause from error
    except RayError as error:
        return Gone(reason(error))
