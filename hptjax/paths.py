"""Paths as users write them."""

from pathlib import Path

from hptjax.errors import ConfigError, shown


def user_path(text: str | Path) -> Path:
    """The path, with `~` as the home directory: shells leave that alone in --out=~/x.

    Raises ConfigError for the home of a user that there is not, and for a null character.
    """
    if "\0" in str(text):
        raise ConfigError(f"{shown(str(text))}: no file can have such a name.")
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise ConfigError(f"{text}: there is no home directory of that user.") from None


def is_folder(text: str) -> bool:
    """Whether a folder of that path is there; False for what no path can be."""
    try:
        return user_path(text).is_dir()
    except (ConfigError, OSError, ValueError):
        return False
