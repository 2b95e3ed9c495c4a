"""Numbers for parts, by the bounds of their fields, for tests over whole tables."""

import math

import numpy as np

from hptjax.config.frozen import Frozen
from hptjax.config.traced import traced_numbers


def bounds_of(part: Frozen | type[Frozen], name: str) -> tuple[float, float]:
    """The least and the largest float32 that a field allows; infinite where nothing bounds it."""
    low, high = -math.inf, math.inf
    cls = part if isinstance(part, type) else type(part)
    for bound in cls.model_fields[name].metadata:
        for kind in ("ge", "gt", "le", "lt"):
            if (value := getattr(bound, kind, None)) is None:
                continue
            if kind[0] == "g":
                low = _nearest(value, math.inf, strictly=kind == "gt")
            else:
                high = _nearest(value, -math.inf, strictly=kind == "lt")
    return low, high


def _nearest(value: float, towards: float, *, strictly: bool) -> float:
    """The float32 that is nearest to a bound on one of its sides, or at it."""
    nearest = np.float32(value)
    outside = float(nearest) < value if towards > 0 else float(nearest) > value
    at = float(nearest) == value
    return float(
        np.nextafter(nearest, np.float32(towards)) if outside or (at and strictly) else nearest
    )


def at_bound(part: Frozen, which: int) -> dict[str, float]:
    """The traced numbers at their lower (0) or upper (1) bounds, defaults where there are none."""
    found = {}
    for name in traced_numbers(part):
        bound = bounds_of(part, name)[which]
        found[name] = bound if math.isfinite(bound) else getattr(part, name)
    return found
