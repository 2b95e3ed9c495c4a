"""`hptjax.tune`: one call from a network and images to trials in a run directory."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hptjax.study.sink import Sink
from hptjax.tuning.arguments import in_python, read_order
from hptjax.tuning.result import Result
from hptjax.tuning.start import Start
from hptjax.tuning.trial import Trial

if TYPE_CHECKING:
    from hptjax.config.model import Model
    from hptjax.config.schema import ModelConfig
    from hptjax.data.dataset import ImageDataset
    from hptjax.executors.base import Executor
    from hptjax.space import Entry, Space
    from hptjax.strategies.base import Searcher
    from hptjax.study.data import StudyData
    from hptjax.study.metric import Metric


def tune(
    model: "Model | ModelConfig | Mapping[str, Any] | str | Path",
    data: "str | tuple[Any, Any] | ImageDataset | StudyData | Mapping[str, Any]",
    *,
    epochs: int,
    trials: int | None = None,
    seconds: float | None = None,
    space: "Mapping[str, Entry | Any] | Space | None" = None,
    searcher: "str | Mapping[str, Any] | Searcher | type | Sequence[Any]" = "tpe",
    metric: "str | Metric | Sequence[str]" = "val_loss",
    patience: int | None = None,
    validation: "float | int | str | Mapping[str, Any] | ImageDataset | tuple[Any, Any]" = 0.2,
    test: "ImageDataset | tuple[Any, Any] | None" = None,
    select: Literal["last_epoch", "best_epoch"] = "last_epoch",
    constraints: Mapping[str, Any] | None = None,
    seed: int = 0,
    schedule: str | Mapping[str, Any] = "full",
    population_size: int | None = None,
    repeats: int | Mapping[str, Any] = 1,
    keep_best: int = 1,
    first: Sequence[Mapping[str, Any] | Trial] = (),
    warm_start: Result | str | Path | Mapping[str, Any] | None = None,
    progress: bool | None = None,
    executor: "str | Mapping[str, Any] | Executor" = "local",
    out: str | Path | Literal[False] | None = None,
    callbacks: Sequence[Sink | Callable[[Result, Trial], object]] = (),
    **others: Any,
) -> Result:
    """Tunes a network: each generation of different networks is trained by one compiled call.

    The same call resumes an interrupted search, and returns the result of a finished one at once;
    with more trials or seconds, it extends the search. Ctrl-C, or the stop button of a notebook,
    ends the search after the epoch, with a snapshot: a notebook gets the result so far, a script
    gets KeyboardInterrupt. Compiled programs are kept for the next process, see
    `hptjax.devices.set_up`.

    Args:
        model: a Model, a ModelConfig, a mapping in the form of a file, the path of a file or the
            name of a packaged config. From the file of a study only model and space are used.
        data: a source such as "sample" or "npz:mine.npz"; (X, y) with X: [N, H, W, C] or
            [N, H, W], y: [N] names or numbers of classes, or labels for the model's task; an
            ImageDataset; a StudyData; or a mapping as `data` in a file, whose source may be any of
            these.
        epochs: the number of epochs of a full training.
        trials: how many networks each searcher may try.
        seconds: how long each searcher may take, compiling included. Give trials, seconds or both.
        space: the tuned hparams by path, such as {"lr": hptjax.loguniform(1e-4, 1e-1)}; entries
            within the model are tuned, too.
        searcher: "tpe", "des", "grid", "random", "optuna.<name>", "evosax.<name>", one with
            options such as {"des": {"preset": "tevc"}}, your own class or instance, or a list of
            these, which search one after another.
        metric: the metric that ranks trials: a measure of the task such as "val_accuracy", or a
            function decorated by `hptjax.metric`. A list, ["val_accuracy", "parameters"], is for
            searchers that take several objectives; the first one ranks trials.
        patience: epochs without a better value after which a network's training ends; None: it
            never ends early.
        validation: the share of the images that is held out for validation, or separate images,
            (X, y) or an ImageDataset.
        test: test images, (X, y) or an ImageDataset. The best network, and the ensemble, are
            measured on them once, at the end: `result.test`. A source has its own.
        select: the epoch that judges a network, the last or the best one.
        constraints: bounds of the costs of networks, such as {"parameters": {"max": 150000}}.
        seed: the seed of the search, the split and the weights.
        schedule: "full", "halving" or "hyperband", or one with options.
        population_size: how many networks a generation has; if None, 16, or 4 D + 1 with DES in a
            space of D hparams.
        repeats: how often each network is trained; its values are means. With paired keys:
            {"n": 3, "paired": True}.
        keep_best: for how many of the best trials the weights are kept; with more than one, an
            ensemble is built.
        first: hparams, or trials, that are tried first; missing hparams have their defaults.
        warm_start: a result or a run, whose best trials are tried first.
        progress: None shows bars in a notebook and on a terminal, lines elsewhere; True shows bars
            anywhere; False shows nothing, and warns about changes to the images.
        executor: "local", {"ray": {"workers": 4}}, or your own executor.
        out: the run's directory; if None, `runs/<model>-<digest>-seed<N>`; False keeps no files.
        callbacks: functions f(result, trial), which are called once for each trial, after its
            generation, and may end the search by `result.stop()`; or sinks.
        **others: further keys of a study: metrics, duplicates, max_failures, tensorboard, sinks,
            budget.

    Returns:
        The result: the trials, their networks, tables and plots.

    Raises:
        ConfigError: for a wrong argument, and if `out` holds another study.
        DataError: for images that cannot be read, and for damaged files.
        KeyboardInterrupt: in a script, after a snapshot.

    Example:
        >>> import hptjax
        >>> from hptjax import layers as L
        >>> hidden = L.Linear(hptjax.integer(4, 8), activation="relu")
        >>> model = hptjax.Model(
        ...     layers=[L.Flatten(), hidden, L.Head()], lr=hptjax.loguniform(1e-3, 1e-1)
        ... )
        >>> train = hptjax.load_images("sample").take(range(100))
        >>> result = hptjax.tune(
        ...     model, (train.images, train.labels), epochs=1, trials=2, out=False, progress=False
        ... )
        >>> sorted(result.best.hparams)
        ['linear0.out_features', 'lr']
    """
    arguments = {key: value for key, value in locals().items() if key not in ("model", "data")}
    how = Start.of(out, progress, callbacks)
    with in_python():
        return read_order(model, data, arguments).begin(how)
