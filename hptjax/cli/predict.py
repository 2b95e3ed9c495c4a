"""`hptjax predict`: prints the predictions of a network for pictures."""

import argparse
import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hptjax.cli.pictures import picture_files, read_picture
from hptjax.cli.process import say
from hptjax.data.request import once, silent
from hptjax.errors import ConfigError, DataError
from hptjax.models.network import Network, load_network
from hptjax.models.prepare import prepared
from hptjax.records.files import prove_writable
from hptjax.report.terminal import PlainTable, make_console
from hptjax.search.kept import wanted_ensemble

_TOGETHER = 512  # how many pictures are in memory at once


def predict(args: argparse.Namespace) -> int:
    """Prints the prediction for each picture; returns 2 if a file could not be read."""
    network = load_network(args.network)
    together = wanted_ensemble(args.network) if args.ensemble else network
    header = _header(network, args.top, args.probabilities)
    files = picture_files(args.images)
    if args.csv is not None:
        prove_writable(args.csv.parent, f"--csv {args.csv}")
    console = make_console()
    notify = once(lambda text: console.print(text, soft_wrap=True))
    rows: list[list[str]] = []
    broken = 0
    for start in range(0, len(files), _TOGETHER):
        read, lost = _read(files[start : start + _TOGETHER], network, notify)
        broken += lost
        if read:
            found = together.outcomes(_sized(read, network.input_shape, notify))
            names = [str(path) for path, _ in read]
            rows += _rows(network, names, found, args)
    if args.csv is None:
        _print(console, header, rows)
    else:
        _write(args.csv, header, rows)
        console.print(f"{args.csv}: predictions of {len(rows)} pictures.", soft_wrap=True)
    return 2 if broken else 0


def _read(
    files: Sequence[Path], network: Network, notify: Any
) -> tuple[list[tuple[Path, np.ndarray]], int]:
    """Reads pictures; returns them with their files, and how many failed. Reports each failure."""
    found, broken = [], 0
    for path in files:
        try:
            image = read_picture(path, network.input_shape[2], notify, network.background)
        except DataError as error:
            say(str(error))
            broken += 1
            continue
        found.append((path, image))
    return found, broken


def _sized(
    read: Sequence[tuple[Path, np.ndarray]], image: tuple[int, int, int], notify: Any
) -> np.ndarray:
    """The pictures as bytes [N, H, W, C] of the network's size; notifies of changes to them."""
    pictures = [own for _, own in read]
    height, width, _ = image
    others = [own for own in pictures if own.shape[:2] != (height, width)]
    if others:
        torn = any(own.shape[0] * width != own.shape[1] * height for own in others)
        crop = ", the centre cropped" if torn else ""
        notify(f"pictures of other sizes are resized to {height} x {width}, in proportion{crop}.")
    return prepared(pictures, image, silent)


def _header(network: Network, top: int | None, probabilities: bool) -> list[str]:
    """The headings of the columns; ConfigError for options that do not fit the network's task."""
    kind = network.config.task.options.kind
    if kind == "targets" and (top is not None or probabilities):
        raise ConfigError("--top, --probabilities: this network predicts numbers, not classes.")
    if kind == "labels" and top is not None:
        raise ConfigError("--top: an image may have any of the labels; give --probabilities.")
    if top is not None and not 1 <= top <= len(network.class_names):
        raise ConfigError(f"--top {top}: must be from 1 to {len(network.class_names)}.")
    if kind == "targets":
        return ["file", *network.class_names]
    if kind == "labels":
        return ["file", "labels", *(network.class_names if probabilities else ())]
    places = [""] if top is None else [f" {k}" for k in range(1, top + 1)]
    best = [f"{name}{place}" for place in places for name in ("class", "probability")]
    return ["file", *best, *(network.class_names if probabilities else ())]


def _rows(
    network: Network, names: Sequence[str], found: np.ndarray, args: argparse.Namespace
) -> Iterator[list[str]]:
    """Yields a row for each picture; found: as `Network.outcomes` returns it."""
    kind, classes = network.config.task.options.kind, network.class_names
    for name, values in zip(names, found, strict=True):
        if kind == "targets":  # of any size: small ones would be zeros
            yield [name, *(f"{value:.6g}" for value in values)]
            continue
        every = [f"{value:.4f}" for value in values]
        if kind == "labels":
            own = [label for label, value in zip(classes, values, strict=True) if value > 0.5]
            told = [", ".join(own) or "none"]
        else:
            order = np.argsort(-values, kind="stable")[: args.top or 1]
            told = [text for k in order for text in (classes[k], every[k])]
        yield [name, *told, *(every if args.probabilities else ())]


def _print(console: Any, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = PlainTable()
    for name in header:
        number = name != "file" and not name.startswith(("class", "labels"))
        table.add_column(
            name, justify="right" if number else "left", no_wrap=number, overflow="fold"
        )
    for row in rows:
        table.add_row(*row)
    if rows:
        console.print(table)


def _write(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        csv.writer(file).writerows([header, *rows])
