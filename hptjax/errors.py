"""Errors that are a user's to mend: the command line prints each in one line and exits with 2."""


class ConfigError(ValueError):
    """A config, option or value of the user is not usable: says what must hold and what it got."""


class DataError(ConfigError):
    """A data file is missing, damaged or of the wrong shape: names the file and what is wrong."""


class MissingExtraError(ImportError):
    """An optional dependency is not installed: says which extra brings it."""

    def __init__(self, what: str, package: str, extra: str) -> None:
        super().__init__(f"{what} needs {package}: install it with  pip install 'hptjax[{extra}]'")
