"""For mkdocstrings: `<path>` in a docstring is no markup, and its examples are code."""

from typing import Any

from griffe import Extension, Object  # pyright: ignore[reportMissingImports]
from hptjax_docs.markdown import docstring


class Escape(Extension):
    """Turns each docstring into Markdown once, when its object has been read."""

    def on_object(self, *, obj: Object, **others: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = docstring(obj.docstring.value)
