"""Readers for the logs of the original study, CNN-Hyperparameter-Tuning (Staszkiewicz 2023).

Its grid, random and Bayes searches left one Ray Tune CSV each, with a row per trial. Its DES left a
pickled dict, which is also read without pickles (arrays as .npz, the rest as .json of the same
name). The tables have the form of `hptjax.report.runs_table`, with one run "original", for all
functions of `hptjax.report`. The values are the logged ones: the mean validation loss of all epochs
so far, on augmented images.
"""

import json
import pickle
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hptjax.errors import ConfigError, DataError
from hptjax.records.goal import Goal
from hptjax.records.metrics import CLASSIFICATION
from hptjax.records.reader import NAME as JOURNAL
from hptjax.report import Source, named_sources, read_source
from hptjax.report.runs import UNIT, columns_of, join_tables

NAMES = {  # {strategy: published files, plain or compressed}; the first one that exists is read
    "grid": ("gs.csv", "gs.csv.gz"),
    "random": ("rs.csv", "rs.csv.gz"),
    "bayes": ("bs.csv", "bs.csv.gz"),
    "des": ("des.npz", "DES*.npz", "DES*.npy"),
}
ENDINGS = (".csv", ".csv.gz", ".npz", ".npy")
RUN, METRIC = "original", "val_loss_cumulative"
TRAIN_IMAGES = 48_000  # 80 % of FashionMNIST
TIME_LIMIT = 100.0  # seconds of a trial: Ray's default of ASHA's max_t, that the logs keep to
BOUNDS: dict[str, tuple[float, float]] = {  # bounds of the space that all four searched
    "lr": (0.001, 0.1),
    "resnet_out_channels_l0": (8, 24),
    "resnet_out_channels_l1": (4, 16),
    "resnet_stride_l0": (1, 3),
    "mlp_out_l0": (64, 128),
    "mlp_bn_l0": (0, 1),
    "mlp_do_l0": (0.095, 0.305),
}
UNREADABLE = (
    *(OSError, EOFError, ValueError, zipfile.BadZipFile, pickle.UnpicklingError),
    *(KeyError, TypeError, AttributeError, ImportError, IndexError),  # a pickle of something else
)
METRICS = CLASSIFICATION
RAY = ("training_iteration", "time_total_s", "timestamp", "done", *(f"ptl/{m}" for m in METRICS))


def read_sources(paths: Sequence[Path], *, allow_pickle: bool = False) -> dict[str, Source]:
    """Reads runs, and logs as `read_original` does, by unique names, for one page.

    Raises ConfigError for any other path, DataError for damage.
    """
    sources = []
    for path in paths:
        if (path / JOURNAL).exists():
            sources.append(read_source(path))
        else:
            trials = read_original(path, allow_pickle=allow_pickle)
            sources.append(Source.from_table(RUN, trials))
    return named_sources(sources)


def read_original(
    path: str | Path | Mapping[str, str | Path], *, allow_pickle: bool = False
) -> pd.DataFrame:
    """Reads the table of the original study's logs.

    path: the folder of the published files (or some of them), one of them, or {strategy: file}.
    allow_pickle: see `read_des_result`. Raises ConfigError if a folder holds none of the files,
    DataError for a damaged or wrong file.
    """
    files = path if isinstance(path, Mapping) else original_files(Path(path))
    tables = []
    for strategy, file in files.items():
        if Path(file).suffix in (".npz", ".npy"):
            tables.append(read_des_result(file, strategy=strategy, allow_pickle=allow_pickle))
        else:
            tables.append(read_ray_csv(file, strategy))
    return join_tables(*tables)


def original_files(folder: Path) -> dict[str, Path]:
    """{strategy: published file} in a folder, or for one file.

    Raises ConfigError if there is none.
    """
    if folder.is_file() and folder.name.endswith(ENDINGS):
        return {strategy_of(folder): folder}
    found = {
        strategy: next((file for name in names for file in sorted(folder.glob(name))), None)
        for strategy, names in NAMES.items()
    }
    files = {strategy: file for strategy, file in found.items() if file is not None}
    if not files:
        wanted = ", ".join(name for names in NAMES.values() for name in names)
        raise ConfigError(
            f"{folder}: no logs of the original study here (any of {wanted}), and no run "
            f"(it has no {JOURNAL})."
        )
    return files


def strategy_of(file: Path) -> str:
    """The strategy of a published file; for another file, its name without the ending."""
    for strategy, names in NAMES.items():
        if any(file.match(name) for name in names):
            return strategy
    return file.name.split(".")[0]


