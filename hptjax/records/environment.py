"""What a run was made on: machine, devices, versions; a new entry where a resume found another."""

import hashlib
import json
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter

from hptjax.devices import processor, processor_name
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
        "processor": processor_name(),
        "cores": os.cpu_count(),
        "devices": sorted(devices),
        "kernels": kernels,
        "packages": {name: _version(name) for name in packages},
    }


def rounding_facts() -> dict[str, str]:
    """What decides how the results of what this process trains are rounded.

    How many devices there are is not among it.
    """
    import jax

    from hptjax.ops import library, native

    code = hashlib.sha256(processor().encode()).hexdigest()[:8]
    device = jax.devices()[0]
    return {
        "processor": f"{processor_name()} [{code}]",
        "platform": f"{device.platform} {device.device_kind}",
        "kernels": library.version() if native.available() else "none",
        "jax": _version("jax"),
        "jaxlib": _version("jaxlib"),
        "precision": str(jax.config.values["jax_default_matmul_precision"] or "default"),
    }


def note_environment(folder: Path, found: Mapping[str, Any]) -> None:
    """Adds it to a run's, unless it is the last one there; a file that is damaged begins anew."""
    known = read_environments(folder)
    if not known or known[-1] != found:
        text = json.dumps([*known, found], indent=1)
        with suppress(OSError):  # a disk that is full says so where it matters: at the journal
            replace_file(folder / NAME, text.encode())


def read_environments(folder: Path) -> list[dict[str, Any]]:
    """Those that a run was made in, in order; none where the file is damaged.

    Nothing depends on it: what decides results stands in the journal.
    """
    try:
        entries = json.loads((folder / NAME).read_bytes())
        _ENTRIES.validate_python(entries)
    except (OSError, ValueError, RecursionError):
        return []
    return entries


class _Entry(BaseModel):
    """An environment, as far as readers go into it."""

    model_config = ConfigDict(extra="allow")

    devices: list[str]
    packages: dict[str, str]


_ENTRIES = TypeAdapter(list[_Entry])


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
