"""`hptjax describe`: what a study would do, worked out from its config alone."""

import argparse
from collections.abc import Sequence
from statistics import median
from typing import Any

from rich.console import Console

from hptjax.config.model import AnyModel
from hptjax.errors import ConfigError
from hptjax.models.costs import Costs, network_costs
from hptjax.models.signature import exact_body
from hptjax.population import Plan, make_plan
from hptjax.population.execution import execution_for
from hptjax.population.memory import population_bytes, row_bytes
from hptjax.population.places import places_for
from hptjax.report.terminal import PlainTable, make_console
from hptjax.space import Space
from hptjax.study.compiling import compiling_text
from hptjax.study.config import StudyConfig
from hptjax.study.load import is_study, load_study, load_train
from hptjax.transpile import Problem, build
from hptjax.transpile.repair import image_of

MEBIBYTE = 2**20
IMAGES = 60_000  # the images are not loaded: those of FashionMNIST stand for them


def describe(args: argparse.Namespace) -> int:
    """Prints the description of a study, or of a single model."""
    console = make_console()
    if not is_study(args.config):
        _describe_model(console, load_train(args.config, args.sets).model)
        return 0
    study = load_study(args.config, args.sets)
    problem = Problem(study.model, study.space, image_of(study.model))
    configs = problem.cover()
    capacity = study.population_size * study.repeats
    work = study.work_ahead(training_images(study))
    plan = make_plan(configs, capacity=capacity, **work)
    console.print(space_table(study.space))
    console.print(budget_text(study, problem.space.grid_size()))
    console.print(bodies_table(plan, configs))
    console.print(compiling_text(plan, problem))
    console.print(costs_table([network_costs(config) for config in configs]))
    console.print(
        f"Padding: {plan.waste(map(exact_body, configs)):.2f} times the FLOPs of the true shapes."
    )
    console.print(memory_text(plan, places_for(capacity=plan.capacity)))
    return 0


def training_images(study: StudyConfig) -> int:
    """How many images a run trains on, as far as its config says."""
    loaded = min(study.data.train_limit or IMAGES, IMAGES)
    return round(loaded * (1 - study.data.validation_fraction))


def memory_text(plan: Plan, places: Sequence[Any]) -> str:
    """What a full population takes at these places, in sentences."""
    used = len(places)
    rows = -(-plan.capacity // used)
    lanes = execution_for(places[0], plan, rows).lanes
    kept, whole = (used * n for n in (rows * row_bytes(plan), population_bytes(plan, rows, lanes)))
    unit = "core" if places[0].platform == "cpu" else "device"
    side = "one after another" if lanes is None else f"up to {max(lanes)} side by side"
    return (
        f"Memory: {row_bytes(plan):,} bytes of weights, moments and statistics for each member, "
        f"padded to the largest body; {kept / MEBIBYTE:.1f} MiB for {plan.capacity} on {used} "
        f"{places[0].platform} {unit}(s), about {whole / MEBIBYTE:.1f} MiB in training, {side}; "
        f"the images come on top."
    )


def budget_text(study: StudyConfig, grid: int) -> str:
    """Who may spend what, in a sentence; grid: points of the space's grid."""
    given = {k: v for k, v in study.budget.model_dump().items() if v is not None}
    limits = ", ".join(f"{value} {name.replace('_', '-')}" for name, value in given.items())
    return (
        f"Strategies {', '.join(study.labels)}: each up to {limits} ({study.population_size} "
        f"candidates a generation, epochs: {study.epochs}); the grid has {grid} points."
    )


def space_table(space: Space) -> PlainTable:
    table = PlainTable(title=f"Space: {len(space)} hparams", title_justify="left")
    for column in ("hparam", "type", "values", "grid"):
        table.add_column(column)
    for name, entry in space.items():
        tree = space.to_dict()[name]
        bounds = tree.get("choices") or [tree["low"], tree["high"]]
        shown = (", " if "choices" in tree else " .. ").join(map(str, bounds))
        kind = tree["type"] + (" log" if tree.get("log") else "")
        table.add_row(name, kind, shown, ", ".join(map(str, entry.points())))
    return table


def bodies_table(plan: Plan, configs: Sequence[AnyModel]) -> PlainTable:
    """The compiled bodies, and the share of the sampled configs that each would train."""
    table = PlainTable(title=f"Compiled bodies: {len(plan.bodies)}", title_justify="left")
    for column in ("batch", "layers", "share"):
        table.add_column(column)
    places = [plan.body_of(exact_body(config)) for config in configs]
    for i, body in enumerate(plan.bodies):
        layers = ", ".join(placed.layer.summary() for placed in body.layers)
        share = f"{places.count(i) / len(places):.0%}"
        table.add_row(str(body.signature.batch_size), layers, share)
    return table


def costs_table(members: Sequence[Costs]) -> PlainTable:
    table = PlainTable(title="One member, over the space", title_justify="left")
    for column in ("", "min", "median", "max"):
        table.add_column(column, justify="right")
    rows = {
        "parameters": [c.parameters for c in members],
        "training FLOPs per image": [c.train_flops for c in members],
        "bytes kept in training": [c.state_bytes for c in members],
        "bytes moved per step, at least": [c.step_bytes for c in members],
    }
    for name, values in rows.items():
        table.add_row(name, *(f"{f(values):,.0f}" for f in (min, median, max)))
    return table


def _describe_model(console: Console, model: AnyModel) -> None:
    repaired = build(model, image_of(model))
    if repaired.config is None:
        raise ConfigError(f"this network cannot be built: {repaired.infeasible}")
    for change in repaired.changes:
        console.print(f"repaired: {change}")
    console.print(costs_table([network_costs(repaired.config)]))