def read_ray_csv(
    path: str | Path, strategy: str, *, time_limit: float = TIME_LIMIT, images: int = TRAIN_IMAGES
) -> pd.DataFrame:
    """Reads the table of a Ray Tune CSV; its hparams are the `config/` columns that vary.

    A trial that reached time_limit (seconds) counts as trained, any other as stopped: the logs do
    not say what ended a trial, but Ray's scheduler let no trial start an epoch after that time.
    images: how many an epoch has. Trials were trained one after another, so they have no
    generation. Raises DataError if columns are missing.
    """
    try:
        log = pd.read_csv(path)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path}: cannot be read as CSV: {error}") from None
    missing = [name for name in RAY if name not in log]
    if missing:
        raise DataError(f"{path}: not a Ray Tune log of the study, it has no column {missing[0]}.")
    seconds = log["time_total_s"].astype(float)
    trained = (seconds >= time_limit).to_numpy()
    done = log["done"].astype(bool).to_numpy()
    stopped = np.where(done, f"by the schedule, before {time_limit:g} s", "by the search's end")
    began = log["timestamp"].iloc[0] - seconds.iloc[0]
    names = [c for c in log if str(c).startswith("config/") and str(c).count("/") == 1]
    hparams = {str(c).split("/")[1]: log[c] for c in names if len(set(log[c])) > 1}
    return _table(
        strategy,
        hparams,
        value=log["ptl/val_loss"].astype(float),
        status=np.where(trained, "trained", "stopped"),
        reason=np.where(trained, "", stopped),
        **{metric: log[f"ptl/{metric}"].astype(float) for metric in METRICS},
        epochs=log["training_iteration"],
        member_epochs=log["training_iteration"],
        samples=log["training_iteration"] * float(images),
        seconds=seconds,
        elapsed=log["timestamp"] - began,
    )


def read_des_result(
    path: str | Path, *, strategy: str = "des", allow_pickle: bool = False
) -> pd.DataFrame:
    """Reads the table of the original's DES result; its generations are the populations.

    path: an .npz with the .json of the same name beside it, or the published .npy. That is a
    pickle, which can run any program when it is read: ConfigError unless allow_pickle=True. The log
    has no time or epochs of a trial: seconds are the total time divided by all evaluations, elapsed
    sums those of the logged evaluations (224 of 268), epochs and samples are NaN.
    """
    result = _read_result(Path(path), allow_pickle)
    try:
        values = np.asarray(result["value"], float)  # [G, P]
        points = np.asarray(result["pop"], float).transpose(2, 1, 0)  # [G, P, D]
        names = [str(name) for name in result["hp_names"]]
        seconds = float(result["time"]) / float(result["counts"]["function"])
        if points.shape != (*values.shape, len(names)):
            raise ValueError(f"populations {points.shape} and values {values.shape} do not agree")
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: not a DES result of the study: {error!r}") from None
    count = values.size
    flat = points.reshape(count, len(names))
    finite = np.isfinite(values.ravel())
    return _table(
        strategy,
        {name: flat[:, k] for k, name in enumerate(names)},
        value=np.where(finite, values.ravel(), np.nan),
        status=np.where(finite, "trained", "diverged"),
        reason="",
        generation=np.repeat(np.arange(len(values)), values.shape[1]),
        seconds=np.full(count, seconds),
        elapsed=seconds * np.arange(1, count + 1),
    )


def _table(strategy: str, hparams: Mapping[str, Any], **columns: Any) -> pd.DataFrame:
    """Trials in the order of their log, with NaN for missing facts."""
    frame = pd.DataFrame(columns).reset_index(drop=True)
    frame = frame.assign(
        group=strategy,
        run=RUN,
        strategy=strategy,
        seed=0,
        variant=RUN,
        metric=METRIC,
        direction=Goal.from_tree(METRIC).direction,
        number=frame.index,
        told=frame["value"],
        key=0,
        changes="",
    )
    frame = frame.reindex(columns=columns_of(METRICS)).astype({"generation": "Int64"})
    blank = [*METRICS, "epochs", "member_epochs", "samples"]
    frame[blank] = frame[blank].astype(float)
    units = {
        f"{UNIT}{name}": (np.asarray(values, float) - BOUNDS[name][0])
        / (BOUNDS[name][1] - BOUNDS[name][0])
        for name, values in hparams.items()
        if name in BOUNDS
    }
    values = {name: np.asarray(values) for name, values in hparams.items()}
    return pd.concat([frame, pd.DataFrame(values | units)], axis=1)


def _read_result(path: Path, allow_pickle: bool) -> Mapping[str, Any]:
    if path.suffix == ".npy" and not allow_pickle:
        raise ConfigError(
            f"{path}: a pickle, which can run any program when it is read; give the .npz and "
            ".json instead, or allow_pickle (--allow-pickle) where you trust the file."
        )
    try:
        if path.suffix == ".npy":
            result = np.load(path, allow_pickle=True).item()
            return {**result, **result["diagnostic"], "value": result["diagnostic"]["value"]}
        with np.load(path, allow_pickle=False) as arrays:
            return {**json.loads(path.with_suffix(".json").read_text()), **arrays}
    except UNREADABLE as error:
        raise DataError(f"{path}: not a DES result of the study: {error}") from None
