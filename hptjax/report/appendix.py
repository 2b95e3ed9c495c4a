"""The last part of the report: costs of generations, configs, and machines."""

import platform
from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import version

from hptjax.config.yaml_file import dump_yaml
from hptjax.report import page
from hptjax.report.sources import Source

LEDGER = {  # {column of `ledger_table`: heading}
    "strategy": "search",
    "generation": "generation",
    "trials": "trials",
    "members": "networks",
    "member_epochs": "epochs",
    "samples": "images trained on",
    "compile_s": "compiling (s)",
    "train_s": "training (s)",
    "searcher_s": "searching (s)",
    "log_s": "recording (s)",
    "other_s": "other (s)",
    "wall_s": "wall time (s)",
}


def details(sources: Mapping[str, Source]) -> str:
    """Reference details, folded away, run by run."""
    parts = [_details(name, source) for name, source in sources.items()]
    names = ("hptjax", "pandas", "matplotlib")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    made = f"Page made on {datetime.now():%Y-%m-%d %H:%M}"
    return "".join(parts) + page.note(
        f"{made} with Python {platform.python_version()}, {versions}."
    )


def _details(name: str, source: Source) -> str:
    parts = []
    if len(source.ledger):
        parts.append(
            page.folded(f"{name}: where the time of each generation went", _ledger(source))
        )
    if source.config:
        parts.append(page.details(f"{name}: its config", dump_yaml(dict(source.config))))
    for found in source.environments:
        plain = {key: value for key, value in found.items() if key != "packages"}
        plain["devices"] = ", ".join(found["devices"])
        shown = page.definitions({**plain, **found["packages"]})
        parts.append(page.folded(f"{name}: the machine and versions that made it", shown))
    return "".join(parts)


def _ledger(source: Source) -> str:
    frame = source.ledger.assign(generation=source.ledger["generation"] + 1)
    shown = frame.rename(columns=LEDGER).reindex(columns=list(LEDGER.values()))
    return page.table(list(shown), page.plain_rows(shown), text=("search",))
