"""The compiled CPU kernels on disk: compiled once per machine, loaded only if unchanged.

The name of a library ends in the checksum of its content. It is put in place whole and checked
whole: a library that is damaged, or that other users may have written, is compiled again.
"""

import ctypes
import hashlib
import os
import platform
import shlex
import shutil
import stat
import subprocess
import tempfile
import time
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import jax
import platformdirs

from hptjax.devices import processor

SOURCES = Path(__file__).parent / "kernels"
SWITCH = "HPTJAX_KERNELS"  # the value 0 switches the kernels off
FLAGS = ("-std=c++20", "-O3", "-fno-math-errno", "-fopenmp-simd", "-fPIC", "-shared")
SECONDS = 300  # limit of the compiler's time
LEFTOVER_SECONDS = 3600  # an older folder belongs to a compilation that was killed
_REASON = 200  # the most characters of a reason that are shown
_OTHERS = stat.S_IWGRP | stat.S_IWOTH


class _NoKernels(Exception):
    """Why there are no kernels, as the end of a sentence that begins with "The CPU kernels"."""


class _Unsound(Exception):
    """Why a library is not loaded."""


def load(symbols: Sequence[str]) -> ctypes.CDLL | None:
    """Returns the kernels, from the cache or compiled now; None, with a one-line warning, else.

    symbols: functions that the library must have. Without $CXX and any C++ compiler, no warning.
    """
    try:
        compiler = _compiler()
        return None if compiler is None else _load(compiler, symbols)
    except _NoKernels as reason:
        warnings.warn(
            f"The CPU kernels {_one_line(str(reason))}; slower operations stand in for them. "
            f"{SWITCH}=0 leaves them out.",
            stacklevel=2,
        )
        return None


def _one_line(text: str) -> str:
    """Shortens the output of a compiler, which may hold anything, to one line."""
    shown = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return shown if len(shown) <= _REASON else f"{shown[:_REASON]}..."


def _load(compiler: Sequence[str], symbols: Sequence[str]) -> ctypes.CDLL:
    command = [*compiler, *FLAGS, native_flag(), "-isystem", jax.ffi.include_dir()]
    folder = _cache_folder()
    try:
        _own(folder)
        _clear(folder)
        key = _key(command)
        for path in sorted(folder.glob(f"{key}-*.so")):
            try:
                return _opened(path, symbols)
            except _Unsound:
                path.unlink(missing_ok=True)
        path = _made(command, folder, key)
        try:
            return _opened(path, symbols)
        except _Unsound as reason:
            path.unlink(missing_ok=True)
            raise _NoKernels(f"were compiled, but cannot be loaded ({reason})") from None
    except OSError as error:
        raise _NoKernels(f"could not be kept in {folder} ({error.strerror or error})") from None


def _own(folder: Path) -> None:
    """Makes the folder writable for this user alone; _NoKernels if another user owns it."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = folder.stat()
    if found.st_uid != os.geteuid():
        raise _NoKernels(f"were not looked for in {folder}, which belongs to another user")
    if found.st_mode & _OTHERS:
        folder.chmod(0o700)


def _clear(folder: Path) -> None:
    """Removes the folders that killed compilations have left."""
    for path in folder.iterdir():
        with suppress(FileNotFoundError):  # another process may remove it, too
            if path.is_dir() and time.time() - path.stat().st_mtime > LEFTOVER_SECONDS:
                shutil.rmtree(path, ignore_errors=True)


def _opened(path: Path, symbols: Sequence[str]) -> ctypes.CDLL:
    """Returns the library; raises _Unsound if it was changed, or if other users may write to it."""
    try:
        found, content = path.lstat(), path.read_bytes()
    except FileNotFoundError:
        raise _Unsound("it is gone") from None
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & _OTHERS:
        raise _Unsound("others may write to it")
    if path.stem.rpartition("-")[2] != _checksum(content):
        raise _Unsound("its checksum does not match")
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise _Unsound(str(error)) from None
    for symbol in symbols:
        if not hasattr(library, symbol):
            raise _Unsound(f"it has no {symbol}")
    return library


def _made(command: Sequence[str], folder: Path, key: str) -> Path:
    """Compiles the kernels, then renames the library into place: others may be doing the same."""
    with tempfile.TemporaryDirectory(dir=folder) as work:
        made = Path(work) / "kernels.so"
        # one file: XLA's headers take as long to read as most kernels take to compile
        unit = Path(work) / "all.cc"
        names = sorted(path.name for path in SOURCES.glob("*.cc"))
        unit.write_text("".join(f'#include "{name}"\n' for name in names))
        _compile([*command, "-I", str(SOURCES), str(unit), "-o", str(made)])
        if not made.is_file():
            raise _NoKernels("could not be compiled (the compiler made no library)")
        made.chmod(0o600)
        with made.open("rb") as file:
            content = file.read()
            os.fsync(file.fileno())
        path = folder / f"{key}-{_checksum(content)}.so"
        made.replace(path)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return path


def _compile(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            errors="replace",
            timeout=SECONDS,
        )
    except OSError as error:  # a script without a #! line
        reason = f"{command[0]} does not run: {error.strerror or error}"
        raise _NoKernels(f"could not be compiled ({reason})") from None
    except subprocess.TimeoutExpired:
        raise _NoKernels(f"could not be compiled within {SECONDS} s") from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or ["no message"]
        reason = next((line for line in lines if "error" in line), lines[0])
        raise _NoKernels(f"could not be compiled ({command[0]}: {reason})")


def _compiler() -> list[str] | None:
    """Returns the command of $CXX, or of an installed compiler; _NoKernels for a bad $CXX."""
    given = os.environ.get("CXX", "")
    try:
        words = shlex.split(given)
    except ValueError as error:  # an open quote
        raise _NoKernels(f"could not be compiled ($CXX is {given}: {error})") from None
    if not words:
        return next(([name] for name in ("c++", "g++", "clang++") if shutil.which(name)), None)
    if shutil.which(words[0]) is None:
        raise _NoKernels(f"could not be compiled ($CXX is {given}: no such program)")
    return words


def native_flag() -> str:
    return "-march=native" if platform.machine() in ("x86_64", "AMD64") else "-mcpu=native"


def _cache_folder() -> Path:
    return Path(platformdirs.user_cache_dir("hptjax")) / "kernels"


def _key(command: Sequence[str]) -> str:
    """Returns a key of all that decides the result: sources, JAX's headers, compiler, processor."""
    facts = [" ".join(command), jax.__version__, processor(), *map(_program, command)]
    facts += _sources()
    return _checksum("\n".join(facts).encode(errors="surrogateescape"))


def version() -> str:
    """Returns a checksum of the kernels' sources: other versions may round otherwise."""
    return _checksum("\n".join(_sources()).encode())[:8]


def _sources() -> list[str]:
    return [path.read_text() for path in sorted(SOURCES.iterdir())]


def _program(word: str) -> str:
    """Returns a key of an installed program that an update changes, without running the program."""
    found = shutil.which(word)
    if found is None:
        return ""
    path = Path(found).resolve()
    facts = path.stat()
    return f"{path} {facts.st_size} {facts.st_mtime_ns}"


def _checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
