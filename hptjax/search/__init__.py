"""The search that runs: ask, build, train, record, tell; resumable at any moment."""

from hptjax.search.run import run_study

__all__ = ["run_study"]
