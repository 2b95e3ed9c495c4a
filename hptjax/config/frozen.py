"""The base of every config: immutable, hashable, closed to unknown keys."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self, TypeVar, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)

from hptjax import notebook
from hptjax.checks import is_text, plain
from hptjax.config.explain import explain, validated
from hptjax.errors import ConfigError, shown

if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass as _Metaclass
else:
    _Metaclass = type(BaseModel)

Function = TypeVar("Function", bound=Callable[..., Any])

SIZE_LIMIT = 2**31  # the compiled programs index with 32 bits

Positive = Annotated[int, Field(ge=1, lt=SIZE_LIMIT)]


@dataclass(frozen=True)
class Otherwise:
    """In an annotation: what a field is unless given, in words, where other keys decide it.

    The manual says it in place of the schema's own default, or of `required`.
    """

    text: str


def _storable(value: Any) -> Any:
    value = plain(value)
    if isinstance(value, str) and not is_text(value):
        raise ValueError(f"a mapping of values that a file can hold, unlike {shown(value)}")
    return value


def _takes_unnamed(function: Callable[..., Any]) -> bool:
    """Whether a method takes an argument without a name, beside `self`."""
    _, *others = inspect.signature(function).parameters.values()
    return any(own.kind in (own.POSITIONAL_OR_KEYWORD, own.VAR_POSITIONAL) for own in others)


class _Told(_Metaclass):
    """Makes a call such as `Model(layers=...)` raise the same errors as reading a file."""

    if not TYPE_CHECKING:  # for type checkers a call returns an instance of the class

        def __call__(cls, *args, **options):
            if args and not _takes_unnamed(cls.__init__):
                first = next(iter((*cls.leading, *cls.model_fields)), "OPTION")
                raise ConfigError(
                    f"{cls.__name__}: takes its options by name, as in "
                    f"{cls.__name__}({first}=...), got {shown(args[0])} without a name."
                )
            try:
                return super().__call__(*args, **options)
            except ValidationError as error:
                raise explain(error, cls, cls.root) from None


class Frozen(BaseModel, metaclass=_Told):
    """Immutable, hashable (equal configs share a compilation), and closed to unknown keys.

    A mistake raises ConfigError, whether the config is constructed or validated.
    """

    later: ClassVar[tuple[str, ...]] = ()  # keys that the first versions did not have
    leading: ClassVar[tuple[str, ...]] = ()  # keys that are written first
    root: ClassVar[str] = ""  # the path of a mistake begins with it if Python constructs the config

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with some fields changed; unlike pydantic's method it checks the new values.

        Raises ConfigError, which names the field.
        """
        if not update:
            return super().model_copy(deep=deep)
        return validated(type(self), {**dict(self), **update})

    @model_serializer(mode="wrap")
    def _without_later(
        self, dump: SerializerFunctionWrapHandler, info: SerializationInfo
    ) -> dict[str, Any]:
        """Leaves out the `later` keys that are at their defaults, as older files do."""
        tree, fields = dump(self), type(self).model_fields
        for name in self.later if info.mode_is_json() else ():
            default = fields[name].get_default()
            if name in tree and tree[name] in (default, [] if default == () else default):
                del tree[name]
        return {name: tree[name] for name in (*self.leading, *tree) if name in tree}

    def _repr_html_(self) -> str:
        """The HTML that a notebook shows: keys and values, with dotted keys for nested ones."""
        to_dict: Callable[[], Mapping[str, Any]] = getattr(self, "to_dict", lambda: dict(self))
        given = [(key, value) for key, value in notebook.pairs(to_dict()) if value is not None]
        return notebook.block(type(self).__name__, notebook.table(("", ""), given))

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, tree: Any) -> Any:
        """Accepts any mapping whose keys are text; values may be numpy scalars."""
        if not isinstance(tree, Mapping):
            return tree
        for key in tree:
            if not isinstance(key, str):
                raise ValueError(f"a mapping whose keys are text, unlike {shown(key)}")
        return {key: _storable(value) for key, value in tree.items()}


def as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def remembered(function: Function) -> Function:
    """Caches a function of configs, for the last thousands of configs.

    The result has the type of the function: type checkers do not know that a config has a hash.
    """
    return cast(Function, lru_cache(maxsize=8192)(function))
