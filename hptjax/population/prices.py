"""The table `prices.yaml`: of each kind of device what training costs, and where that is from."""

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from hptjax.config.explain import validated
from hptjax.config.frozen import Frozen, as_tuple
from hptjax.config.yaml_file import read_yaml
from hptjax.errors import ConfigError

TABLE = Path(__file__).with_name("prices.yaml")

Platform = Literal["cpu", "gpu", "tpu"]
Count = Annotated[float, Field(ge=0)]
Rate = Annotated[float, Field(gt=0)]


class PriceRow(Frozen):
    """What a plan is made by; as `Price`, but for launch_seconds, of a step's launches."""

    live: bool
    per_number: Count
    per_second: Rate
    body_seconds: Rate
    launch_seconds: Count = 0.0


class Fitted(Frozen):
    """On what machine, and by which script or as which page says, a row was fitted."""

    on: str
    by: str


class DeviceRow(Frozen):
    """Of one kind of device; kernels: of CPUs, whether our kernels compute.

    seconds: of one core, for each of `speed.FEATURES`; None: they follow from the price.
    """

    kind: str
    kernels: bool | None = None
    price: PriceRow
    price_fitted: Fitted
    seconds: Annotated[
        tuple[Count, Count, Count, Count, Count] | None, BeforeValidator(as_tuple)
    ] = None
    seconds_fitted: Fitted | None = None


class Compiling(Frozen):
    """Seconds on two cores: of what all bodies share, a body, each layer of a kind, each pixel.

    own: how many times as long a body takes that is a class of the user's own.
    """

    shared: Count
    body: Count
    conv: Count
    linear: Count
    pixel: Count
    own: Count


class Table(Frozen):
    """All kinds of devices, and which of them stands in for others of its platform."""

    fallback: dict[Platform, str]
    devices: Annotated[tuple[DeviceRow, ...], BeforeValidator(as_tuple)]
    compiling: Compiling

    def row(self, platform: str, kind: str | None = None, *, kernels: bool = False) -> DeviceRow:
        """Of a device of JAX; of a kind that has no row, the fallback of its platform.

        kernels: of a CPU, whether our kernels compute. Any platform that is no CPU is taken for an
        accelerator. Raises ConfigError where the table lacks the fallback, too.
        """
        known = platform if platform in self.fallback else "gpu"
        for name in (kind, self.fallback[known]):
            for row in self.devices:
                if row.kind == name and row.kernels in (None, kernels):
                    return row
        raise ConfigError(
            f"{TABLE.name}: must have a row of the fallback {self.fallback[known]!r} of {known}, "
            "it is missing: install hptjax again."
        )


@lru_cache(1)
def table() -> Table:
    """The packaged table; ConfigError where the file is damaged."""
    return read_table(TABLE)


def read_table(path: Path) -> Table:
    """Reads a table; ConfigError naming the file and its first mistake."""
    tree = read_yaml(path)
    try:
        return validated(Table, tree)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
