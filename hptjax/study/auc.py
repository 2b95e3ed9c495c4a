"""The area under the ROC curve, which needs the outputs for all images at once."""

import numpy as np
from scipy.special import log_softmax
from scipy.stats import rankdata

from hptjax.errors import ConfigError
from hptjax.study.metric import Metric


def area_under_curve(logits: np.ndarray, targets: np.ndarray) -> float:
    """Area under the ROC curve, each class against all others, averaged over the classes.

    For one class, it is the chance that an image of the class gets a higher probability of it than
    an image of another class; ties count half. logits: [N, K]. targets: classes [N], or labels [N,
    K] of 0 and 1. A class that no image or every image has is left out; NaN if none remains. It
    equals scikit-learn's roc_auc_score with multi_class="ovr", average="macro".
    """
    if targets.dtype.kind not in "iu":
        raise ConfigError("metric val_auc: needs classes or labels, the targets are real numbers.")
    if targets.ndim == 1:
        scores = log_softmax(logits, axis=1)  # an image is ranked by its probability
        positive = targets[:, None] == np.arange(logits.shape[1])
    else:
        scores, positive = logits, targets == 1
    ranks = rankdata(scores, axis=0)
    count = positive.sum(0)
    others = len(positive) - count
    wins = (ranks * positive).sum(0) - count * (count + 1) / 2
    usable = (count > 0) & (others > 0)
    return float(np.mean(wins[usable] / (count * others)[usable])) if usable.any() else float("nan")


auc = Metric(
    "val_auc", "maximize", area_under_curve, ideal=1.0, sees="logits", kinds=("classes", "labels")
)
