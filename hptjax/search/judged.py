"""Tests the best network of a run on the test images, once, at the end of the run."""

import base64
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import softmax

from hptjax.data.dataset import ImageDataset
from hptjax.data.digest import dataset_digest
from hptjax.data.request import NoSplitError, silent
from hptjax.data.sources import MEMORY
from hptjax.errors import ConfigError
from hptjax.models.confusion import confusion_of
from hptjax.models.network import Network, load_network
from hptjax.records.best import CONFIG, TEST
from hptjax.records.files import replace_file
from hptjax.records.metrics import measure_of
from hptjax.records.trial import finite_or_none
from hptjax.search.kept import ensemble_members, kept_ensemble
from hptjax.study.config import StudyConfig
from hptjax.study.data import load_test_data

SHOWN = 24  # how many wrongly classified images are kept
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def judge_best(
    run: Path,
    study: StudyConfig,
    *,
    test: ImageDataset | None = None,
    notify: Callable[[str], None] = silent,
) -> dict[str, Any] | None:
    """Measures a run's best network on its test images, and writes `best/test.json`.

    If the file exists and belongs to this trial, it is only read. test: the test images, if the
    study's source has none; with other images than before, the network is measured again. notify:
    called with one line, the result or why there is none; without test images, what the network
    reached on the validation images. Returns the content of the file; None if there is no network
    or no test set. A mistake in the test images never ends a finished run.
    """
    folder = run / "best"
    if not (folder / CONFIG).is_file():
        return None
    try:
        network = load_network(folder)
        digest = None if test is None else dataset_digest(test)
        known = _known(folder / TEST, network, ensemble_members(run), digest)
        if known is not None:
            return known
        images = _test_images(network, study, test)
        if images is None:
            notify(untested(network))
            return None
        found = judgement(network, images, study)
        if digest is not None:
            found["digest"] = digest
        together = _together(run, images, study)
        if together is not None:
            found["ensemble"] = together
    except ConfigError as error:
        notify(f"The best network was not tested: {error}")
        return None
    replace_file(folder / TEST, json.dumps(found).encode())
    notify(told(found))
    return found


def judgement(network: Network, images: ImageDataset, study: StudyConfig) -> dict[str, Any]:
    """The content of `best/test.json`: measures, confusion matrix, the most confident mistakes."""
    task = study.task
    measures = network.evaluate(images, study.measures)
    trial = network.trial
    found: dict[str, Any] = {
        "trial": f"{trial['strategy']}/{trial['number']}",
        "images": images.size,
        "measures": {name: finite_or_none(value) for name, value in measures.items()},
        "class_names": list(network.class_names),
    }
    if task.kind != "classes":
        return found
    logits = network.logits(images.images)
    confusion = confusion_of(images.labels, logits)
    wrong = _mistakes(network, images, softmax(logits, 1))
    return {**found, "confusion": confusion.tolist(), "wrong": wrong}


def _together(run: Path, images: ImageDataset, study: StudyConfig) -> dict[str, Any] | None:
    """The members of the run's ensemble, and its measures."""
    members, together = ensemble_members(run), kept_ensemble(run)
    if members is None or together is None:
        return None
    measures = together.evaluate(images, study.measures)
    known = {name: finite_or_none(value) for name, value in measures.items()}
    return {"members": members, "measures": known}


def told(found: Mapping[str, Any]) -> str:
    """`Best network (tpe/57): test accuracy 0.9030, loss 0.3000 on 1000 images.`

    The loss comes last; an ensemble has a sentence of its own.
    """
    text = f"Best network ({found['trial']}): test {_texts(found['measures'])}"
    text += f" on {found['images']} images."
    together = found.get("ensemble")
    if together is None:
        return text
    count = len(together["members"])
    return f"{text} Ensemble of {count}: test {_texts(together['measures'])}."


def untested(network: Network) -> str:
    """`Best network (tpe/57): validation accuracy 0.9030, loss 0.3000; there are no other ...`."""
    trial = network.trial
    name = f"{trial['strategy']}/{trial['number']}"
    reached = _texts({measure_of(metric): value for metric, value in trial["network"].items()})
    return f"Best network ({name}): validation {reached}; there are no other images to test it on."


def _texts(measures: Mapping[str, float | None]) -> str:
    """`accuracy 0.9030, loss 0.3000`."""
    last = sorted(measures.items(), key=lambda pair: pair[0] == "loss")
    return ", ".join(
        f"{name} {'not finite' if value is None else f'{value:.4f}'}" for name, value in last
    )


def _known(
    path: Path, network: Network, members: Mapping[str, float] | None, digest: str | None
) -> dict[str, Any] | None:
    """The result of an earlier call for the same trial and the same ensemble.

    digest: the digest of a caller's test images; None if there are none.
    """
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    trial = network.trial
    own = f"{trial.get('strategy')}/{trial.get('number')}"
    if not isinstance(found, dict) or found.get("trial") != own:
        return None
    if digest is not None and found.get("digest") != digest:
        return None
    together = found.get("ensemble", {}).get("members")
    return found if together == members else None


def _test_images(
    network: Network, study: StudyConfig, test: ImageDataset | None
) -> ImageDataset | None:
    """The test set at the size of the network; None if there is none.

    Raises ConfigError if the images are not those that the run recorded when it began.
    """
    if test is not None:
        return network.fit(test, silent)
    if study.data.source == MEMORY:
        return None
    names = network.trial.get("class_names")
    try:
        images = load_test_data(study.data, network.config, classes=names, notify=silent)
    except NoSplitError:
        return None
    noted = network.trial.get("digests", {}).get("test")
    if noted is not None and noted != dataset_digest(images):
        raise ConfigError(f"the test images of {study.data.source} changed during the run.")
    return network.fit(images, silent)


def _mistakes(network: Network, images: ImageDataset, chances: np.ndarray) -> list[dict[str, Any]]:
    """The wrongly classified images with the highest probabilities, the highest first."""
    guesses, names = chances.argmax(1), network.class_names
    sure = np.where(guesses != images.labels, chances.max(1), -1.0)
    sure = np.where(np.isfinite(sure), sure, -1.0)
    order = np.argsort(-sure, kind="stable")[:SHOWN]
    return [
        {
            "index": int(k),
            "label": names[images.labels[k]],
            "predicted": names[guesses[k]],
            "probability": round(float(sure[k]), 4),
            "png": png_of(images.images[k]),
        }
        for k in order
        if sure[k] >= 0
    ]


def png_of(image: np.ndarray) -> str:
    """An image of bytes [H, W, C] as base64 PNG; the mean of the channels if C is above 4."""
    from PIL import Image

    channels = image.shape[-1]
    if channels not in _MODES:
        image, channels = image.mean(-1, keepdims=True).astype(np.uint8), 1
    picture = Image.fromarray(image[..., 0] if channels == 1 else image, _MODES[channels])
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()
