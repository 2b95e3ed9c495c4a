"""The places of a population, which train rows at the same time, each by its own calls.

A place is a device with a thread that calls it. Every place runs the plain program of its device,
and the places of one device share one compiled program. So a CPU's cores train in parallel without
one device each, and no number depends on how many places there are. A program that XLA partitions
over devices would be optimised, and round, otherwise than the same program on one device.
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
    """Returns the device of each place; at most `capacity` places, one for each member.

    devices: the devices to use; a device that is named several times has as many places. By
    default, on CPUs, the first device once for each core that this process may use; elsewhere all
    local devices.
    """
    if devices is None:
        devices = jax.local_devices()
        if devices[0].platform == "cpu":
            devices = devices[:1] * available_cores()
    return tuple(devices[:capacity])


def side_by_side(calls: Sequence[Callable[[], T]], most: int | None = None) -> list[T]:
    """Runs the calls in parallel, in a thread each; returns their results, raises the first error.

    most: the number of threads, by default that of the calls. Ctrl-C is raised once all calls that
    have begun have ended: a running program cannot be stopped, and it would lose the arrays that
    it works on.
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
