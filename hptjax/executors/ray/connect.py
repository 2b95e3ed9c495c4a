"""The Ray that a study runs on: one that is there, or one of its own."""

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
# Ray's own servers listen on all interfaces, whatever it is told, and ask for a token that only its
# user has. This address, which Ray takes where it replaces 127.0.0.1 by that of the network, keeps
# to the machine what is sent within it, and what binds to the node's address.
LOOPBACK: dict[str, Any] = {"_node_ip_address": "127.0.0.2"} if sys.platform == "linux" else {}
QUIET: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}


def _start(**options: Any) -> None:
    """Ray, with this process's own handling of signals: Ray's would print its stack at SIGTERM."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    handlers = {number: signal.getsignal(number) for number in numbers}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"os\.fork\(\) was called")  # it execs at once
        ray.init(**options, **QUIET)
    if threading.current_thread() is threading.main_thread():
        for number, handler in handlers.items():
            if handler is not None:
                signal.signal(number, handler)


@contextmanager
def connected(address: str | None, workers: int) -> Iterator[None]:
    """Connected to a Ray; one that this process uses already is taken as it is, and left running.

    workers: how many a Ray of this machine must have room for. Raises ConfigError where none
    answers at the address.
    """
    if ray.is_initialized():
        yield
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address is None:
        # logged before the level of init() counts; says that others need a token to get in
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
        yield
    finally:
        ray.shutdown()


def _reach(address: str) -> None:
    """Raises OSError where nobody listens at host:port, for which Ray would wait without end."""
    host, colon, port = address.rpartition(":")
    if colon and port.isdecimal() and "://" not in address:
        socket.create_connection((host.strip("[]"), int(port)), timeout=REACH_S).close()
