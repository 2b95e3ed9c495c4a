"""What a run was made on: machine, devices, versions; a new entry where a resume found another."""

import json
import os
import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from hptjax.errors import DataError
from hptjax.records.files import replace_file

NAME = "environment.json"
PACKAGES = ("hptjax", "jax", "jaxlib", "flax", "optax", "evosax", "optuna", "numpy")


def environment(
    devices: Iterable[str], *, kernels: bool, packages: Sequence[str] = PACKAGES
) -> dict[str, Any]:
    """The present machine; devices: as JAX names them; kernels: whether it has our CPU kernels."""
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "devices": sorted(devices),
        "kernels": kernels,
        "packages": {name: _version(name) for name in packages},
    }


def note_environment(folder: Path, found: Mapping[str, Any]) -> None:
    """Adds it to a run's, unless it is the last one there."""
    known = read_environments(folder)
    if not known or known[-1] != found:
        text = json.dumps([*known, found], indent=1)
        replace_file(folder / NAME, text.encode())


def read_environments(folder: Path) -> list[dict[str, Any]]:
    """Those that a run was made in, in order. Raises: DataError where the file is damaged."""
    path = folder / NAME
    try:
        return json.loads(path.read_text()) if path.is_file() else []
    except ValueError as error:
        raise DataError(
            f"{path}: is damaged ({error}); remove it, nothing depends on it."
        ) from None


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
