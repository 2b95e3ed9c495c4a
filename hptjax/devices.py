"""Process-wide settings of JAX: its devices, and where compiled programs are kept."""

import hashlib
import logging
import os
import platform
import sys
import tempfile
import warnings
from contextlib import suppress
from pathlib import Path

CACHE_VARIABLE = "HPTJAX_COMPILE_CACHE"
LOG_LEVEL, IMPORTED = "TF_CPP_MIN_LOG_LEVEL", "1"  # XLA's log level; what importing JAX sets it to
CORES = "NPROC"  # XLA sizes its thread pools by it


def set_up(*, compile_cache: bool, cores: int | None = None) -> None:
    """Sets how many cores to use, and whether compiled programs are kept between processes.

    `hptjax.tune` and `hptjax.run` keep compiled programs by default. If JAX has not started yet,
    this also gives JAX one device for each core; otherwise JAX's devices stay as they are. XLA then
    logs fatal errors only, unless TF_CPP_MIN_LOG_LEVEL or jax_logging_level is set. compile_cache:
    whether to keep compiled programs; HPTJAX_COMPILE_CACHE=0 switches that off, too, and that
    variable may also name the directory. cores: how many; None means all cores that this process
    may use.
    """
    if cores is not None:
        os.environ[CORES] = str(cores)
    import jax

    if "xla_force_host_platform_device_count" not in os.environ.get("XLA_FLAGS", ""):
        with suppress(RuntimeError):  # JAX has started: many runs of DES then share one device
            jax.config.update("jax_num_cpu_devices", available_cores())
    _silence_xla()
    if compile_cache:
        keep_programs()


def keep_programs() -> None:
    """Keeps compiled programs for the next process, unless JAX already has a directory for them.

    Warns if they cannot be kept.
    """
    import jax

    folder = cache_directory()
    if folder is None or jax.config.values["jax_compilation_cache_dir"] is not None:
        return
    if _holds_files(folder):
        _silence_xla()
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)


def _silence_xla() -> None:
    """Makes XLA log fatal errors only, unless its log level was set.

    XLA logs an "error" about machine types for each program from the cache. That is a false alarm:
    our cache has one directory for each CPU model.
    """
    import jax

    chosen = os.environ.get(LOG_LEVEL, IMPORTED) != IMPORTED
    if chosen or jax.config.values["jax_logging_level"] != "NOTSET":
        return
    loggers = [logging.getLogger(name) for name in ("jax", "jaxlib")]
    levels = [logger.level for logger in loggers]
    for level in ("CRITICAL", "NOTSET"):  # NOTSET leaves XLA's level as it is
        jax.config.update("jax_logging_level", level)
    for logger, before in zip(loggers, levels, strict=True):
        logger.setLevel(before)


def available_cores() -> int:
    """How many cores this process may use, or the number given to `set_up`.

    By default, as many as its affinity and its container's quota allow.
    """
    if os.environ.get(CORES, "").isdecimal():
        return max(1, int(os.environ[CORES]))
    import loky

    return loky.cpu_count()


def cache_directory() -> Path | None:
    """The directory of compiled programs; None if the environment switches the cache off."""
    setting = os.environ.get(CACHE_VARIABLE, "")
    if setting == "0":
        return None
    if setting:
        return Path(setting).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("hptjax")) / "xla" / _cpu_hash()


def _holds_files(folder: Path) -> bool:
    """Whether the folder can be written; if not, warns once, where JAX would for each program."""
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
    """A hash of the CPU model and JAX's version: machines that share a home may differ in both."""
    import jax

    return hashlib.sha256(f"{jax.__version__}\n{processor()}".encode()).hexdigest()[:16]


def processor() -> str:
    """A text that differs between processors that need different compiled code."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return f"{platform.processor()} {platform.machine()}"
    wanted = ("model name", "flags", "Features", "CPU part")
    return "\n".join(sorted({line for line in lines if line.startswith(wanted)}))


def processor_name() -> str:
    """The processor's name, for people."""
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
