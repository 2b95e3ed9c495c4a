"""Connects a study to Ray: to a running one, or to one of its own."""

import logging
import os
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray

from hptjax.devices import available_cores
from hptjax.errors import ConfigError

REACH_S = 10.0
# Ray's own servers always listen on all interfaces, and ask for a token that only their user has.
# This address keeps the rest, which binds to the node's address, on the machine; Ray would replace
# 127.0.0.1 by an address of the network.
LOOPBACK: dict[str, Any] = {"_node_ip_address": "127.0.0.2"} if sys.platform == "linux" else {}
QUIET: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}


def _start(**options: Any) -> None:
    """Starts Ray but keeps this process's signal handlers: Ray's print a stack at SIGTERM."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    handlers = {number: signal.getsignal(number) for number in numbers}
    with warnings.catch_warnings():
        # the child calls exec at once
        warnings.filterwarnings("ignore", message=r"os\.fork\(\) was called")
        ray.init(**options, **QUIET)
    if threading.current_thread() is threading.main_thread():
        for number, handler in handlers.items():
            if handler is not None:
                signal.signal(number, handler)


@contextmanager
def connected(address: str | None, workers: int) -> Iterator[bool]:
    """Connects to Ray; a connection that this process already has is used and left open.

    Gives whether a Ray of this machine was started, which no other node joins. workers: how many
    workers such a Ray must have room for. Raises ConfigError if no Ray answers at the address.
    """
    if ray.is_initialized():
        yield False
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address is None:
        # Ray logs, before the level of init() applies, that others need a token
        logging.getLogger("ray._private.authentication").setLevel(logging.ERROR)
        cores = max(available_cores(), workers)
        _start(address="local", num_cpus=cores, include_dashboard=False, **LOOPBACK)
    else:
        try:
            _reach(address)
            _start(address=address)
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"executor.address: must be where a Ray runs, nobody answers at {address}: {error}"
            ) from None
    try:
        yield address is None
    finally:
        ray.shutdown()


def _reach(address: str) -> None:
    """Raises OSError if nobody listens at host:port; Ray itself would wait forever."""
    host, colon, port = address.rpartition(":")
    if colon and port.isdecimal() and "://" not in address:
        socket.create_connection((host.strip("[]"), int(port)), timeout=REACH_S).close()
