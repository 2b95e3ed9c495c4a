"""What the searches of the packaged configs propose: makes tests/data/packaged_histories.json.

    python -m tests.packaged_histories

The file was made at commit 2a3d603. Training is pretended, so that it takes seconds.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from hptjax.data import ImageDataset
from hptjax.search import run_study
from hptjax.study import load_study
from hptjax.study.data import StudyData
from tests import fakes

FILE = Path(__file__).parent / "data" / "packaged_histories.json"
SMALL = ("population_size=12", "budget.generations=2")
STUDIES = {
    "quickstart": ("quickstart", SMALL),
    "trial1 halving": ("trial1", (*SMALL, "schedule=halving", "epochs=4")),
    "trial1 val_accuracy": ("trial1", (*SMALL, "metric=val_accuracy")),
    "quickstart repeats": ("quickstart", (*SMALL, "repeats=2", "strategies=[tpe, des]")),
}


def blank() -> StudyData:
    """Images of the size that the packaged networks take."""
    labels = np.arange(80, dtype=np.int32) % 10
    names = tuple(map(str, range(10)))
    images = ImageDataset(np.zeros((80, 28, 28, 1), np.uint8), labels, names, "blank")
    return StudyData(images, images)


def history(name: str) -> list[dict[str, Any]]:
    """The trials of a study: proposals, repairs, statuses, ages, what searchers were told."""
    config, changes = STUDIES[name]
    study = load_study(config, changes)
    trials = run_study(study, blank(), executor=fakes.FakeExecutor()).trials
    return [
        {
            "strategy": trial.strategy,
            "number": trial.number,
            "key": trial.key,
            "hparams": dict(trial.hparams),
            "changes": [[c.path, c.old, c.new] for c in trial.changes if c.notable],
            "status": str(trial.status),
            "age": trial.age,
            "told": trial.told,
        }
        for trial in trials
    ]


if __name__ == "__main__":
    FILE.write_text(json.dumps({name: history(name) for name in STUDIES}, separators=(",", ":")))
