"""The executor of many machines: workers that Ray starts, watches and connects."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated

from pydantic import Field

from hptjax.config.frozen import Frozen, Positive
from hptjax.errors import MissingExtraError
from hptjax.executors.base import Executor
from hptjax.study.config import StudyConfig
from hptjax.study.data import StudyData


class Options(Frozen):
    """Where workers run, and which resources each of them gets.

    address: the address of a running Ray (auto, host:port or ray://host:port); None starts one on
    this machine, which ends with the study. workers: the largest number of workers; None allows as
    many as there is room for. resources: the resources of each worker, by Ray's names, such as
    {GPU: 1}; None means one GPU, or all TPU chips or CPU cores of a node, or equal shares of these
    if there are more workers than nodes. max_retries: how many lost workers a member may survive
    before its trial counts as lost.
    """

    address: str | None = None
    workers: Positive | None = None
    resources: Annotated[
        Mapping[str, Annotated[float, Field(gt=0)]] | None, Field(min_length=1)
    ] = None
    max_retries: Annotated[int, Field(ge=0)] = 3


@contextmanager
def open_executor(
    study: StudyConfig, data: StudyData, options: Options, notify: Callable[[str], None]
) -> Iterator[Executor]:
    """The executor of a study on Ray; its workers end with the context.

    Raises MissingExtraError without Ray; ConfigError if no Ray answers at the address, or if it has
    no room for a worker.
    """
    try:
        import ray  # noqa: F401
    except ImportError:
        raise MissingExtraError("executor ray", "ray", "ray") from None
    from hptjax.executors.ray.connect import connected
    from hptjax.executors.ray.crew import Crew
    from hptjax.executors.ray.executor import RayExecutor

    with (
        connected(options.address, options.workers or 1) as alone,
        Crew(study, data, options.workers, options.resources, notify, alone=alone) as crew,
    ):
        yield RayExecutor(crew, options.max_retries, notify)
