"""DES, the Differential Evolution Strategy (Arabas & Jagodzinski 2020), usable in three ways.

`DES` is an evosax algorithm, `des_minimize` a function in the style of scipy, `DESSampler` an
Optuna sampler. Each is imported at its first use; evosax and Optuna are not imported before.
"""

from typing import TYPE_CHECKING

from hptjax.lazy import lazily

if TYPE_CHECKING:
    from hptjax.des.algorithm import DES
    from hptjax.des.minimize import des_minimize
    from hptjax.des.presets import PRESETS, Preset
    from hptjax.des.registry import algorithms, register
    from hptjax.des.sampler import DESSampler

__all__ = ["DES", "PRESETS", "DESSampler", "Preset", "algorithms", "des_minimize", "register"]

_MODULES = {
    "DES": "algorithm",
    "DESSampler": "sampler",
    "PRESETS": "presets",
    "Preset": "presets",
    "algorithms": "registry",
    "des_minimize": "minimize",
    "register": "registry",
}
_HOMES = {name: f"{__name__}.{home}" for name, home in _MODULES.items()}

__getattr__, __dir__ = lazily(__name__, _HOMES)
