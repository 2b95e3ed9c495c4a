"""DES, the Differential Evolution Strategy (Arabas & Jagodzinski 2020), usable in three ways.

`DES` is an evosax algorithm, `des_minimize` a function in the manner of scipy, `DESSampler` an
Optuna sampler. Each is imported when first asked for: evosax and Optuna are not imported before.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hptjax.des.algorithm import DES
    from hptjax.des.minimize import des_minimize
    from hptjax.des.presets import PRESETS, Preset
    from hptjax.des.registry import algorithms, register
    from hptjax.des.sampler import DESSampler

__all__ = ["DES", "PRESETS", "DESSampler", "Preset", "algorithms", "des_minimize", "register"]

_HOME = {
    "DES": "algorithm",
    "DESSampler": "sampler",
    "PRESETS": "presets",
    "Preset": "presets",
    "algorithms": "registry",
    "des_minimize": "minimize",
    "register": "registry",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
