"""Process-wide settings that must be made before JAX starts: by the command line, by workers."""

import hashlib
import os
import platform
import sys
import tempfile
import warnings
from contextlib import suppress
from pathlib import Path

CACHE_VARIABLE = "HPTJAX_COMPILE_CACHE"
LOG_LEVEL, IMPORTED = "TF_CPP_MIN_LOG_LEVEL", "1"  # of XLA; what JAX's import makes of it
CORES = "NPROC"  # XLA's pools of threads are as large


def set_up(*, compile_cache: bool, cores: int | None = None) -> None:
    """Keeps compiled programs between processes, and says how many cores to use.

    Call it before JAX is imported: afterwards programs are not kept, and a warning says so.
    compile_cache: False switches the cache off, as HPTJAX_COMPILE_CACHE=0 does; that variable may
    also name the directory. cores: how many, where that is not all that this process may use.
    """
    if cores is not None:
        os.environ[CORES] = str(cores)
    # XLA logs an "error" about machine types for each program it takes from the cache; ours are
    # kept apart by CPU model, so it says nothing. Level 3 leaves fatal errors on the screen. It is
    # read when JAX is imported, which sets it to 1 where it is not set; child processes inherit it.
    if "jax" not in sys.modules and os.environ.get(LOG_LEVEL, IMPORTED) == IMPORTED:
        os.environ[LOG_LEVEL] = "3"
    import jax

    if "xla_force_host_platform_device_count" not in os.environ.get("XLA_FLAGS", ""):
        with suppress(RuntimeError):  # JAX has started: many runs of DES then share one device
            jax.config.update("jax_num_cpu_devices", available_cores())
    folder = cache_directory() if compile_cache else None
    if folder is not None and os.environ.get(LOG_LEVEL) == IMPORTED:
        warnings.warn(
            "hptjax.devices.set_up was called after JAX had been imported: compiled programs are "
            "not kept between processes, for XLA would log kilobytes for each. Call it first, or "
            f"set {LOG_LEVEL}=3 before Python starts.",
            stacklevel=2,
        )
    elif folder is not None and _holds_files(folder):
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)


def available_cores() -> int:
    """Cores that this process may use, or as many as `set_up` was told.

    As many as its affinity and its container's quota allow.
    """
    if os.environ.get(CORES, "").isdecimal():
        return max(1, int(os.environ[CORES]))
    import loky

    return loky.cpu_count()


def cache_directory() -> Path | None:
    """Where compiled programs are kept; None where the environment switches that off."""
    setting = os.environ.get(CACHE_VARIABLE, "")
    if setting == "0":
        return None
    if setting:
        return Path(setting).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("hptjax")) / "xla" / _cpu_hash()


def _holds_files(folder: Path) -> bool:
    """Whether programs can be kept there; where not, one warning in place of JAX's for each."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError as error:
        warnings.warn(
            f"Compiled programs are not kept: cannot write in {folder} ({error.strerror}). "
            f"{CACHE_VARIABLE} may name another directory, or be 0.",
            stacklevel=3,
        )
        return False


def _cpu_hash() -> str:
    """Programs are compiled for one CPU model by one JAX: a home directory may serve several."""
    import jax

    return hashlib.sha256(f"{jax.__version__}\n{processor()}".encode()).hexdigest()[:16]


def processor() -> str:
    """What tells processors apart for which code is compiled."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return f"{platform.processor()} {platform.machine()}"
    wanted = ("model name", "flags", "Features", "CPU part")
    return "\n".join(sorted({line for line in lines if line.startswith(wanted)}))
