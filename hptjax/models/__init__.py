"""The networks: Flax modules at their exact shape, and the padded form that the engine trains."""

from hptjax.models.classifier import MLP, Classifier, ResBlock, ResNet
from hptjax.models.variables import init_variables

__all__ = ["MLP", "Classifier", "ResBlock", "ResNet", "init_variables"]
