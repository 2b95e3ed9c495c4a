"""Parts of a study that are named in a table and given options: `des`, or `{name: des, ...}`."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from hptjax.config.frozen import Frozen
from hptjax.errors import ConfigError, shown


class Named(Frozen):
    """A part's name in its table, and the options that it is given."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: str
    options: BaseModel

    def to_tree(self) -> str | dict[str, Any]:
        """What the part is read from; without the options that are left at their defaults."""
        tree = {"name": self.name, **self._other_keys()}
        tree |= self.options.model_dump(mode="json", exclude_defaults=True)
        return tree if len(tree) > 1 else self.name

    def _other_keys(self) -> dict[str, Any]:
        """Those that stand beside name and options, where they say something."""
        return {}


def named_tree(tree: Any, must: str) -> Mapping[str, Any]:
    """A name, or a mapping that has one, as a mapping; ConfigError, in the words of must, else."""
    given = {"name": tree} if isinstance(tree, str) else tree
    if not isinstance(given, Mapping) or not isinstance(given.get("name"), str):
        raise ConfigError(f"{must}, got {shown(tree)}.")
    return given
