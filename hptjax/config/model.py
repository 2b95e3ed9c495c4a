"""The native form of a model: a list of layers, and the recipe that trains them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self, TypeAlias

from pydantic import (
    PlainSerializer,
    PlainValidator,
    PrivateAttr,
    SerializationInfo,
    WrapValidator,
    model_validator,
)

from hptjax import notebook
from hptjax.config.explain import validated
from hptjax.config.frozen import Otherwise, Positive
from hptjax.config.inline import NATIVE, Lifted, lift
from hptjax.config.items import Item, items_tree, read_items
from hptjax.config.layout import Copy, Layout, largest_depths
from hptjax.config.named import main_option
from hptjax.config.options import DEPTH, HEAD
from hptjax.config.parts import LAYERS
from hptjax.config.recipe import Recipe
from hptjax.config.schema import ModelConfig
from hptjax.config.yaml_file import dump_yaml
from hptjax.entries import Categorical, Entry
from hptjax.entry_form import short_form
from hptjax.errors import ConfigError, shown
from hptjax.space import Space, entry_from_dict

FLAX = "flax"  # the word of a user's own network, in the table of layers


def _read_flax(tree: Any) -> Any:
    network = LAYERS.find(FLAX, "model")
    if tree is None or isinstance(tree, network):
        return tree
    return network.from_tree(tree, "model.flax")


def _flax_tree(network: Any) -> Any:
    return None if network is None else network.to_tree()


class Model(Recipe):
    """A network as a list of layers, and the recipe that trains it.

    layers: the layers, from the images to `head`; any value may be an entry of a space. flax: a
    Flax class of the user, in place of layers. input: height, width and channels of the images
    (None: the data decide). outputs: how many numbers the network gives (None: the data decide).
    augment: the augmentations of its training images (None: the data decide).

    Example:
        >>> import hptjax
        >>> from hptjax import layers as L
        >>> conv = L.Conv(hptjax.integer(4, 8), stride=2, activation="relu")
        >>> model = hptjax.Model(layers=[conv, L.GlobalAvgPool(), L.Head()], lr=0.01)
        >>> model.names
        ('conv0.out_channels',)
    """

    later: ClassVar = (
        "weight_decay",
        "lr_schedule",
        "warmup",
        "task",
        "augment",
        "precision",
        "input",
        "outputs",
        "layers",
        "flax",
    )
    root: ClassVar[str] = "model"
    leading: ClassVar = (
        "layers",
        "flax",
        "optimizer",
        "lr",
        "lr_schedule",
        "warmup",
        "weight_decay",
    )

    layers: Annotated[
        tuple[Item, ...],
        PlainValidator(read_items),
        PlainSerializer(items_tree),
        Otherwise("none; required unless `flax` is given"),
    ] = ()
    flax: Annotated[
        Any,
        PlainValidator(_read_flax),
        PlainSerializer(_flax_tree),
        Otherwise("none; required unless `layers` is given"),
    ] = None
    input: tuple[Positive, Positive, Positive] | None = None
    outputs: Positive | None = None

    # the entries that were given as values: a study makes its space of them
    _open: Lifted | None = PrivateAttr(default=None)

    def __init__(self, **tree: Any) -> None:
        lifted = lift(tree)
        super().__init__(**lifted.model)
        if lifted.entries:
            self._open = lifted

    @model_validator(mode="before")
    @classmethod
    def _lists(cls, tree: Any) -> Any:
        if isinstance(tree, Mapping) and isinstance(tree.get("input"), list):
            return {**tree, "input": tuple(tree["input"])}
        return tree

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.flax is None) == (not self.layers):
            raise ConfigError("model: must have either layers or flax.")
        if self.flax is not None:
            if self.precision != "float32":
                raise ConfigError(
                    f"model.precision: must be float32 for a Flax class, got {self.precision}; the "
                    "class itself says in which precision it computes."
                )
            return self
        if self.layers[-1].word != HEAD:
            last = self.layers[-1].label
            raise ConfigError(
                f"model.layers: must end in head (one unit per class), ends in {last}."
            )
        check_names(self)
        check_kinds(self)
        return self

    @property
    def image(self) -> tuple[int, int, int]:
        """Height, width and channels of the images; ConfigError if the data are not known yet."""
        if self.input is None:
            raise ConfigError("model.input: follows from the data, which are not known yet.")
        return self.input

    def size_for(self, image_shape: Sequence[int]) -> tuple[int, int]:
        """The height and width to which images [H, W, C] are resized; their own without `input`."""
        height, width, _ = self.input or image_shape
        return height, width

    @property
    def lifted(self) -> Lifted:
        """The entries that stood in the model, and the model with defaults in their places."""
        if self._open is None:
            return Lifted(dict(self), {})
        return replace(self._open, model=dict(self))

    @property
    def space(self) -> Space:
        """The space of all values that were given as entries, by name."""
        given = {n: entry_from_dict(own, n) for n, own in self.lifted.entries.items()}
        depths = {n: own for n, own in given.items() if n.rpartition(".")[2] == DEPTH}
        ends = {n: _ends(own) for n, own in depths.items()}
        layout = Layout(self.layers, largest_depths(ends))
        return Space({one: own for n, own in given.items() for one in layout.spread(n)})

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the tuned hparams."""
        return tuple(self.space)

    @property
    def layout(self) -> Layout:
        return Layout(self.layers)

    @property
    def expanded(self) -> tuple[tuple[str, Any], ...]:
        """Each copy of each layer, a `Layer`, with its name, in the order of the network."""
        if self.flax is not None:
            return ((FLAX, self.flax.bound({"outputs": self.outputs or 1})),)
        return _expanded(self.layers, self.outputs)

    @property
    def located(self) -> tuple[tuple[str, Any], ...]:
        """Each layer as in `expanded`, but with its place in the config, for errors."""
        if self.flax is not None:
            return tuple(("model.flax", layer) for _, layer in self.expanded)
        return tuple((copy.where, layer) for copy, layer in self.placed)

    @property
    def placed(self) -> tuple[tuple[Copy, Any], ...]:
        """Each layer as in `expanded`, but with its `Copy`; empty for a Flax class."""
        return _placed(self.layers, self.outputs)

    def __repr__(self) -> str:
        size = "any" if self.input is None else "x".join(map(str, self.input))
        outputs = "any" if self.outputs is None else self.outputs
        words = ", ".join(_word(item) for item in self.layers) or self.flax.place
        return (
            f"Model({size} -> {outputs} outputs: {words}, "
            f"lr {self.lr:.4g}, batch_size {self.batch_size})"
        )

    __str__ = __repr__

    def _repr_html_(self) -> str:
        """The HTML that a notebook shows: the layers, the recipe and the tuned hparams."""
        tree = self.to_dict()
        layers = zip(self.layers, tree.pop("layers", ()), strict=True)
        rows = [(item.label, item.word, _given(item, own)) for item, own in layers]
        parts = [notebook.table(("layer", "kind", "options"), rows)] if rows else []
        parts.append(notebook.table(("recipe", ""), notebook.pairs(tree)))
        if self.lifted.entries:
            tuned = [(name, short_form(entry)) for name, entry in self.space.items()]
            parts.append(notebook.table(("tuned", ""), tuned))
        count = f"{len(rows)} layers" if rows else self.flax.place
        open_ones = len(self.names) if self.lifted.entries else 0
        return notebook.block(f"Model: {count}, {open_ones} hparams open", *parts)

    def to_dict(self) -> dict[str, Any]:
        """The model as plain data, fit for YAML; `from_dict` returns an equal model."""
        return self.model_dump(mode="json")

    def to_yaml(self) -> str:
        """The text of a YAML file with the model and the space of its tuned hparams."""
        space = {"space": self.space.to_dict()} if self.lifted.entries else {}
        return dump_yaml({"model": self.to_dict(), **space})

    @classmethod
    def from_dict(cls, tree: Mapping[str, Any]) -> "Model":
        """Reads the result of `to_dict`, with or without an outer key `model`.

        Raises ConfigError, which names the dotted path of the mistake.
        """
        return validated(cls, _inner(tree), "model")


