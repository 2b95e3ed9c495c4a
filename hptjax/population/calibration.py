"""What `hptjax calibrate` measured on a user's devices: factors of the predicted seconds.

A factor is the measured time over the time by `prices.yaml`, for training and for compiling. It
changes only texts for people. Bodies, lanes and the dealing of members follow from the packaged
table alone: they decide rounding, and one seed has one history, whatever was measured.
"""

import hashlib
import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from hptjax.config.explain import validated
from hptjax.config.frozen import Frozen, as_tuple
from hptjax.config.yaml_file import dump_yaml, read_yaml
from hptjax.devices import processor_name
from hptjax.errors import ConfigError
from hptjax.ops import native
from hptjax.paths import user_path
from hptjax.population.prices import table
from hptjax.records.files import replace_file

VARIABLE = "HPTJAX_CALIBRATION"
HEAD = """\
# Written by `hptjax calibrate`: for each device, measured times over the times it predicts.
# It changes the seconds that hptjax says before a run begins, and nothing else. Without this file
# the predictions are those of the package.
"""

Factor = Annotated[float, Field(gt=0)]


class Factors(Frozen):
    """Factors of one device: seconds of training and of compiling over those of the packaged table.

    device: its name, as `device_name` gives it. kernels: whether our CPU kernels compute. table:
    the digest of the `prices.yaml` that the factors refer to; with another table they are not used.
    """

    device: str
    kernels: bool
    table: str
    training: Factor
    compiling: Factor


class Calibration(Frozen):
    """The content of a user's file."""

    devices: Annotated[tuple[Factors, ...], BeforeValidator(as_tuple)]


def calibration_file() -> Path | None:
    """Returns the path of the user's file, there or not; None if the environment switches it off.

    HPTJAX_CALIBRATION names another file, or is 0. Raises ConfigError for a value that is no path.
    """
    setting = os.environ.get(VARIABLE, "")
    if setting == "0":
        return None
    if setting:
        return user_path(setting)
    import platformdirs

    return Path(platformdirs.user_config_dir("hptjax")) / "calibration.yaml"


def factors_of(device: Any) -> Factors:
    """Returns the factors of a device of JAX from the user's file; 1 where the file has none.

    Raises ConfigError if the file is damaged.
    """
    plain = Factors(
        device=device_name(device),
        kernels=device.platform == "cpu" and native.available(),
        table=table_digest(),
        training=1.0,
        compiling=1.0,
    )
    return next((own for own in read_calibration().devices if _same(own, plain)), plain)


def keep_factors(found: Factors) -> Path:
    """Writes the factors of a device to the user's file, beside the other devices' factors.

    Raises ConfigError if the file is damaged, switched off, or cannot be written.
    """
    path = calibration_file()
    if path is None:
        raise ConfigError(f"{VARIABLE} is 0: unset it, or name a file, to keep a calibration.")
    others = [
        own
        for own in read_calibration().devices
        if (own.device, own.kernels) != (found.device, found.kernels)
    ]
    tree = {"devices": [own.model_dump(mode="json") for own in (*others, found)]}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, (HEAD + dump_yaml(tree)).encode())
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be written ({error.strerror}); {VARIABLE} may name another file."
        ) from None
    return path


def read_calibration() -> Calibration:
    """Returns the content of the user's file, nothing if there is none; ConfigError if damaged."""
    path = calibration_file()
    if path is None or not path.exists():
        return Calibration(devices=())
    try:
        return validated(Calibration, read_yaml(path))
    except ConfigError as error:
        text = str(error).removeprefix(f"{path}:").strip()
        raise ConfigError(
            f"{path}: {text} Delete the file, and run hptjax calibrate again."
        ) from None


def device_name(device: Any) -> str:
    """Returns the name of the kind of a device; the devices of a kind share one calibration."""
    return processor_name() if device.platform == "cpu" else device.device_kind


def table_digest() -> str:
    """Returns the digest of the packaged table."""
    return hashlib.sha256(table().model_dump_json().encode()).hexdigest()[:16]


def _same(own: Factors, other: Factors) -> bool:
    return (own.device, own.kernels, own.table) == (other.device, other.kernels, other.table)
