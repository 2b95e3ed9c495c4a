"""`hptjax evaluate`: measures a saved network on a split of its data, or on other data."""

import argparse
from collections.abc import Callable, Mapping
from typing import Any

from hptjax.cli.export import name_of, print_note
from hptjax.config.explain import validated
from hptjax.data.dataset import ImageDataset
from hptjax.data.digest import dataset_digest
from hptjax.data.request import NoSplitError
from hptjax.data.sources import MEMORY, check_source, ours_without_pictures
from hptjax.errors import ConfigError, DataError
from hptjax.models.confusion import check_classes
from hptjax.models.network import load_network
from hptjax.records.best import SavedNetwork
from hptjax.records.metrics import measure_of
from hptjax.report.console import show_measures
from hptjax.report.per_class import per_class_tables
from hptjax.report.terminal import make_console
from hptjax.search.kept import wanted_ensemble
from hptjax.study.data import load_test_data, prepare_data
from hptjax.study.data_config import DataConfig
from hptjax.study.validation import as_validation


def evaluate(args: argparse.Namespace) -> int:
    """Prints the measures of a network, or an ensemble, on a split."""
    whole = load_network(args.network)
    together = wanted_ensemble(args.network) if args.ensemble else None
    network = SavedNetwork(whole.config, whole.variables, whole.trial)
    if args.per_class:
        check_classes(whole.config)
    data = _data_config(network, args)
    console = make_console()

    def notify(text: str) -> None:
        console.print(text, soft_wrap=True)

    images, split = _images(network, data, args.split, notify)
    if args.data is None:
        _check_same(network, images, split, data.source, args)
    measured, name = whole, name_of(network)
    if together is not None:
        measured, name = together, together.name
    images = whole.fit(images)
    values = measured.evaluate(images, _noted_measures(network))
    console.print(
        f"{name} on {split} of {data.source} ({images.size} images): {show_measures(values)}",
        soft_wrap=True,
    )
    if together is None:
        print_note(network, console)
    if args.per_class:
        for part in per_class_tables(measured.per_class(images), console.width):
            console.print(part)
    return 0


def _noted_measures(network: SavedNetwork) -> list[str]:
    """The measures of the task that are in the notes of the network's file."""
    task, noted = network.config.task.options, network.trial.get("network") or {}
    return [measure_of(name) for name in noted if task.find(measure_of(name)) is not None]


def _data_config(network: SavedNetwork, args: argparse.Namespace) -> DataConfig:
    """The data in the notes of the network's file, changed by the options."""
    noted = network.trial.get("data")
    if noted is None and (args.data is None or args.split not in (None, "test")):
        raise ConfigError(
            f"{args.network}: it does not say which images it was trained on; "
            "give --data, with --split test."
        )
    tree: dict[str, Any] = {
        **(noted or {}),
        "augment": False,
    }  # the class of an augmentation may be missing here
    if args.data is not None:
        check_source(args.data, "--data")
        tree |= {"source": args.data, "data_dir": None}
        if ours_without_pictures(args.data):
            tree.pop("background", None)
        own = as_validation(tree.get("validation"))
        if isinstance(own, Mapping) and own.get("source") is not None:
            del tree[
                "validation"
            ]  # these images belong to the source that the network was trained on
    if args.data_dir is not None:
        tree["data_dir"] = args.data_dir
    return validated(DataConfig, tree, "data")


def _images(
    network: SavedNetwork, data: DataConfig, split: str | None, notify: Callable[[str], None]
) -> tuple[ImageDataset, str]:
    """The images of a split, and its name; by default test, if there is one."""
    if split in (None, "test"):
        classes = network.trial.get("class_names")
        try:
            return load_test_data(data, network.config, classes=classes, notify=notify), "test"
        except NoSplitError as error:
            text = str(error).rstrip(".")
            if data.source == MEMORY:
                raise
            if split == "test" or "seed" not in network.trial:
                way = "--split validation measures on what it has"
                raise DataError(f"{text}; {way}.") from None
            notify(f"{text}: measured on its validation images.")
    both = prepare_data(data, network.config, network.trial["seed"], notify)
    return (both.train, "train") if split == "train" else (both.validation, "validation")


def _check_same(
    network: SavedNetwork, images: ImageDataset, split: str, source: str, args: argparse.Namespace
) -> None:
    """Raises ConfigError if the images have changed since the network's file was written."""
    known = network.trial.get("digests", {}).get(split)
    if known is not None and known != dataset_digest(images):
        raise ConfigError(
            f"{args.network}: the {split} images or labels of {source} are not those that its "
            f"run had; restore them, or give --data {source} to measure on these."
        )
