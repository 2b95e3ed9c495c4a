"""The augmentations by name, and what `augment:` may say: true, false, or a list of them."""

from collections.abc import Sequence
from typing import Any, TypeAlias

from hptjax.config.named import Part, part
from hptjax.config.parts import AUGMENTATIONS
from hptjax.errors import ConfigError, shown

# What users may give: a bool, a list of parts, or several of these, of which each member has one.
AugmentTree: TypeAlias = bool | Sequence[Any]
Augment: TypeAlias = tuple[Part, ...]
Variants: TypeAlias = tuple[tuple[Any, ...], ...]  # instances of Augmentation


def augmentations(tree: Any, path: str = "augment") -> Augment:
    """The augmentations that a tree names, in their order.

    True: the original study's; False: none; else a list of parts, such as [flip, {crop: 4}], of
    classes or of instances. Raises ConfigError, under this path.
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
    """The shortest tree that `augmentations` reads as these parts."""
    if not parts:
        return False
    trees = [item.to_tree() for item in parts]
    return True if trees == ["original"] else trees


def variants(augment: AugmentTree) -> Variants:
    """The lists of augmentations of which each member has one; as a rule there is one for all.

    augment: as `augmentations` takes it, or a list of several such lists and bools. Hashable: equal
    ones share a compilation. Raises ConfigError.
    """
    items = augment if isinstance(augment, list | tuple) else ()
    if items and all(isinstance(item, bool | list | tuple) for item in items):
        read = [augmentations(tree, f"augment.{k}") for k, tree in enumerate(items)]
    else:
        read = [augmentations(augment)]
    return tuple(tuple(item.options for item in parts) for parts in read)
