"""The original study's published logs as tables of trials: Ray's CSVs, and the DES result's npz."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hptjax.errors import DataError
from hptjax.records.trial import METRICS, Status

STRATEGIES = {"gs": "grid", "rs": "random", "bs": "Bayes", "des": "DES"}
PREFIX, METRIC = "config/", "ptl/"


def log_files(path: Path) -> list[Path]:
    """The logs of a folder by their published names, or the file itself."""
    if path.is_file():
        return [path] if path.suffix in (".csv", ".npz") else []
    names = [f"{stem}{suffix}" for stem in STRATEGIES for suffix in (".csv", ".npz")]
    return [path / name for name in names if (path / name).is_file()]


def read_log(path: Path) -> pd.DataFrame:
    """A row for each trial in order, with its hparams and what had been spent by then.

    Raises: DataError where it is no such log.
    """
    try:
        return _read_des(path) if path.suffix == ".npz" else _read_ray(path)
    except (OSError, KeyError, ValueError) as error:
        raise DataError(f"{path}: not a log of the original study: {error!r}.") from None


def _read_ray(path: Path) -> pd.DataFrame:
    """One process ran the trials one after another, so that their seconds add up."""
    log: Any = pd.read_csv(path)
    varied = [name for name in log if name.startswith(PREFIX) and log[name].nunique() > 1]
    metrics = [name for name in METRICS if METRIC + name in log]
    columns = {name: name.removeprefix(PREFIX) for name in varied}
    columns |= {METRIC + name: name for name in metrics}
    frame = log[list(columns)].rename(columns=columns)
    epochs = log["training_iteration"]
    seconds = log["time_total_s"].cumsum()
    return _with_place(
        frame.assign(
            value=frame["val_loss"], epochs=epochs, member_epochs=epochs.cumsum(), seconds=seconds
        ),
        path,
    )


def _read_des(path: Path) -> pd.DataFrame:
    """value: [G, L] and pop: [G, D, L] or [D, L, G]; epochs were not logged."""
    with np.load(path, allow_pickle=False) as result:
        values, population = result["value"], result["pop"]
    told = json.loads(path.with_suffix(".json").read_text())
    generations, size = values.shape
    points = np.moveaxis(population, 2, 0) if population.shape[2] == generations else population
    axes = points.transpose(1, 0, 2).reshape(points.shape[1], -1)
    columns = dict(zip(told["hp_names"], axes, strict=True))
    ends = np.repeat(np.arange(1, generations + 1), size) * told["time"] / generations
    made = {"value": values.ravel(), "generation": np.repeat(np.arange(generations), size)}
    return _with_place(pd.DataFrame({**columns, **made, "seconds": ends}), path)


def _with_place(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    return frame.assign(
        strategy=STRATEGIES.get(path.stem, path.stem),
        number=np.arange(len(frame)),
        evaluations=np.arange(1, len(frame) + 1),
        status=Status.TRAINED.value,
    )
