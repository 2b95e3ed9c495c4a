"""References, `=stem.out_channels` or `=2 * stem.out_channels`: one value in two places."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hptjax.errors import ConfigError, did_you_mean, shown, similar

_FORM = re.compile(r"=\s*(?:([0-9]+(?:\.[0-9]+)?)\s*\*\s*)?([A-Za-z_][A-Za-z0-9_.-]*)\s*")
_USE = "Write '=LAYER.OPTION' or '=2 * LAYER.OPTION'; other arithmetic is not possible."


@dataclass(frozen=True, slots=True)
class Ref:
    """The value of another option times a factor; path: the name of that option."""

    path: str
    factor: int | float = 1

    def __str__(self) -> str:
        return f"={self.path}" if self.factor == 1 else f"={self.factor} * {self.path}"

    @classmethod
    def parse(cls, text: str, path: str) -> "Ref":
        """Reads `=path` or `=2 * path`; ConfigError, which names `path`, for another text."""
        match = _FORM.fullmatch(text)
        if match is None:
            raise ConfigError(
                f"{path}: must be a reference such as '=stem.out_channels' or "
                f"'=2 * stem.out_channels' (other arithmetic is not possible), got {shown(text)}."
            )
        number = match[1] or "1"
        factor = float(number) if "." in number else int(number)
        if factor <= 0:
            raise ConfigError(f"{path}: the factor of {shown(text)} must be larger than 0.")
        return cls(match[2], factor)

    def names_nothing(
        self, where: str, names: Iterable[str] = (), options: Sequence[str] = ()
    ) -> ConfigError:
        """Returns the error of a reference that names nothing.

        names: all that references may name; in place of them, options: those of the layer that the
        path names.
        """
        if options:
            layer, _, option = self.path.rpartition(".")  # other tools' words are single options
            hint = f"{similar(option, options)} {layer} has {', '.join(options)}.".lstrip()
        else:
            hint = did_you_mean(str(self), (str(Ref(name, self.factor)) for name in names))
        return ConfigError(f"{where}: {str(self)!r} names nothing; {hint} {_USE}")

    def of(self, value: object, path: str) -> object:
        """The value times the factor; for a whole number, the product is rounded, halves up."""
        if self.factor == 1:
            return value
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ConfigError(f"{path}: '{self}' has a factor, but {shown(value)} is no number.")
        if isinstance(value, int):
            return (
                int(value * self.factor + 0.5)
                if isinstance(self.factor, float)
                else (value * self.factor)
            )
        return value * self.factor
