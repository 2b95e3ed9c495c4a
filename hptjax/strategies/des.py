"""DES, the Differential Evolution Strategy (Arabas & Jagodzinski 2020), as in `hptjax.des`."""

from typing import Annotated

from pydantic import AfterValidator, Field

from hptjax.config.frozen import Frozen
from hptjax.des.presets import PRESETS
from hptjax.errors import ConfigError
from hptjax.importing import load
from hptjax.strategies.base import SearchContext, Searcher

SEARCHER = "hptjax.strategies.des_searcher:DESSearcher"


def _preset(name: str) -> str:
    if name not in PRESETS:
        known = ", ".join(PRESETS)
        raise ConfigError(f"strategies.des.preset: must be one of {known}, got {name!r}.")
    return name


class Options(Frozen):
    """Options of `des`.

    preset: the variant of the algorithm, a name of `hptjax.des.PRESETS`: release, release-original,
    tevc, paper or paper-log; start: hparams of the first point; offspring: the number of offspring
    in a generation (None: the population size, less one for the midpoint, or 4 D); midpoint:
    whether the mean of the parents is evaluated, too.
    """

    preset: Annotated[str, AfterValidator(_preset)] = "release"
    start: dict[str, bool | int | float | str] | None = None
    offspring: Annotated[int, Field(ge=2)] | None = None
    midpoint: bool = True


def make(context: SearchContext, options: Options) -> Searcher:
    return load(SEARCHER)(context, options)  # imported late: options are checked without evosax
