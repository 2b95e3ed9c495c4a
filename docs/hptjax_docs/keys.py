"""The page of a study's keys: what each may be, its default, what it means, and an example."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel

from hptjax.cli.tables import METRICS, SHELVES
from hptjax.config.frozen import Frozen
from hptjax.config.model import Model
from hptjax.config.named import Part
from hptjax.config.schema import ModelConfig
from hptjax.config.targets import TABLE
from hptjax.config.yaml_file import read_yaml
from hptjax.study.config import StudyConfig
from hptjax_docs.markdown import TOC_OF_SECTIONS, anchor, code, escaped, fenced, heading, table
from hptjax_docs.meanings import docs_of, meanings
from hptjax_docs.options import REQUIRED, default_of_field, kind_of_field
from hptjax_docs.written import written_page

EXAMPLES = Path(__file__).with_name("examples.yaml")
_AUGMENT = "true, false, or a list of words of the table [augmentations](augmentations.md)"
# Keys whose type no schema says, in words.
_KINDS: Mapping[str, str] = {
    "model": "mapping; or the name of a file that has one",
    "space": "mapping of names to [entries](#entries); or the name of a file",
    "first": "list of mappings: the hparams of a point",
    "model.layers": "list of words of the table [layers](layers.md)",
    "model.flax": "mapping, see [layers](layers.md#flax)",
    "data.augment": _AUGMENT,
    "model.augment": _AUGMENT,
    "data.validation": "a share, a number of images, `test`, a source, or a mapping",
    "data.size": "pixels, or [height, width]",
    "model.input": "[height, width, channels]",
    "repeats": "integer >= 1, or a mapping of `n` and `paired`",
}
_TABLES: Mapping[str, str] = {
    **{shelf.key: seam for seam, shelf in SHELVES.items()},
    **{"metric": METRICS, "metrics": METRICS, "objectives": METRICS},
}
_OTHER_NAMES = {"strategies": "searcher"}


@dataclass(frozen=True)
class Section:
    """Keys that stand below one key of a study; form: under which key of the examples they are."""

    path: str
    model: type[BaseModel]
    form: str = "study"

    def fields(self) -> dict[str, str]:
        """Returns {dotted path: field} of its keys."""
        return {f"{self.path}.{name}".strip("."): name for name in self.model.model_fields}


def sections() -> list[Section]:
    """Returns all keys of a study, those of its network in both forms."""
    found = [Section("", StudyConfig), *_below("", StudyConfig)]
    native = Section("model", Model, "model")
    return [*found, native, *_original("model", ModelConfig)]


def _below(path: str, model: type[BaseModel]) -> Iterator[Section]:
    for name, field in model.model_fields.items():
        where = f"{path}.{name}".strip(".")
        for own in _models_of(field.annotation):
            yield Section(where, own)
            yield from _below(where, own)


def _models_of(annotation: Any) -> list[type[BaseModel]]:
    """The configs that an annotation allows; a part's options stand on the pages of the tables."""
    if get_origin(annotation) in (Union, UnionType) or hasattr(annotation, "__metadata__"):
        inner = (
            (annotation.__origin__,)
            if hasattr(annotation, "__metadata__")
            else get_args(annotation)
        )
        return [own for one in inner for own in _models_of(one)]
    usable = isinstance(annotation, type) and issubclass(annotation, Frozen)
    others = (Part, Model, ModelConfig)
    return [annotation] if usable and not issubclass(annotation, others) else []


def _original(path: str, model: type[BaseModel]) -> Iterator[Section]:
    yield Section(path, model, "original")
    for name, field in model.model_fields.items():
        items = [arg for arg in get_args(field.annotation) if arg is not Ellipsis]
        for own in items or [field.annotation]:
            if isinstance(own, type) and issubclass(own, Frozen) and not issubclass(own, Part):
                yield from _original(f"{path}.{name}" + "[]" * bool(items), own)


@cache
def examples() -> Mapping[str, Mapping[str, str]]:
    """Returns {form: {dotted path: an example of its value, as YAML}}."""
    return read_yaml(EXAMPLES)


