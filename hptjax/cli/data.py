"""`hptjax data`: reads a source as a study would, and reports what may be wrong with it."""

import argparse
import re
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from hptjax.config.explain import validated
from hptjax.config.yaml_file import dump_yaml, parse_yaml
from hptjax.data.dataset import ImageDataset, check_alike
from hptjax.data.request import NoSplitError, once
from hptjax.data.review import concerns, value_range
from hptjax.errors import ConfigError
from hptjax.report.terminal import PlainTable, make_console
from hptjax.study.data import held_out_images, split_images
from hptjax.study.data_config import DataConfig
from hptjax.study.validation import TEST

MOST_ROWS = 30  # the most classes that are listed one by one
TASK_OF = {"labels": "multi_label", "targets": "regression"}  # by the kind; else the default
PICTURES = 60  # in a sheet
_CROSSED = re.compile(r"(\d+)x(\d+)")
_QUOTED = re.compile(r'"([A-Za-z_][\w./-]*:[\w./-]+)"')  # sources need no quotes


def data(args: argparse.Namespace) -> int:
    """Prints what was read, class by class; writes a sheet of pictures if asked to."""
    _check_sheet(args.show)
    config = _config(args)
    console, lines = make_console(), []
    parts, untested = _parts(config, args, lines)
    _print_summary(console, config.source, parts, lines)
    console.print(counts_table(parts) if args.kind != "targets" else _targets_table(parts))
    if untested is not None:
        console.print(f"No test set: {untested}", soft_wrap=True)
    found = concerns(parts)
    for line in found:
        console.print(f"! {line}.", soft_wrap=True)
    if not found:
        console.print("Nothing is missing, repeated, shared between parts or very unbalanced.")
    task = f"; in its model:  task: {TASK_OF[args.kind]}" if args.kind in TASK_OF else ""
    console.print(f"In a config:  data: {_yaml(config)}{task}", soft_wrap=True)
    if args.show is not None:
        parts["train"].show(PICTURES).save(args.show)
        console.print(f"Wrote {args.show}.", soft_wrap=True)
    return 0


def _check_sheet(path: Path | None) -> None:
    """Raises ConfigError for a file that Pillow could not write, before anything is read."""
    if path is None:
        return
    if path.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise ConfigError(f"--show: must end in .png or .jpg, got {path}.")
    if not path.absolute().parent.is_dir():
        raise ConfigError(f"--show: there is no folder {path.absolute().parent}.")


def _config(args: argparse.Namespace) -> DataConfig:
    tree: dict[str, Any] = {"source": args.source, "augment": False}
    for key in ("data_dir", "channels", "broken", "background"):
        if getattr(args, key) is not None:
            tree[key] = getattr(args, key)
    if args.size is not None:
        crossed = _CROSSED.fullmatch(args.size)
        tree["size"] = (
            [int(side) for side in crossed.groups()] if crossed else parse_yaml(args.size, "--size")
        )
    if args.validation is not None:
        tree["validation"] = parse_yaml(args.validation, "--validation")
    return validated(DataConfig, tree, "data")


def _parts(
    config: DataConfig, args: argparse.Namespace, lines: list[str]
) -> tuple[dict[str, ImageDataset], str | None]:
    """The training, validation and test images; and why there are no test images, if so."""
    notify = once(lines.append)
    with _patience(config.source):
        train, validation = split_images(config, args.kind, args.seed, notify)
        parts = {"train": train, "validation": validation}
        if config.wanted.source != TEST:
            try:
                parts[TEST] = held_out_images(config, args.kind, notify, train.class_names)
            except NoSplitError as error:
                return parts, str(error)
            check_alike(train, parts[TEST])
    return parts, None


def _patience(source: str) -> Any:
    """Shows a spinner while images are read, on a terminal."""
    console = Console(file=sys.stderr)
    return console.status(f"reading {source}") if sys.stderr.isatty() else console.capture()


def _print_summary(
    console: Console, source: str, parts: dict[str, ImageDataset], lines: list[str]
) -> None:
    train = parts["train"]
    height, width, channels = train.image_shape
    low, high, mean = value_range(train.images)
    sizes = {part.image_shape for part in parts.values()}
    total = sum(part.size for part in parts.values())
    more = "" if len(sizes) == 1 else " (train; other parts have other sizes)"
    console.print(
        f"{source}: {total} images of {height} x {width} x {channels}{more}, {train.num_classes} "
        f"{train.kind}; values {low} to {high}, mean {mean:.0f}",
        soft_wrap=True,
    )
    for line in lines:
        console.print(f"- {line}", soft_wrap=True)


def counts_table(parts: dict[str, ImageDataset]) -> PlainTable:
    """A table of the images by class and part; of very many classes, the largest and smallest."""
    counts = {name: part.counts for name, part in parts.items()}
    train = counts["train"]
    names = list(train)
    table = PlainTable()
    table.add_column("class" if parts["train"].kind == "classes" else "label")
    for name in parts:
        table.add_column(name, justify="right")
    if len(names) > MOST_ROWS:
        ranked = sorted(names, key=lambda name: -train[name])
        half = MOST_ROWS // 2
        names = [*ranked[:half], "", *ranked[-half:]]
    for name in names:
        cells = [str(own[name]) for own in counts.values()] if name else ["..."] * len(parts)
        table.add_row(name or f"{len(train) - MOST_ROWS} others", *cells)
    table.add_section()
    table.add_row("images", *(str(part.size) for part in parts.values()))
    return table


def _targets_table(parts: dict[str, ImageDataset]) -> PlainTable:
    """A table of the least, mean and largest number of each target and part."""
    table = PlainTable()
    for column in ("target", "part", "images", "least", "mean", "largest"):
        table.add_column(column, justify="left" if column in ("target", "part") else "right")
    for k, target in enumerate(parts["train"].class_names):
        for name, part in parts.items():
            own = part.labels.reshape(part.size, -1)[:, k]
            numbers = (f"{f():.4g}" for f in (own.min, own.mean, own.max))
            table.add_row(target, name, str(part.size), *numbers)
    return table


def _yaml(config: DataConfig) -> str:
    """The key `data` of a config as one line of YAML."""
    tree = config.model_dump(mode="json", exclude_defaults=True, exclude={"augment"})
    if tree.pop("validation_fraction", None) is not None:  # the older key
        tree["validation"] = config.wanted.to_tree()
    return _QUOTED.sub(r"\1", dump_yaml({"source": config.source, **tree}, flow=True))