@lru_cache(maxsize=4096)
def _expanded(layers: tuple[Item, ...], outputs: int | None) -> tuple[tuple[str, Any], ...]:
    return tuple((copy.name, layer) for copy, layer in _placed(layers, outputs))


@lru_cache(maxsize=4096)
def _placed(layers: tuple[Item, ...], outputs: int | None) -> tuple[tuple[Copy, Any], ...]:
    layout = Layout(layers)
    return tuple((copy, _layer(layout, copy, outputs)) for copy in layout.copies())


def _layer(layout: Layout, copy: Copy, outputs: int | None) -> Any:
    item = copy.item
    options = {name: layout.value(copy, name) for name, _ in item.options}
    if item.word == HEAD:
        options["out_features"] = outputs or 1
    layer = validated(item.layer_class, options, f"{copy.path}.{item.word}")
    for_copy = getattr(layer, "for_copy", None)
    own = 0 if item.depth is None else copy.index[-1]
    return layer if for_copy is None else for_copy(own)


def _ends(entry: Entry) -> tuple[Any, ...]:
    """Returns values of a depth, including the largest one."""
    if isinstance(entry, Categorical):
        return tuple(map(entry.meaning, entry.choices))
    return entry.low, entry.high


def _given(item: Item, tree: Any) -> dict[str, Any] | None:
    """The options beside a layer's word; None if there are none."""
    if isinstance(tree, str):
        return None
    [own] = tree.values()
    if not isinstance(own, Mapping):
        return {main_option(item.layer_class) or "": own}
    return {key: value for key, value in own.items() if key != "label"} or None


