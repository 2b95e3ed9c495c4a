"""Traced numbers as attributes, as the methods of parts read them: `h.lr`."""

from collections.abc import Iterable
from typing import Any

import jax

from hptjax.errors import did_you_mean


@jax.tree_util.register_pytree_node_class
class Numbers:
    """Numbers, or arrays of numbers, as attributes; immutable, and a pytree keyed by name."""

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"there is no number {name!r}; {did_you_mean(name, vars(self))}")

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"numbers are immutable: use replace({name}=...).")

    def __repr__(self) -> str:
        return f"Numbers({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"

    def replace(self, **values: Any) -> "Numbers":
        """Returns the same numbers with some of them changed or added."""
        return Numbers(**{**vars(self), **values})

    def tree_flatten(self) -> tuple[tuple[Any, ...], tuple[str, ...]]:
        names = tuple(sorted(vars(self)))
        return tuple(vars(self)[name] for name in names), names

    @classmethod
    def tree_unflatten(cls, names: tuple[str, ...], values: Iterable[Any]) -> "Numbers":
        return cls(**dict(zip(names, values, strict=True)))
