"""hptjax itself behind the peers' interface; set up as its command line sets it up."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from hptjax.config.schema import ModelConfig
from hptjax.devices import set_up

from .common import Config, Prepared, Round, Task, limit_cores

PLANNED_SAMPLES = 9e7  # the plan is that of the whole trial-1 study, whose networks see so many
HELD_OUT = 64  # images of the smallest validation set: one tile


def prepare(task: Task) -> Prepared:
    """A round is one epoch of a `Population`, from its start to the metrics on the host.

    The images are cut to `steps` batches of the largest batch size. The epoch shuffles them and
    evaluates every member on HELD_OUT images, which the other peers do not; with `augment`, on a
    fifth of all images.
    """
    limit_cores(task.threads)
    set_up(compile_cache=True)
    compilations = count_compilations()
    trainer, images = make_trainer(task)
    from hptjax.models.signature import net_shape
    from hptjax.population import Member, Population

    configs = [ModelConfig.from_dict(member) for member in task.members]
    population = Population.start(trainer, [Member(c, k) for k, c in enumerate(configs)])
    population.advance(1)
    info = {
        "device": trainer.places[0].device_kind,
        "places": len(trainer.places),
        "compile_s": trainer.compile_seconds,
        "bodies": len(trainer.plan.bodies),
        "waste": trainer.plan.waste(map(net_shape, configs)),
        "gflop": 1e-9 * useful_flops(configs) * images,
        "images": images,
    }
    if task.others and not task.exact:
        info["recompilations"] = recompilations(trainer, task, compilations)

    def run() -> Round:
        begin = time.perf_counter()
        curves = population.advance(1).curves
        return Round(time.perf_counter() - begin, tuple(curves["train_loss"][0].tolist()))

    return Prepared(run, info)


def make_trainer(task: Task) -> tuple[Any, int]:
    """The trainer of a task, and how many images an epoch trains on."""
    from hptjax.models.signature import net_shape
    from hptjax.population import PopulationTrainer, make_plan

    planned = task.members if task.exact else task.plan or task.members
    configs = [ModelConfig.from_dict(member) for member in planned]
    capacity = max(len(task.members), len(task.others))
    plan = make_plan(configs, capacity=capacity, samples=PLANNED_SAMPLES)
    if task.exact:
        bodies = tuple(dict.fromkeys(map(net_shape, configs)))
        plan = replace(plan, bodies=bodies, shares=(1 / len(bodies),) * len(bodies))
    batch = max(config.batch_size for config in configs)
    count = len(task.images) * 4 // 5 if task.augment else batch * task.steps
    held = slice(count, None) if task.augment else slice(HELD_OUT)
    train, validation = (dataset(task, part) for part in (slice(count), held))
    options: dict[str, Any] = {"augment": task.augment, "augment_validation": task.augment}
    trainer = PopulationTrainer(plan, train, validation, seed=0, **options)
    return trainer, train.size // batch * batch


def dataset(task: Task, part: slice) -> Any:
    from hptjax.data import ImageDataset

    names = tuple(str(k) for k in range(10))
    return ImageDataset(task.images[part], task.labels[part].astype(np.int32), names, "benchmark")


def useful_flops(configs: list[ModelConfig]) -> int:
    """Operations that training these networks on one image takes at their true widths."""
    from hptjax.models.costs import costs_of
    from hptjax.models.signature import net_shape

    return sum(costs_of(net_shape(config)).train_flops for config in configs)


def count_compilations() -> list[str]:
    """A list that grows by one with every program that JAX compiles from now on."""
    import jax

    seen: list[str] = []

    def note(event: str, duration_secs: float, **_: Any) -> None:
        if event == "/jax/core/compile/backend_compile_duration":
            seen.append(event)

    jax.monitoring.register_event_duration_secs_listener(note)
    return seen


def recompilations(trainer: Any, task: Task, seen: list[str]) -> int:
    """Programs compiled, of any kind, by training another mix of the same trainer's networks.

    A body is compiled when a member first has it, so both populations are trained before.
    """
    from hptjax.population import Member, Population

    def train(members: Sequence[Config]) -> None:
        own = [Member(ModelConfig.from_dict(c), 1000 + k) for k, c in enumerate(members)]
        Population.start(trainer, own).advance(1)

    train(task.others)
    before = len(seen)
    train([*task.others[1::2], *task.members[::2]][: len(task.members)])
    return len(seen) - before
