"""The machines of a run, with devices and versions; a resume on another one adds an entry."""

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
    """The present machine; devices: JAX's names of them; kernels: whether our CPU kernels work."""
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
    """The facts that decide how the results of this process are rounded.

    The number of devices is not one of them.
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
    """Adds an environment to a run's file, unless it is the last one; replaces a damaged file."""
    known = read_environments(folder)
    if not known or known[-1] != found:
        text = json.dumps([*known, found], indent=1)
        with suppress(OSError):  # the journal reports a full disk
            replace_file(folder / NAME, text.encode())


def read_environments(folder: Path) -> list[dict[str, Any]]:
    """The environments of a run, in order; none if the file is damaged.

    Nothing depends on this file: the facts that decide results are in the journal.
    """
    try:
        entries = json.loads((folder / NAME).read_bytes())
        _ENTRIES.validate_python(entries)
    except (OSError, ValueError, RecursionError):
        return []
    return entries


class _Entry(BaseModel):
    """The keys of an environment that readers use."""

    model_config = ConfigDict(extra="allow")

    devices: list[str]
    packages: dict[str, str]


_ENTRIES = TypeAdapter(list[_Entry])


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
