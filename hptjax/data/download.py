"""Checked downloads into the user's cache, by pooch: a wrong file never gets the final name."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pooch
import requests
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from hptjax.errors import DataError

_TIMEOUT = 60.0  # seconds without an answer


def fetch(name: str, checksum: str, mirrors: Sequence[str], folder: str) -> Path:
    """Returns the path of a file in the user's cache; downloads it if it is missing or damaged.

    checksum: "md5:..." or "sha256:..."; mirrors: base addresses, tried in turn, each ending in "/".
    The download goes to a temporary file, which is renamed after its checksum matches.
    Raises DataError, which names every address tried and what went wrong there.
    """
    cache = Path(pooch.os_cache("hptjax")) / folder
    pooch.get_logger().setLevel(logging.WARNING)
    failures = []
    for mirror in mirrors:
        bar: Any = _ProgressBar(name)  # pooch's annotations know only tqdm
        downloader: Any = pooch.HTTPDownloader(bar, chunk_size=1 << 16, timeout=_TIMEOUT)
        try:
            return Path(pooch.retrieve(mirror + name, checksum, name, cache, downloader=downloader))
        except ValueError as error:  # from pooch: the checksum differs
            failures.append(f"{mirror}{name}: {_checksum_failure(error, checksum)}")
        except (requests.RequestException, OSError) as error:
            failures.append(f"{mirror}{name}: {type(error).__name__}: {error}")
        finally:
            bar.close()
    raise DataError(
        f"{name} could not be downloaded into {cache}. Tried " + "; ".join(failures) + ". "
        "Fetch the file by another way and give its folder as data_dir or $HPTJAX_DATA."
    )


def _checksum_failure(error: ValueError, checksum: str) -> str:
    if "hash" not in str(error):
        return str(error)
    return f"what came has another checksum than {checksum}"


class _ProgressBar:
    """The progress bar that pooch needs (total, update, reset, close), drawn by rich."""

    def __init__(self, name: str) -> None:
        columns = TextColumn("{task.description}"), BarColumn()
        self._bar = Progress(*columns, DownloadColumn(), TransferSpeedColumn(), transient=True)
        self._task = self._bar.add_task(name, total=None)
        self._total = 0

    @property
    def total(self) -> int:
        return self._total

    @total.setter
    def total(self, total: int) -> None:
        self._total = total
        self._bar.update(self._task, total=total or None)
        self._bar.start()

    def update(self, amount: int) -> None:
        self._bar.advance(self._task, amount)

    def reset(self) -> None:
        self._bar.reset(self._task, total=self._total or None)

    def close(self) -> None:
        self._bar.stop()
