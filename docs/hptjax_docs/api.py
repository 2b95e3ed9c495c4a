"""The pages of the Python API: what mkdocstrings is told to write, name by name."""

import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import hptjax
from hptjax_docs.markdown import anchor, code, escaped, fenced, heading
from hptjax_docs.meanings import doc

OTHERS = "Others"


def api_pages() -> dict[str, str]:
    """Returns {place in the manual: Markdown}: the package's names, then each of its modules."""
    pages = {"reference/api/index.md": "\n".join(_top())}
    for module in hptjax._MODULES:
        pages[f"reference/api/{module}.md"] = "\n".join(_module(module))
    return pages


def groups() -> Mapping[str, list[str]]:
    """Returns {what they are for: names of `hptjax.__all__`}, as the package's docstring has it."""
    found: dict[str, list[str]] = {}
    left = set(hptjax.__all__)
    for block in inspect.cleandoc(hptjax.__doc__ or "").split("\n\n"):
        title, *lines = block.split("\n")
        if not title.endswith(":"):
            continue
        named = [
            word for line in lines for word in re.findall(r"\w+", line.strip().split("   ")[0])
        ]
        found[title.rstrip(":")] = [name for name in dict.fromkeys(named) if name in left]
        left -= set(named)
    if left:
        found[OTHERS] = sorted(left)
    return {title: names for title, names in found.items() if names}


def home(found: Any, name: str) -> str:
    """Returns where an object is defined, as `module.name`; of a value where it is imported."""
    if inspect.isclass(found) or inspect.isfunction(found):
        return f"{found.__module__}.{found.__qualname__}"
    return name


def _top() -> Iterator[str]:
    yield "# The package `hptjax`\n"
    modules = ", ".join(f"[`hptjax.{module}`]({module}.md)" for module in hptjax._MODULES)
    yield f"All names below are imported from `hptjax` itself. Its modules: {modules}.\n"
    for title, names in groups().items():
        yield heading(2, title, anchor(title))
        for name in names:
            yield _entry(f"hptjax.{name}", getattr(hptjax, name))


def _module(name: str) -> Iterator[str]:
    module = import_module(f"hptjax.{name}")
    yield f"# `hptjax.{name}`\n"
    for block in doc(module).split("\n\n"):
        shown = textwrap.dedent(block)
        is_code = all(line.startswith("    ") for line in block.split("\n"))
        yield fenced(shown, "python") if is_code else f"{escaped(' '.join(shown.split()))}\n"
    at_top = {home(getattr(hptjax, own), f"hptjax.{own}"): own for own in hptjax.__all__}
    for own in names_of(module):
        found = getattr(module, own)
        place = home(found, f"hptjax.{name}.{own}")
        if inspect.ismodule(found) or not place.startswith("hptjax"):
            continue
        if place in at_top:
            yield f"{code(own)} is [`hptjax.{at_top[place]}`](index.md#{place}).\n"
        else:
            yield _entry(f"hptjax.{name}.{own}", found)


def names_of(module: Any) -> list[str]:
    """Returns the public names of a module."""
    own = getattr(module, "__all__", None)
    if own is not None:
        return list(own)
    here = module.__name__
    return [
        name
        for name, found in vars(module).items()
        if not name.startswith("_") and getattr(found, "__module__", None) == here
    ]


def _entry(name: str, found: Any) -> str:
    place = home(found, name)
    label = name.rpartition(".")[2]
    return f"::: {place}\n    options:\n      heading: {name}\n      toc_label: {label}\n"
