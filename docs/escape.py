"""For mkdocstrings: `<path>` and the like in a docstring are no markup."""

from typing import Any

from griffe import Extension, Object  # pyright: ignore[reportMissingImports]
from hptjax_docs.markdown import literal


class Escape(Extension):
    """Escapes each docstring once, when its object has been read."""

    def on_object(self, *, obj: Object, **others: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = literal(obj.docstring.value)
