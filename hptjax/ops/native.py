"""Our CPU kernels: compiled once per machine by its C++ compiler, called from programs by XLA.

Where there is no compiler, the operations that have kernels are made of XLA's own.
"""

import ctypes
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import platformdirs
from jax import Array

from hptjax.devices import processor

SOURCES = Path(__file__).parent / "kernels"
TARGETS = (
    "hptjax_conv",
    "hptjax_conv_input_gradient",
    "hptjax_conv_input_gradient_of_both",
    "hptjax_conv_weight_gradient",
    "hptjax_conv_bias_gradient",
    "hptjax_norm",
    "hptjax_norm_gradient",
)
SWITCH = "HPTJAX_KERNELS"  # 0: off
FLAGS = ("-std=c++20", "-O3", "-fno-math-errno", "-fopenmp-simd", "-fPIC", "-shared")
MAPS = (1, 2, 0, 3)  # maps [C, H, W, B] are stored [H, W, C, B]
SECONDS = 300  # for the compiler


_left_out: ContextVar[bool] = ContextVar("_left_out", default=False)


@contextmanager
def left_out() -> Iterator[None]:
    """Programs traced in here hold no kernels, and can be lowered for other platforms."""
    token = _left_out.set(True)
    try:
        yield
    finally:
        _left_out.reset(token)


def take(*arrays: Array) -> bool:
    """Whether kernels compute with these arrays; theirs are of float32 alone."""
    floats = all(array.dtype == jnp.float32 for array in arrays)
    return floats and not _left_out.get() and available()


def call(
    target: str, out: Any, arrays: Sequence[Array], layouts: Sequence[Any], to: Any, **options: Any
) -> Any:
    """Calls a kernel; layouts, to: of the arguments and results, MAPS or None for a plain array."""
    function = jax.ffi.ffi_call(
        target, out, input_layouts=layouts, output_layouts=to, vmap_method="sequential"
    )
    return function(*arrays, **options)


@lru_cache(maxsize=1)
def available() -> bool:
    """Whether this process has the kernels; a machine's first question compiles them."""
    if os.environ.get(SWITCH) == "0" or jax.default_backend() != "cpu":
        return False
    path = _library()
    if path is None:
        return False
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        _refused(str(error))
        return False
    for target in TARGETS:
        capsule = jax.ffi.pycapsule(getattr(library, target))
        jax.ffi.register_ffi_target(target, capsule, platform="cpu")
    return True


def _library() -> Path | None:
    """The compiled kernels, from the cache or made now; None where they cannot be made."""
    compiler = _compiler()
    if compiler is None:
        return None
    command = [*compiler, *FLAGS, _native_flag(), "-isystem", jax.ffi.include_dir()]
    sources = sorted(SOURCES.glob("*.cc"))
    path = _cache_folder() / f"{_digest(command)}.so"
    if path.is_file():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            made = Path(folder) / path.name
            arguments = [*command, *map(str, sources), "-o", str(made)]
            done = subprocess.run(arguments, capture_output=True, text=True, timeout=SECONDS)
            if done.returncode:
                return _refused((done.stderr.strip().splitlines() or ["no message"])[0])
            os.replace(made, path)  # whole or not at all: others may be compiling, too
    except (OSError, subprocess.TimeoutExpired) as error:
        return _refused(str(error))
    return path


def _refused(reason: str) -> None:
    warnings.warn(
        f"The CPU kernels could not be compiled ({reason}); slower operations stand in for them."
        f" {SWITCH}=0 leaves them out.",
        stacklevel=2,
    )


def _compiler() -> list[str] | None:
    """The command of $CXX, or of what is installed."""
    given = shlex.split(os.environ.get("CXX", ""))
    names = [given] if given else [["c++"], ["g++"], ["clang++"]]
    return next((name for name in names if shutil.which(name[0])), None)


def _native_flag() -> str:
    return "-march=native" if platform.machine() in ("x86_64", "AMD64") else "-mcpu=native"


def _cache_folder() -> Path:
    return Path(platformdirs.user_cache_dir("hptjax")) / "kernels"


def _digest(command: Sequence[str]) -> str:
    """Of all that decides what is compiled: sources, JAX's headers, compiler, processor."""
    version = subprocess.run([command[0], "--version"], capture_output=True, text=True).stdout
    facts = [" ".join(command), version, jax.__version__, processor()]
    facts += [path.read_text() for path in sorted(SOURCES.iterdir())]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]
