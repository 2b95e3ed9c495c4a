"""The table `prices.yaml`: what training costs on each kind of device, and the source of that."""

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
    """The prices that a plan uses, as in `Price`; launch_seconds: the launches of one step."""

    live: bool
    per_number: Count
    per_second: Rate
    body_seconds: Rate
    launch_seconds: Count = 0.0


class Fitted(Frozen):
    """The machine, and the script or page, that a row comes from."""

    on: str
    by: str


class DeviceRow(Frozen):
    """A row: one kind of device. kernels: for CPUs, whether our kernels compute.

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
    """Seconds on two cores: what all bodies share, each body, each layer of a kind, each pixel.

    own: the factor for a body that is a class of the user's own.
    """

    shared: Count
    body: Count
    conv: Count
    linear: Count
    pixel: Count
    own: Count


class Table(Frozen):
    """All kinds of devices; fallback: the kind that replaces unknown kinds of each platform."""

    fallback: dict[Platform, str]
    devices: Annotated[tuple[DeviceRow, ...], BeforeValidator(as_tuple)]
    compiling: Compiling

    def row(self, platform: str, kind: str | None = None, *, kernels: bool = False) -> DeviceRow:
        """Returns the row of a device of JAX; for a kind without a row, its platform's fallback.

        kernels: for a CPU, whether our kernels compute. Any platform but the CPU counts as an
        accelerator. Raises ConfigError if the table lacks the fallback, too.
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
    """Returns the packaged table; ConfigError if the file is damaged."""
    return read_table(TABLE)


def read_table(path: Path) -> Table:
    """Reads a table; raises ConfigError with the file and its first mistake."""
    tree = read_yaml(path)
    try:
        return validated(Table, tree)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
