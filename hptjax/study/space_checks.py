"""Checks of a study's space: its network takes what an entry may be, points lie in it."""

from collections.abc import Hashable, Mapping, Sequence

from hptjax.config.hparams import Target, bind
from hptjax.config.model import FLAX, AnyModel, Model
from hptjax.entries import Categorical, Entry, Float, Value
from hptjax.errors import ConfigError, did_you_mean
from hptjax.space import Space
from hptjax.transpile.apply import apply_bound, with_owners
from hptjax.transpile.identity import as_computed
from hptjax.transpile.repair import build, image_of


def targets_of(model: AnyModel, space: Space) -> Mapping[str, Target]:
    """Returns what each hparam of the space is bound to; ConfigError if there is no such place."""
    try:
        return bind(space, model)
    except ConfigError as error:
        raise ConfigError(f"space.{error}") from None


def check_entry(model: AnyModel, name: str, space: Space, targets: Mapping[str, Target]) -> None:
    """Raises ConfigError unless the network can take both ends, or every choice, of an entry."""
    entry, target = space[name], targets[name]
    try:
        ends: tuple[Value, ...] = (
            tuple(entry.meaning(choice) for choice in entry.choices)
            if isinstance(entry, Categorical)
            else (entry.low, entry.high)
        )
        if target.type in ("text", "part") and not isinstance(entry, Categorical):
            raise ConfigError(f"{name}: must be a list of choices, it is a range of numbers.")
        if not isinstance(entry, Categorical) and entry.snap and target.kind != "static":
            raise ConfigError(
                f"{name}.snap: must be false; only strides, kernels, paddings and batch sizes snap."
            )
        _check_compiled(name, entry, target)
        base = with_owners(model, name, space, targets)
        networks = [apply_bound(base, {name: target}, {name: end})[0] for end in ends]
    except ConfigError as error:
        raise ConfigError(f"space.{error}") from None
    if isinstance(entry, Categorical):
        _check_distinct(name, entry.choices, networks)


def _check_compiled(name: str, entry: Entry, target: Target) -> None:
    """Raises ConfigError for a real range whose every value would need its own program."""
    if target.kind != "static" or target.type != "float" or not isinstance(entry, Float):
        return
    if entry.step is None and not entry.snap and entry.low < entry.high:
        call = ", or put it under call" if target.path[0] == FLAX else ""
        raise ConfigError(f"{name}: is part of what is compiled; give choices, or a step{call}.")


def _check_distinct(name: str, choices: Sequence[Value], networks: Sequence[AnyModel]) -> None:
    """Raises ConfigError if two choices of an hparam give networks that are trained alike."""
    first: dict[Hashable, Value] = {}
    for choice, network in zip(choices, networks, strict=True):
        known = first.setdefault(as_computed(_repaired(network)), choice)
        if known is not choice:
            raise ConfigError(
                f"space.{name}: choices {known!r} and {choice!r} mean the same network; "
                "leave one of them out."
            )


def _repaired(network: AnyModel) -> AnyModel:
    """The network repaired for its own images, where different paddings may become equal."""
    if isinstance(network, Model) and network.input is None:
        return network
    return build(network, image_of(network)).config or network


def check_point(space: Space, hparams: Mapping[str, Value], path: str) -> None:
    """Raises ConfigError, which names the path, unless the hparams are a point of the space."""
    for name in hparams:
        if name not in space:
            raise ConfigError(f"{path}.{name}: not in the space; {did_you_mean(name, space)}")
    try:
        space.encode(hparams)
    except ConfigError as error:
        raise ConfigError(f"{path}.{error}") from None
