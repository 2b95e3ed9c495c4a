"""The table of metrics that are not measures of a task; importing it does not import JAX."""

from typing import TYPE_CHECKING

from hptjax.table import Table

if TYPE_CHECKING:
    from hptjax.study.metric import Metric

# A row is a Metric, made with `hptjax.metric`.
METRICS: "Table[Metric]" = Table(
    "metrics",
    "metric",
    {
        "val_loss_cumulative": "hptjax.study.metric:cumulative",
        "val_auc": "hptjax.study.auc:auc",
    },
)
