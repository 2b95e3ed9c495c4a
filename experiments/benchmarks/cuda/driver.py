"""The CUDA driver by ctypes: memory, kernels and their times on one device; nothing else is needed.

`Device(library)` takes anything with the driver's functions, which lets a test count the calls.
"""

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from hptjax.errors import ConfigError

# of cuDeviceGetAttribute, cuFuncSetAttribute
MULTIPROCESSORS, MAJOR, MINOR, SHARED_OPTIN, L2_BYTES, COOPERATIVE = 16, 75, 76, 97, 38, 95
DYNAMIC_SHARED = 8
WARM_UP = 3  # launches before those that are timed


def driver() -> Any:
    """The driver's library; raises ConfigError on a machine without one."""
    for name in ("libcuda.so.1", "libcuda.so"):
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    raise ConfigError("this needs an NVIDIA GPU and its driver, and libcuda.so.1 is not there.")


class Device:
    """The first GPU, with a context of this process; memory is given back when the process ends."""

    def __init__(self, library: Any = None, *, repeats: int = 10) -> None:
        """repeats: launches that are timed. Raises ConfigError where there is no GPU."""
        self._repeats = repeats
        self._cuda = driver() if library is None else library
        self._call("cuInit", 0)
        self._device = ctypes.c_int()
        self._call("cuDeviceGet", ctypes.byref(self._device), 0)
        context = ctypes.c_void_p()
        self._call("cuDevicePrimaryCtxRetain", ctypes.byref(context), self._device)
        self._call("cuCtxSetCurrent", context)

    def _call(self, name: str, *args: Any) -> None:
        """Calls the driver; raises RuntimeError with its word for what went wrong."""
        code = getattr(self._cuda, name)(*args)
        if code:
            text = ctypes.c_char_p()
            self._cuda.cuGetErrorName(code, ctypes.byref(text))
            raise RuntimeError(f"{name}: {(text.value or b'unknown error').decode()} ({code})")

    def attribute(self, which: int) -> int:
        value = ctypes.c_int()
        self._call("cuDeviceGetAttribute", ctypes.byref(value), which, self._device)
        return value.value

    @property
    def name(self) -> str:
        text = ctypes.create_string_buffer(128)
        self._call("cuDeviceGetName", text, len(text), self._device)
        return text.value.decode()

    @property
    def driver_version(self) -> str:
        """The latest CUDA that it knows, as 13.0."""
        value = ctypes.c_int()
        self._call("cuDriverGetVersion", ctypes.byref(value))
        return f"{value.value // 1000}.{value.value % 1000 // 10}"

    @property
    def capability(self) -> int:
        """90 for 9.0."""
        return 10 * self.attribute(MAJOR) + self.attribute(MINOR)

    @property
    def free_bytes(self) -> int:
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        self._call("cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
        return free.value

    def kernel(self, cubin: bytes, name: str, shared_bytes: int = 0) -> ctypes.c_void_p:
        """A function of a cubin; shared_bytes: the most that a launch will ask for."""
        module, function = ctypes.c_void_p(), ctypes.c_void_p()
        self._call("cuModuleLoadData", ctypes.byref(module), ctypes.c_char_p(cubin))
        self._call("cuModuleGetFunction", ctypes.byref(function), module, name.encode())
        if shared_bytes:
            self._call("cuFuncSetAttribute", function, DYNAMIC_SHARED, shared_bytes)
        return function

    def empty(self, size: int) -> ctypes.c_uint64:
        """The address of so many bytes, which are zero."""
        pointer = ctypes.c_uint64()
        self._call("cuMemAlloc_v2", ctypes.byref(pointer), ctypes.c_size_t(size))
        self._call("cuMemsetD8_v2", pointer, ctypes.c_ubyte(0), ctypes.c_size_t(size))
        return pointer

    def put(self, array: np.ndarray, to: ctypes.c_uint64 | None = None) -> ctypes.c_uint64:
        """The address of a copy of an array, in memory of its own or in `to`."""
        array = np.ascontiguousarray(array)
        to = self.empty(array.nbytes) if to is None else to
        source = array.ctypes.data_as(ctypes.c_void_p)
        self._call("cuMemcpyHtoD_v2", to, source, ctypes.c_size_t(array.nbytes))
        return to

    def get(self, pointer: ctypes.c_uint64, count: int, dtype: Any) -> np.ndarray:
        """A copy of so many numbers."""
        array = np.empty(count, dtype)
        target = array.ctypes.data_as(ctypes.c_void_p)
        self._call("cuMemcpyDtoH_v2", target, pointer, ctypes.c_size_t(array.nbytes))
        return array

    def copy(self, to: int, source: int, size: int) -> None:
        """Bytes from one address on the device to another."""
        self._call(
            "cuMemcpyDtoD_v2",
            *(ctypes.c_uint64(to), ctypes.c_uint64(source), ctypes.c_size_t(size)),
        )

    def free(self, *pointers: ctypes.c_uint64) -> None:
        for pointer in pointers:
            self._call("cuMemFree_v2", pointer)

    def launch(
        self,
        kernel: ctypes.c_void_p,
        blocks: tuple[int, int],
        threads: int,
        args: Sequence[Any],
        shared_bytes: int = 0,
        *,
        together: bool = False,
    ) -> None:
        """Starts a kernel; args: ctypes' values. together: only if all blocks run at a time."""
        pointers = [ctypes.cast(ctypes.byref(arg), ctypes.c_void_p) for arg in args]
        given = (ctypes.c_void_p * len(args))(*pointers)
        sizes = (*blocks, 1, threads, 1, 1, shared_bytes, None, given)
        if together:
            self._call("cuLaunchCooperativeKernel", kernel, *sizes)
        else:
            self._call("cuLaunchKernel", kernel, *sizes, None)

    def profile(self, *, on: bool) -> None:
        """Has a profiler that waits for it look on, or look away."""
        self._call("cuProfilerStart" if on else "cuProfilerStop")

    def seconds(self, start: Any) -> float:
        """The least time of some launches; start: makes one launch, and is called for each."""
        events = [ctypes.c_void_p() for _ in range(2)]
        for event in events:
            self._call("cuEventCreate", ctypes.byref(event), 0)
        for _ in range(min(WARM_UP, self._repeats)):
            start()
        best, passed = float("inf"), ctypes.c_float()
        for _ in range(self._repeats):
            self._call("cuEventRecord", events[0], None)
            start()
            self._call("cuEventRecord", events[1], None)
            self._call("cuEventSynchronize", events[1])
            self._call("cuEventElapsedTime", ctypes.byref(passed), *events)
            best = min(best, 1e-3 * passed.value)
        for event in events:
            self._call("cuEventDestroy_v2", event)
        return best
