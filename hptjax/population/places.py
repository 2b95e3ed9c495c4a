"""The places of a population: where rows are trained at the same time, each by a call of its own.

A place is a device with a thread that calls it. Every place runs the plain program of its device,
and the places of one device share one compiled program. So a CPU's cores train side by side without
a device each, and no number depends on how many places there are: a program that XLA partitions
over devices is optimised otherwise, and rounds otherwise, than the same program on one device.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, TypeVar

import jax

from hptjax.devices import available_cores

T = TypeVar("T")


def places_for(
    devices: Sequence[Any] | None = None, *, capacity: int | None = None
) -> tuple[Any, ...]:
    """The device of each place; at most `capacity` places, one for each member.

    devices: those to use; one that is named several times has as many places. Default: on CPUs the
    first device once for each core that this process may use, elsewhere all local devices.
    """
    if devices is None:
        devices = jax.local_devices()
        if devices[0].platform == "cpu":
            devices = devices[:1] * available_cores()
    return tuple(devices[:capacity])


def side_by_side(calls: Sequence[Callable[[], T]], most: int | None = None) -> list[T]:
    """What the calls give, made at the same time in a thread each; the first error of any.

    most: how many threads, by default as many as calls. Ctrl-C is raised once all that have begun
    have ended: a program that runs cannot be stopped, and a process that left it behind would take
    away what it works on.
    """
    if len(calls) < 2:
        return [call() for call in calls]
    with ThreadPoolExecutor(min(len(calls), most or len(calls))) as pool:
        made = [pool.submit(call) for call in calls]
        try:
            wait(made)
        finally:
            for call in made:
                call.cancel()  # unless it has begun
            wait(made)
    return [result.result() for result in made]
