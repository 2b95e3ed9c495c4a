"""The command line in tests: commands whose training is only pretended, commands that refuse."""

from hptjax.cli import main as cli
from tests import fakes


def pretend_training(monkeypatch, executor=fakes.FakeExecutor) -> None:
    """Lets commands of this process pretend to train, and leave JAX as it is set up."""
    monkeypatch.setattr(cli, "set_up", lambda **options: None)
    monkeypatch.setattr("hptjax.executors.local.local_executor", lambda *parts: executor())


def refused(capsys, *words: str) -> str:
    """The one line of a command that refuses."""
    capsys.readouterr()
    assert cli.main(list(words)) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error
