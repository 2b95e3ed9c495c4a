"""Process-wide settings that must be made before JAX starts: by the command line, by workers."""

import hashlib
import os
import platform
import warnings
from pathlib import Path

CACHE_VARIABLE = "HPTJAX_COMPILE_CACHE"
LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
CORES = "NPROC"  # XLA's pools of threads are as large


def set_up(*, compile_cache: bool, cores: int | None = None) -> None:
    """Keeps compiled programs between processes, and says how many cores to use.

    Call it before JAX starts: afterwards programs are not kept, and a warning says so (XLA would
    log kilobytes for each that it loads). compile_cache: False switches the cache off, as
    HPTJAX_COMPILE_CACHE=0 does; that variable may also name the directory. cores: how many, where
    that is not all that this process may use.
    """
    if cores is not None:
        os.environ[CORES] = str(cores)
    # XLA logs an "error" about machine types for each program it takes from the cache; ours are
    # kept apart by CPU model, so it says nothing. Level 3 leaves fatal errors on the screen.
    quiet = LOG_LEVEL in os.environ
    os.environ.setdefault(LOG_LEVEL, "3")
    import jax

    running = False
    if "xla_force_host_platform_device_count" not in os.environ.get("XLA_FLAGS", ""):
        try:  # many runs of DES at once are spread over devices
            jax.config.update("jax_num_cpu_devices", available_cores())
        except RuntimeError:
            running = True
    folder = cache_directory() if compile_cache else None
    if folder is not None and running and not quiet:
        del os.environ[LOG_LEVEL]  # it came too late, and must not look set to the next call
        warnings.warn(
            "hptjax.devices.set_up was called after JAX had started: compiled programs are not "
            "kept between processes. Call it first, or set TF_CPP_MIN_LOG_LEVEL=3 before Python "
            "starts.",
            stacklevel=2,
        )
    elif folder is not None:
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
