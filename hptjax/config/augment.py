"""Reads `augment:` of a model or a study: true, false, or a list of augmentations."""

from collections.abc import Sequence
from typing import Any, TypeAlias

from hptjax.config.named import Part, part
from hptjax.config.parts import AUGMENTATIONS
from hptjax.errors import ConfigError, shown

# Users may give a bool, a list of parts, or a list of several of these: each member has one of
# them.
AugmentTree: TypeAlias = bool | Sequence[Any]
Augment: TypeAlias = tuple[Part, ...]
Variants: TypeAlias = tuple[tuple[Any, ...], ...]  # instances of Augmentation


def augmentations(tree: Any, path: str = "augment") -> Augment:
    """The augmentations that a tree names, in their order.

    tree: True means those of the original study, False means none; otherwise a list of parts, such
    as [flip, {crop: 4}], of classes or of instances. Raises ConfigError, which names the path.
    """
    if isinstance(tree, bool):
        return (part(AUGMENTATIONS, "original", path),) if tree else ()
    if not isinstance(tree, list | tuple):
        raise ConfigError(
            f"{path}: must be true, false or a list of augmentations, such as [flip, {{crop: 4}}],"
            f" got {shown(tree)}."
        )
    return tuple(part(AUGMENTATIONS, item, f"{path}.{k}") for k, item in enumerate(tree))


def augmentations_tree(parts: Augment) -> bool | list[Any]:
    """The shortest tree from which `augmentations` reads these parts."""
    if not parts:
        return False
    trees = [item.to_tree() for item in parts]
    return True if trees == ["original"] else trees


def variants(augment: AugmentTree) -> Variants:
    """The lists of augmentations; each member has one of them. Usually there is one list for all.

    augment: as `augmentations` takes it, or a list of several such lists and bools. The result is
    hashable: equal ones share a compilation. Raises ConfigError.
    """
    items = augment if isinstance(augment, list | tuple) else ()
    if items and all(isinstance(item, bool | list | tuple) for item in items):
        read = [augmentations(tree, f"augment.{k}") for k, tree in enumerate(items)]
    else:
        read = [augmentations(augment)]
    return tuple(tuple(item.options for item in parts) for parts in read)
