"""`hptjax.run`: runs the study of a file from Python, as the command `hptjax run` does."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from hptjax.config.load import find_config
from hptjax.config.overrides import Override
from hptjax.errors import ConfigError, shown
from hptjax.paths import user_path
from hptjax.records.reader import NAME as JOURNAL
from hptjax.study.config import StudyConfig
from hptjax.study.load import load_study
from hptjax.study.sink import Sink
from hptjax.tuning.arguments import in_python
from hptjax.tuning.result import Result
from hptjax.tuning.running import Given
from hptjax.tuning.start import Start
from hptjax.tuning.trial import Trial


def run(
    study: str | Path | StudyConfig,
    *,
    set: Mapping[str, Any] | None = None,
    out: str | Path | Literal[False] | None = None,
    progress: bool | None = None,
    callbacks: Sequence[Sink | Callable[[Result, Trial], object]] = (),
) -> Result:
    """Runs, resumes or extends the study of a file, as the command `hptjax run` does.

    Args:
        study: a file's path, the name of a packaged config, a run's directory, or a StudyConfig.
        set: changes to the file, by dotted keys, such as {"epochs": 5, "budget.trials": 20}.
        out: the run's directory; if None, the one that `hptjax run` would use; False keeps no
            files.
        progress: as in `tune`.
        callbacks: as in `tune`.

    Returns:
        The result: the trials, their networks, tables and plots.

    Raises:
        ConfigError: for a mistake in the study, and if `out` holds another one.
        DataError: for images that cannot be read, and for damaged files.
        KeyboardInterrupt: in a script, after a snapshot.

    Example:
        >>> import hptjax
        >>> hptjax.run("nosuch.yaml")
        Traceback (most recent call last):
        hptjax.errors.ConfigError: nosuch.yaml: no such file; ...
    """
    how = Start.of(out, progress, callbacks)
    with in_python():
        if isinstance(study, StudyConfig):
            if set:
                raise ConfigError("set: changes a file; change a StudyConfig by its model_copy.")
            return how.run(study, Given(), _named_out(study, "study"))
        if not isinstance(study, str | Path):
            raise ConfigError(f"study: must be a path or a StudyConfig, got {shown(study)}.")
        path = user_path(study)
        found = load_study(path, _overrides(set))
        return how.run(found, Given(), default_out(found, path))


def _overrides(changes: Any) -> list[Override]:
    if not isinstance(changes, Mapping | None):
        raise ConfigError(f"set: must be a mapping such as {{'epochs': 5}}, got {shown(changes)}.")
    found = []
    for key, value in (changes or {}).items():
        origin = f"set={{{shown(key)}: {shown(value)}}}"
        keys = tuple(key.split(".")) if isinstance(key, str) else ()
        if not all(keys) or not keys:
            raise ConfigError(f"{origin}: a key must be text such as 'budget.trials'.")
        found.append(Override(keys, value, origin))
    return found


def default_out(study: StudyConfig, config: Path) -> Path:
    """The run that wrote the config, else the config's own `out`, else a name for the run."""
    found = find_config(config)
    return found.parent if (found.parent / JOURNAL).is_file() else _named_out(study, config.stem)


def _named_out(study: StudyConfig, name: str) -> Path:
    if study.out is not None:
        return user_path(study.out)
    return Path("runs") / f"{name}-{'-'.join(study.labels)}-seed{study.seed}"
