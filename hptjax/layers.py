"""Layers of a model in Python: `Conv(32, kernel_size=3)` stands for `conv: {...}` of a file.

Every layer of the table `layers` is here, in CamelCase: `max_pool` is `MaxPool`. The first argument
is the main option of the layer. Every layer takes `label` and `depth`.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

from hptjax.config.items import STACK
from hptjax.config.named import main_option
from hptjax.config.options import DEPTH, known_options
from hptjax.config.parts import LAYERS
from hptjax.config.reference import Ref as _Ref
from hptjax.errors import ConfigError, did_you_mean


def Ref(text: str) -> str:
    """A reference: takes the value of another option.

    Args:
        text: the path of the other option, or a number times that path.

    Returns:
        The reference, as a file writes it.

    Raises:
        ConfigError: if the text has another form.

    Example:
        >>> import hptjax
        >>> hptjax.Ref("2 * stem.out_channels")
        '=2 * stem.out_channels'
    """
    return str(_Ref.parse(f"={text.removeprefix('=')}", "Ref"))


def Stack(layers: Sequence[Any], **options: Any) -> dict[str, Any]:
    """Repeats several layers together. options: `label`, and `depth`, the number of copies."""
    return {STACK: {**options, "layers": list(layers)}}


def __getattr__(name: str) -> Callable[..., dict[str, Any]]:
    word = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    if name.startswith("_") or name[:1].islower() or word not in LAYERS:
        hint = did_you_mean(name, list(map(_name, LAYERS.names())))
        raise AttributeError(f"there is no layer {name!r}; {hint}")

    def layer(*main: Any, **options: Any) -> dict[str, Any]:
        cls = LAYERS.find(word, name)
        own, known = main_option(cls), (*known_options(word, cls), "label", DEPTH)
        for option in options:
            if option not in known and not cls.whole:
                raise ConfigError(f"{name}: takes no {option!r}; {did_you_mean(option, known)}")
        if len(main) > (own is not None):
            takes = "no argument" if own is None else f"{own} alone"
            raise ConfigError(f"{name}: takes {takes} without a name, got {len(main)}.")
        return {word: {**dict(zip([own], main, strict=False)), **options}}

    layer.__name__ = layer.__qualname__ = name
    return layer


def __dir__() -> list[str]:
    return ["Ref", "Stack", *map(_name, LAYERS.names())]


def _name(word: str) -> str:
    return "".join(part.capitalize() for part in word.split("_"))
