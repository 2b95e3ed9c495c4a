"""Turns pydantic's errors about a config into one line that a user can act on."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from hptjax.errors import CodeError, ConfigError, did_you_mean, shown, shown_key
from hptjax.synonyms import NAMES, NOTES

Model = TypeVar("Model", bound=BaseModel)


def validated(model: type[Model], tree: Mapping[str, Any], path: str = "") -> Model:
    """Builds a pydantic model from a tree; raises the ConfigError of `explain` for a mistake."""
    try:
        return model.model_validate(tree)
    except ValidationError as error:
        raise explain(error, model, path) from None


def explain(error: ValidationError, model: type[BaseModel], path: str = "") -> ConfigError:
    """The first mistake as a ConfigError "path: must be ..., got ..."; it counts the others.

    An unknown key comes first: a misspelt key is also reported as missing.
    """
    found: dict[str, list[Any]] = {}
    for item in error.errors(include_url=False):
        names = [shown_key(part) for part in _fields_only(model, item["loc"])]
        found.setdefault(".".join([path, *names] if path else names), []).append(item)
    ranked = sorted(found.items(), key=lambda pair: pair[1][0]["type"] != "extra_forbidden")
    where, items = ranked[0]
    cause = items[0].get("ctx", {}).get("error")
    inner = cause.more if isinstance(cause, ConfigError) else 0  # mistakes in its own parts
    kind = CodeError if isinstance(cause, CodeError) else ConfigError
    return kind(_sentence(where, items, model), more=len(ranked) - 1 + inner)


def _sentence(where: str, items: list[Any], model: type[BaseModel]) -> str:
    first = items[0]
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, ConfigError):  # our own validators name the whole path themselves
        return str(cause)
    if first["type"] == "extra_forbidden":
        owner = _model_at(model, first["loc"][:-1]) or model
        key = shown_key(first["loc"][-1])
        return (
            f"{where}: unknown key; {_deeper(key, owner) or did_you_mean(key, owner.model_fields)}"
        )
    if first["type"] == "missing":
        return f"{where}: must be given, it is missing."
    wanted = " or ".join(dict.fromkeys(_wanted(item["msg"]) for item in items))
    return f"{where}: must be {wanted}, got {shown(first['input'])}."


def _deeper(key: str, owner: type[BaseModel]) -> str:
    """A hint at the key of this name one level deeper, as at `model.lr`; empty if there is none."""
    if key.lower() in NOTES:
        return ""
    found = [
        f"{outer}.{word}"
        for word in (key, *NAMES.get(key.lower(), ()))
        for outer, field in owner.model_fields.items()
        for model in _models_in(field.annotation)
        if word in model.model_fields and word not in owner.model_fields
        if "options" not in model.model_fields  # a part, whose fields are no keys
    ]
    return f"did you mean {' or '.join(map(repr, dict.fromkeys(found)))}?" if found else ""


def _wanted(message: str) -> str:
    for start in ("Input should be ", "Value error, "):
        message = message.removeprefix(start)
    if message.startswith("a valid dictionary"):
        return "a mapping"
    if message.startswith("a valid tuple"):
        return "a list"
    if message.startswith("Input should"):  # "Input should have at least ..."
        return message.removeprefix("Input should have ").removeprefix("Input should ")
    if "at least" in message and "item" in message:  # "Tuple should have at least 1 item ..."
        kind = "mapping" if message.startswith(("Dictionary", "Mapping")) else "list"
        return f"a {kind} of at least 1 item"
    return message


def _fields_only(model: type[BaseModel], loc: tuple[Any, ...]) -> Iterator[Any]:
    """The location without the union branches that pydantic adds to it."""
    for depth, part in enumerate(loc):
        owner = _model_at(model, loc[:depth])
        if isinstance(part, int) or owner is not None:
            yield part


def _model_at(model: type[BaseModel], loc: tuple[Any, ...]) -> type[BaseModel] | None:
    """The model whose keys stand at a location; None if there is no model."""
    owner: Any = model
    for part in loc:
        if isinstance(part, int):
            continue
        if owner is None or part not in owner.model_fields:
            return None
        owner = next(_models_in(owner.model_fields[part].annotation), None)
    return owner


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)
