"""hptjax: a population of different small image classifiers trained in one compiled call.

The names below are loaded when first used, so that `import hptjax` stays light.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "Classifier": "hptjax.models",
    "ConfigError": "hptjax.errors",
    "ImageDataset": "hptjax.data",
    "Member": "hptjax.population",
    "ModelConfig": "hptjax.config.schema",
    "PopulationTrainer": "hptjax.population",
    "Space": "hptjax.space",
    "des_minimize": "hptjax.des",
    "evaluate_population": "hptjax.population",
    "init_variables": "hptjax.models",
    "load_best": "hptjax.records",
    "load_images": "hptjax.data",
    "load_model_config": "hptjax.config.load",
    "load_study": "hptjax.config.load",
    "make_objective": "hptjax.study.objective",
    "make_plan": "hptjax.population",
    "run_study": "hptjax.study",
    "train_validation_split": "hptjax.data",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'hptjax' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
