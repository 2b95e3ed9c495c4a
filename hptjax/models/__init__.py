"""The networks: Flax modules at their exact shape, and the padded form that populations train.

Each name is imported at its first use; Flax is not imported before.
"""

from typing import TYPE_CHECKING

from hptjax.lazy import lazily

if TYPE_CHECKING:
    from hptjax.models.classifier import MLP, Classifier, ResBlock, ResNet
    from hptjax.models.module import Chain, module_of
    from hptjax.models.variables import check_variables, evaluate_variables, init_variables

__all__ = [
    "MLP",
    "Chain",
    "Classifier",
    "ResBlock",
    "ResNet",
    "check_variables",
    "evaluate_variables",
    "init_variables",
    "module_of",
]

_HOMES = {
    "MLP": "hptjax.models.classifier",
    "Chain": "hptjax.models.module",
    "Classifier": "hptjax.models.classifier",
    "ResBlock": "hptjax.models.classifier",
    "ResNet": "hptjax.models.classifier",
    "check_variables": "hptjax.models.variables",
    "evaluate_variables": "hptjax.models.variables",
    "init_variables": "hptjax.models.variables",
    "module_of": "hptjax.models.module",
}

__getattr__, __dir__ = lazily(__name__, _HOMES)
