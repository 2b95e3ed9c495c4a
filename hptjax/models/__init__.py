"""The networks: Flax modules at their exact shape, and the padded form that populations train."""

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
