"""For mkdocstrings: `<path>` and the like in a docstring are text, and no HTML."""

from typing import Any

from griffe import Extension, Object
from hptjax_docs.markdown import escaped


class Escape(Extension):
    """Escapes each docstring once, when its object has been read."""

    def on_object(self, *, obj: Object, **others: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = escaped(obj.docstring.value)
