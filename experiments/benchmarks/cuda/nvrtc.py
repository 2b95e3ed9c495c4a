"""Compiles CUDA sources by NVRTC, a library that comes as a wheel: no toolkit, no GPU is needed."""

import ctypes
import ctypes.util
import importlib.util
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from hptjax.errors import ConfigError

FOLDER = Path(__file__).parent
HEADERS = ("warp.h",)


@dataclass(frozen=True)
class Kernel:
    """What ptxas says of a kernel: registers of a thread, bytes that it spills."""

    registers: int
    spilled: int


@dataclass(frozen=True)
class Program:
    """cubin: for the driver; kernels: {name: Kernel}."""

    cubin: bytes
    kernels: dict[str, Kernel]


@lru_cache(maxsize=1)
def library() -> ctypes.CDLL:
    """NVRTC, from a wheel or the system; raises ConfigError where there is none."""
    path = _from_wheels()
    if path is None:
        name = ctypes.util.find_library("nvrtc")
        if name is None:
            raise ConfigError(
                "NVRTC compiles the kernels, and is not there: pip install nvidia-cuda-nvrtc "
                "(jax[cuda13] has it)."
            )
        return ctypes.CDLL(name)
    for builtins in path.parent.glob("libnvrtc-builtins.so*"):
        ctypes.CDLL(str(builtins), ctypes.RTLD_GLOBAL)  # NVRTC looks it up by name
    return ctypes.CDLL(str(path))


def _from_wheels() -> Path | None:
    """The latest one of the wheels of NVIDIA that this interpreter finds."""
    spec = importlib.util.find_spec("nvidia")
    roots = [] if spec is None else list(spec.submodule_search_locations or [])
    found = [path for root in roots for path in Path(root).glob("*/lib/libnvrtc.so.*")]
    return max(found, key=lambda path: int(path.suffix[1:]), default=None)


def architectures() -> list[int]:
    """Compute capabilities that it compiles for: 90 is 9.0."""
    nvrtc, count = library(), ctypes.c_int()
    _check(nvrtc.nvrtcGetNumSupportedArchs(ctypes.byref(count)))
    found = (ctypes.c_int * count.value)()
    _check(nvrtc.nvrtcGetSupportedArchs(found))
    return list(found)


def compiled(source: str, architecture: str) -> Program:
    """Compiles a source of this folder, for "sm_90a"; raises ConfigError with the compiler's words.

    A `Kernel` is there for what ptxas speaks of.
    """
    nvrtc, program = library(), ctypes.c_void_p()
    texts = [(FOLDER / name).read_bytes() for name in HEADERS]
    _check(
        nvrtc.nvrtcCreateProgram(
            ctypes.byref(program),
            (FOLDER / source).read_bytes(),
            source.encode(),
            len(HEADERS),
            (ctypes.c_char_p * len(HEADERS))(*texts),
            (ctypes.c_char_p * len(HEADERS))(*(name.encode() for name in HEADERS)),
        )
    )
    try:
        options = (f"--gpu-architecture={architecture}", "--std=c++17", "--ptxas-options=-v")
        given = (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
        code = nvrtc.nvrtcCompileProgram(program, len(options), given)
        log = _bytes_of(program, "ProgramLog").decode(errors="replace")
        if code:
            raise ConfigError(f"{source} does not compile for {architecture}: {log.strip()}")
        return Program(_bytes_of(program, "CUBIN"), _kernels(log))
    finally:
        nvrtc.nvrtcDestroyProgram(ctypes.byref(program))


def _bytes_of(program: ctypes.c_void_p, what: str) -> bytes:
    nvrtc, size = library(), ctypes.c_size_t()
    _check(getattr(nvrtc, f"nvrtcGet{what}Size")(program, ctypes.byref(size)))
    buffer = ctypes.create_string_buffer(size.value)
    _check(getattr(nvrtc, f"nvrtcGet{what}")(program, buffer))
    return buffer.raw.rstrip(b"\0") if what == "ProgramLog" else buffer.raw


def _kernels(log: str) -> dict[str, Kernel]:
    """From ptxas' lines "Compiling entry function 'f'", "0 bytes spill stores", "Used 64"."""
    found = {}
    for part in log.split("Compiling entry function '")[1:]:
        registers = re.search(r"Used (\d+) registers", part)
        spills = re.findall(r"(\d+) bytes spill (?:stores|loads)", part)
        if registers and spills:
            found[part.partition("'")[0]] = Kernel(int(registers[1]), sum(map(int, spills)))
    return found


def _check(code: int) -> None:
    if code:
        text = library().nvrtcGetErrorString
        text.restype = ctypes.c_char_p
        raise RuntimeError(f"NVRTC: {text(code).decode()}")