def _word(item: Item) -> str:
    return item.label if item.depth is None else f"{item.depth} x {item.label}"


def check_names(model: Model) -> None:
    """Raises ConfigError if two layers would have one name in Flax, which allows no dots."""
    first: dict[str, Copy] = {}
    for copy, _ in model.placed:
        other = first.setdefault(copy.name.replace(".", "_"), copy)
        if other is not copy:
            raise ConfigError(
                f"{copy.where}: {other.name} and {copy.name} would both be "
                f"{copy.name.replace('.', '_')} in Flax; give one of them another label."
            )


def check_kinds(model: Model) -> None:
    """Raises ConfigError if a layer that takes units gets maps, or the other way round."""
    for copy, _ in model.placed[1:]:
        if copy.item.word == "normalize":
            raise ConfigError(f"{copy.where}: normalize must come first: it is of the images.")
    kind, shape = "maps", None if model.input is None else (model.input[2], *model.input[:2])
    for copy, layer in model.placed:
        if layer.takes not in ("any", kind):
            size = "" if shape is None else f" of {' x '.join(map(str, (*shape[1:], shape[0])))}"
            what = f"a map{size}; put flatten or global_avg_pool before it"
            if kind == "units":
                what = "a vector of units; put it before flatten and the linear layers"
            raise ConfigError(f"{copy.where}: its input is {what}.")
        kind = layer.gives or kind
        if shape is not None:
            try:
                layer.check(shape)
                shape = layer.out(shape)
            except ValueError:  # repair says what is wrong
                return


def _inner(tree: Any) -> Mapping[str, Any]:
    if not isinstance(tree, Mapping):
        raise ConfigError(f"model: must be a mapping, got {shown(tree)}.")
    inner = tree["model"] if set(tree) == {"model"} else tree
    if not isinstance(inner, Mapping):
        raise ConfigError(f"model: must be a mapping, got {shown(inner)}.")
    return inner


def is_augmented(models: Iterable["AnyModel"]) -> bool:
    """Whether images are augmented by default: the original study did so."""
    return any(isinstance(model, ModelConfig) for model in models)


def is_native(tree: Any) -> bool:
    """Whether the tree of a model has the native form, with `layers` or `flax`."""
    return isinstance(tree, Mapping) and any(key in tree for key in NATIVE)


def read_model(tree: Mapping[str, Any]) -> "AnyModel":
    """Reads a model in either form, with or without its outer key `model`; raises ConfigError."""
    return (Model if is_native(_inner(tree)) else ModelConfig).from_dict(tree)


def _native_first(value: Any, original: Any) -> Any:
    if isinstance(value, Model):
        return value
    return read_model(value) if is_native(value) else original(value)


def _dumped(model: Recipe, info: SerializationInfo) -> dict[str, Any]:
    return model.model_dump(mode=info.mode)


if TYPE_CHECKING:
    AnyModel: TypeAlias = ModelConfig | Model
else:  # the original's form is validated within its owner, which then counts its mistakes
    AnyModel = Annotated[ModelConfig, WrapValidator(_native_first), PlainSerializer(_dumped)]
