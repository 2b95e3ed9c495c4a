"""`conv.cu` with emulated warps, built by a C++ compiler: what a GPU computes, without one."""

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np

from .layout import ConvShape, pack_kernels, pack_maps, unpack_maps

FOLDER = Path(__file__).parent


def compiler() -> str | None:
    """The path of g++, which has half numbers; None where there is none."""
    return shutil.which("g++")


def build(folder: Path) -> ctypes.CDLL:
    """Compiles `conv.cu` into a library in this folder."""
    path = folder / "conv.so"
    command = ["g++", "-std=c++17", "-O1", "-shared", "-fPIC", "-x", "c++", FOLDER / "conv.cu"]
    subprocess.run([*command, "-o", path], check=True, capture_output=True, text=True)
    return ctypes.CDLL(str(path))


def conv(library: ctypes.CDLL, x: np.ndarray, w: np.ndarray, shape: ConvShape) -> np.ndarray:
    """[N, H, W, C] with [3, 3, C, O] -> [N, H', W', O filled up], as the kernel does it."""
    kernels, row = pack_kernels(w, shape), shape.row
    out = np.zeros(shape.out_numbers(len(x)), np.float16)
    for maps, part in zip(pack_maps(x, shape), np.split(out, len(x) // 16), strict=True):
        given = (row, maps, kernels, part)
        library.conv_emulated(*(array.ctypes.data_as(ctypes.c_void_p) for array in given))
    return unpack_maps(out, shape)
