"""The named variants of DES: the choices that each makes between paper and release."""

import difflib
from dataclasses import dataclass
from typing import Literal

from hptjax.errors import ConfigError

BoundMode = Literal["lamarckian", "penalty", "death"]
BOUND_MODES: tuple[BoundMode, ...] = ("lamarckian", "penalty", "death")


@dataclass(frozen=True, slots=True)
class Preset:
    """One variant of DES; the defaults are the `release` preset.

    paper: use the equations of the paper, not those of the authors' released R code.
    equal_weights: use recombination weights 1/mu, not logarithmic ones.
    init_scale: the first population is uniform in centre +- init_scale * halfwidth.
    mean_from_x0: the first mean is x0 (the centre without one), which then gets no row.
    restarts: True, False, or None: on when the budget exceeds 200 generations.
    """

    paper: bool = False
    equal_weights: bool = False
    bound_mode: BoundMode = "lamarckian"
    init_scale: float = 1.0
    eps: float = 1e-6
    mean_from_x0: bool = False
    restarts: bool | None = None


PRESETS: dict[str, Preset] = {
    "release": Preset(),
    "release-original": Preset(init_scale=0.8, eps=1e-12, mean_from_x0=True, restarts=False),
    "tevc": Preset(init_scale=0.8, bound_mode="death", mean_from_x0=True, restarts=True),
    "paper": Preset(paper=True, equal_weights=True),
    "paper-log": Preset(paper=True),
}


def get_preset(preset: str | Preset) -> Preset:
    """Returns the preset of that name; returns a `Preset` as it is.

    Raises: ConfigError for an unknown name.
    """
    if isinstance(preset, Preset):
        return preset
    if preset not in PRESETS:
        near = difflib.get_close_matches(str(preset), PRESETS, n=1, cutoff=0.0)[0]
        raise ConfigError(
            f"preset must be one of {', '.join(PRESETS)}; got {preset!r}, did you mean {near!r}?"
        )
    return PRESETS[preset]
