"""Glossary of axis letters and names, used in every docstring of the package.

Axes: P members of a population, B batch, H W C image, K classes, D search dimensions,
G generations.

Three words never blur: `params` are network weights, `hparams` are one candidate's tuned values
(`{"lr": 0.01, ...}`), and the constants of a search strategy live in that strategy's own config.
Lower `fitness` is better; NaN is worst.
"""

from collections.abc import Mapping
from typing import TypeAlias

Hparams: TypeAlias = Mapping[str, bool | int | float | str]
