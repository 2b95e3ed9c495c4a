"""Paths as users write them."""

from pathlib import Path

from hptjax.errors import ConfigError, shown


def user_path(text: str | Path) -> Path:
    """The path with `~` replaced by the home directory: shells do not do so in --out=~/x.

    Raises ConfigError if the user of `~user` does not exist, or for a null character.
    """
    if "\0" in str(text):
        raise ConfigError(f"{shown(str(text))}: no file can have such a name.")
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise ConfigError(f"{text}: there is no home directory of that user.") from None


def is_folder(text: str) -> bool:
    """Whether a folder of that path exists; False for a text that cannot be a path."""
    try:
        return user_path(text).is_dir()
    except (ConfigError, OSError, ValueError):
        return False
