"""The base of every config: immutable, hashable, closed to unknown keys."""

from collections.abc import Callable, Mapping
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
from hptjax.errors import shown

if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass as _Metaclass
else:
    _Metaclass = type(BaseModel)

Function = TypeVar("Function", bound=Callable[..., Any])

SIZE_LIMIT = 2**31  # the compiled programs index with 32 bits

Positive = Annotated[int, Field(ge=1, lt=SIZE_LIMIT)]


def _storable(value: Any) -> Any:
    value = plain(value)
    if isinstance(value, str) and not is_text(value):
        raise ValueError(f"a mapping of values that a file can hold, unlike {shown(value)}")
    return value


class _Told(_Metaclass):
    """Has what Python calls, as `Model(layers=...)`, tell of a mistake as a file's reader does."""

    if not TYPE_CHECKING:  # type checkers take the result for what the class makes

        def __call__(cls, *args, **options):
            try:
                return super().__call__(*args, **options)
            except ValidationError as error:
                raise explain(error, cls, cls.root) from None


class Frozen(BaseModel, metaclass=_Told):
    """Immutable, hashable (equal configs share a compilation), and closed to unknown keys.

    A mistake is a ConfigError, whether it is constructed or validated.
    """

    later: ClassVar[tuple[str, ...]] = ()  # keys that the first versions did not have
    leading: ClassVar[tuple[str, ...]] = ()  # keys that come first where it is written
    root: ClassVar[str] = ""  # begins the path of a mistake where Python constructs it

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with some fields changed; unlike pydantic's own it checks what it is given.

        Raises ConfigError naming the field.
        """
        if not update:
            return super().model_copy(deep=deep)
        return validated(type(self), {**dict(self), **update})

    @model_serializer(mode="wrap")
    def _without_later(
        self, dump: SerializerFunctionWrapHandler, info: SerializationInfo
    ) -> dict[str, Any]:
        """A file lacks the `later` keys that are at their defaults, as files of before do."""
        tree, fields = dump(self), type(self).model_fields
        for name in self.later if info.mode_is_json() else ():
            default = fields[name].get_default()
            if name in tree and tree[name] in (default, [] if default == () else default):
                del tree[name]
        return {name: tree[name] for name in (*self.leading, *tree) if name in tree}

    def _repr_html_(self) -> str:
        """What a notebook shows of it: its keys and values, nested ones by dotted keys."""
        to_dict: Callable[[], Mapping[str, Any]] = getattr(self, "to_dict", lambda: dict(self))
        given = [(key, value) for key, value in notebook.pairs(to_dict()) if value is not None]
        return notebook.block(type(self).__name__, notebook.table(("", ""), given))

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, tree: Any) -> Any:
        """Any mapping will do, with numpy's scalars for values; its keys must be text."""
        if not isinstance(tree, Mapping):
            return tree
        for key in tree:
            if not isinstance(key, str):
                raise ValueError(f"a mapping whose keys are text, unlike {shown(key)}")
        return {key: _storable(value) for key, value in tree.items()}


def as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def remembered(function: Function) -> Function:
    """A function of configs that works each out once, for the last thousands of them.

    It is typed as the function: type checkers do not know that a frozen config has a hash.
    """
    return cast(Function, lru_cache(maxsize=8192)(function))
