"""The running search: ask, build, train, record, tell; it can be resumed at any moment."""

from hptjax.search.run import run_study

__all__ = ["run_study"]
