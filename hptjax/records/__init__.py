"""What a run leaves behind: journal, tables, TensorBoard scalars, the best network."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hptjax.records.best import load_best, save_best
    from hptjax.records.run_dir import RunDirectory, load_run

__all__ = ["RunDirectory", "load_best", "load_run", "save_best"]

_HOMES = {
    "load_best": "best",
    "save_best": "best",
    "RunDirectory": "run_dir",
    "load_run": "run_dir",
}


def __getattr__(name: str) -> Any:
    """Imports on demand: the journal, of the lowest layer, must not bring the study loop along."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"hptjax.records.{_HOMES[name]}"), name)