def example(form: str, path: str) -> str:
    """Returns the YAML of an example, from a study's first key on; nothing where there is none."""
    value = examples().get(form, {}).get(path)
    if value is None:
        return ""
    *outer, last = path.split(".")
    line = f"{_OTHER_NAMES.get(last, last)}: {value}"
    for name in reversed(outer):
        line = f"{name[:-2]}: [{{{line}}}]" if name.endswith("[]") else f"{name}: {{{line}}}"
    return line


def key_page() -> dict[str, str]:
    """Returns {place in the manual: Markdown}."""
    return {"reference/study.md": "\n".join(_page())}


_TITLES = {
    ("study", ""): "A study",
    ("model", "model"): "A model: a list of layers, or a Flax class",
    ("original", "model"): "A model in the original study's form",
}


def _page() -> Iterator[str]:
    yield f"{TOC_OF_SECTIONS}# Keys of a study\n"
    yield (
        "A study is a YAML file. `hptjax run FILE --set KEY=VALUE` changes any key by its dotted "
        "path; an unknown key is an error that names the nearest known one. In Python the same "
        "keys are arguments of "
        "[`hptjax.StudyConfig`](api/index.md#hptjax.study.config.StudyConfig).\n"
    )
    for section in sections():
        title, own = _TITLES.get((section.form, section.path)), [section.form, section.path]
        if title is None:  # the key that it stands below has a heading, too
            title, own = f"Keys below {code(section.path)}", ["below", *own]
        yield heading(2, title, anchor(*own))
        about = docs_of(section.model)[0].split("\n\n")[0]
        yield f"{escaped(' '.join(about.split()))}\n"
        links = (f"[{code(path)}](#{_id(section, path)})" for path in section.fields())
        yield f"{' · '.join(links)}\n{{ data-search-exclude }}\n"
        said = meanings(docs_of(section.model), section.model.model_fields)
        for path, name in section.fields().items():
            yield from _key(section, path, name, said.get(name, ""))
        if (section.form, section.path) == ("model", "model"):
            yield from written_page()
        if (section.form, section.path) == ("original", "model"):
            yield from _hparams()


_COSTS = {
    "traced": "none",
    "width": "little: the arrays are padded to the widest",
    "static": "a compiled body",
}


def _hparams() -> Iterator[str]:
    """The names by which a space tunes a model in the original's form."""
    yield heading(3, "Hparams of the original's form", "original-hparams")
    yield (
        "A `space:` names these. `{i}` is the number of the layer, which begins at 0. Options of "
        "an optimizer, of a schedule and of a task are named by their place, as "
        "`optimizer.sgd.momentum`.\n"
    )
    rows = (
        (
            code(rule.pattern),
            code(".".join(["model", *rule.where, *(["{i}"] if rule.where else []), rule.key])),
            _COSTS[rule.kind],
        )
        for rule in TABLE
    )
    yield table(["hparam", "is the key", "what a further value costs"], rows)


def _id(section: Section, path: str) -> str:
    """The id of a key's heading; both forms of a model have keys of the same name."""
    return anchor(path) if section.form == "study" else f"{section.form}-{anchor(path)}"


def _key(section: Section, path: str, name: str, said: str) -> Iterator[str]:
    also = f" (or {code(_OTHER_NAMES[path])})" if path in _OTHER_NAMES else ""
    where = " in the original form" if section.form == "original" else ""
    yield heading(3, code(path) + also + where, _id(section, path))
    field = section.model.model_fields[name]
    default = default_of_field(field)
    shown = default if default in ("", REQUIRED) else f"default: {default}"
    yield " · ".join(filter(None, (_kind(path, name, field), shown))) + "\n"
    yield f"{escaped(said)}\n"
    shown = example(section.form, path)
    if shown:
        yield fenced(shown, "yaml")


def _kind(path: str, name: str, field: Any) -> str:
    if path in _KINDS:
        return _KINDS[path]
    seam = _TABLES.get(path) or _TABLES.get(name)
    if seam:
        return f"of the table [{seam}]({seam}.md)"
    if name == "padding":
        return "integer >= 0, or `same`"
    return escaped(kind_of_field(name, field)) or "mapping"
