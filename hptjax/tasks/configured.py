"""The task of a network's config."""

from hptjax.config.schema import ModelConfig
from hptjax.tasks.base import Task
from hptjax.tasks.classification import Classification


def task_of(model: ModelConfig) -> Task:
    """What a network learns: a classification, where its config does not say."""
    own = getattr(model, "task", None)
    return Classification() if own is None else own.options
