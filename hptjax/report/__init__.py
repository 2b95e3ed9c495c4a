"""Tables, statistics and plots of runs; each name is loaded at its first use: pandas is slow.

    from hptjax.report import load_runs, runs_table, strategy_statistics
    table = runs_table(load_runs(["runs/a", "runs/b"]))
    print(strategy_statistics(table))

Functions take tables and return tables; `hptjax.report.plots` draws them.
"""

from typing import TYPE_CHECKING

from hptjax.lazy import lazily

if TYPE_CHECKING:
    from hptjax.report.html import write_report as write_report
    from hptjax.report.importances import as_optuna_study as as_optuna_study
    from hptjax.report.importances import hparam_importances as hparam_importances
    from hptjax.report.numbers import best_band as best_band
    from hptjax.report.numbers import best_so_far as best_so_far
    from hptjax.report.numbers import counted_values as counted_values
    from hptjax.report.numbers import generation_statistics as generation_statistics
    from hptjax.report.numbers import rank_table as rank_table
    from hptjax.report.numbers import survivors as survivors
    from hptjax.report.runs import epochs_table as epochs_table
    from hptjax.report.runs import hparams_of as hparams_of
    from hptjax.report.runs import join_tables as join_tables
    from hptjax.report.runs import ledger_table as ledger_table
    from hptjax.report.runs import load_runs as load_runs
    from hptjax.report.runs import runs_table as runs_table
    from hptjax.report.sources import Source as Source
    from hptjax.report.sources import named_sources as named_sources
    from hptjax.report.sources import read_source as read_source
    from hptjax.report.statistics import bootstrap_interval as bootstrap_interval
    from hptjax.report.statistics import kruskal_test as kruskal_test
    from hptjax.report.statistics import rank_tests as rank_tests
    from hptjax.report.statistics import strategy_statistics as strategy_statistics
    from hptjax.report.statistics import vargha_delaney as vargha_delaney

__all__ = [
    "Source",
    "as_optuna_study",
    "best_band",
    "best_so_far",
    "bootstrap_interval",
    "counted_values",
    "epochs_table",
    "generation_statistics",
    "hparam_importances",
    "hparams_of",
    "join_tables",
    "kruskal_test",
    "ledger_table",
    "load_runs",
    "named_sources",
    "rank_table",
    "rank_tests",
    "read_source",
    "runs_table",
    "strategy_statistics",
    "survivors",
    "vargha_delaney",
    "write_report",
]

_NAMES = {
    "html": ("write_report",),
    "importances": ("as_optuna_study", "hparam_importances"),
    "numbers": (
        *("best_band", "best_so_far", "counted_values"),
        *("generation_statistics", "rank_table", "survivors"),
    ),
    "runs": (
        *("epochs_table", "hparams_of", "join_tables", "ledger_table", "load_runs"),
        "runs_table",
    ),
    "sources": ("Source", "named_sources", "read_source"),
    "statistics": (
        *("bootstrap_interval", "kruskal_test", "rank_tests", "strategy_statistics"),
        "vargha_delaney",
    ),
}
_HOMES = {name: f"hptjax.report.{home}" for home, names in _NAMES.items() for name in names}

__getattr__, __dir__ = lazily(__name__, _HOMES)
