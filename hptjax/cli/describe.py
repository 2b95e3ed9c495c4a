"""`hptjax describe`: says what a study would do, from its config only."""

import argparse
from collections.abc import Sequence
from itertools import groupby
from statistics import median
from typing import Any

from rich.console import Console

from hptjax.cli.options import overrides
from hptjax.cli.train import defaults_text
from hptjax.config.geometry import ImageSpec
from hptjax.config.model import AnyModel, Model
from hptjax.data.request import silent
from hptjax.errors import ConfigError
from hptjax.executors.compiling import compiling_text
from hptjax.models.costs import Costs, network_costs
from hptjax.models.placed import Placed
from hptjax.models.signature import net_shape
from hptjax.models.summary import HEADINGS, layer_rows
from hptjax.population import Plan, make_plan
from hptjax.population.execution import execution_for, rows_for
from hptjax.population.memory import MEBIBYTE, population_bytes, row_bytes
from hptjax.population.places import places_for
from hptjax.report.terminal import PlainTable, make_console
from hptjax.space import Space
from hptjax.study.config import StudyConfig
from hptjax.study.data import StudyData, load_study_data, prepare_data
from hptjax.study.data_config import TrainConfig
from hptjax.study.load import is_study, load_defaults, load_study, load_train
from hptjax.study.validation import FRACTION
from hptjax.transpile import Problem, build
from hptjax.transpile.repair import image_of
from hptjax.transpile.unbuildable import unbuildable

IMAGES = 60_000  # the images are not loaded: the number of FashionMNIST is assumed


def describe(args: argparse.Namespace) -> int:
    """Prints the description of a study, or of a single model."""
    console, changes, named = make_console(), overrides(args), args.data is not None
    if is_study(args.config):
        _describe_study(console, load_study(args.config, changes), named)
    else:
        settings = load_train(args.config, changes)
        told = defaults_text(load_defaults(args.config, changes))
        if told:
            console.print(told, soft_wrap=True)
        _describe_model(console, settings.model, _image_of_settings(console, settings, named))
    return 0


def _describe_study(console: Console, study: StudyConfig, named: bool) -> None:
    """Describes a study; named: whether the user named images, which then decide the input."""
    images = training_images(study)
    if is_sized(study.model) and not named:
        image = image_of(study.model)
    else:
        data = load_study_data(study, silent)
        image, images = data.image_for(study.task), study.data.epoch_images(data.train.size)
        console.print(images_text(data, image), soft_wrap=True)
    problem = Problem(study.model, study.space, image, study.constraints)
    configs = problem.cover()
    capacity = study.population_size * study.repeats
    plan = make_plan(configs, capacity=capacity, **study.work_ahead(images))
    console.print(space_table(study.space))
    console.print(budget_text(study, problem.space.grid_size()))
    if found := unbuildable(problem):
        console.print(f"No network was found with {'; '.join(map(str, found))}.", soft_wrap=True)
    console.print(bodies_table(plan, configs))
    console.print(compiling_text(plan, problem))
    console.print(costs_table([network_costs(config) for config in configs]))
    console.print(
        f"Padding: {plan.waste(map(net_shape, configs)):.2f} times the FLOPs of the true shapes."
    )
    places = places_for(capacity=plan.capacity)
    console.print(memory_text(plan, places, marks=study.by_best_epoch))


def is_sized(model: AnyModel) -> bool:
    """Whether a model says which images it takes."""
    return not isinstance(model, Model) or model.input is not None


def images_text(data: StudyData, image: ImageSpec) -> str:
    """A sentence about the images, and the outputs that they ask for."""
    return (
        f"Images: {data.train.size} of {data.train.name}, {image.height} x {image.width} x "
        f"{image.channels}; the networks have {image.classes} outputs."
    )


def _image_of_settings(console: Console, settings: TrainConfig, named: bool) -> ImageSpec:
    """The images of a model: the named ones, else those of the model, else those of its file."""
    model = settings.model
    if is_sized(model) and not named:
        return image_of(model)
    if "source" not in settings.data.model_fields_set:
        raise ConfigError(
            "model.input: must be known, and there are no data that say it: write "
            "--set model.input=[28,28,1] (height, width, channels; --set model.outputs=10, too), "
            "or name images, --data sample."
        )
    data = prepare_data(settings.data, model, settings.seed, silent)
    image = data.image_for(model.task.options)
    console.print(images_text(data, image), soft_wrap=True)
    return image


def training_images(study: StudyConfig) -> int:
    """How many images an epoch goes through, by the config."""
    if study.data.images_per_epoch is not None:
        return study.data.images_per_epoch
    loaded = min(study.data.train_limit or IMAGES, IMAGES)
    wanted = study.data.wanted
    if wanted.images is not None:
        return max(1, loaded - wanted.images)
    if wanted.source is not None:
        return loaded
    return round(loaded * (1 - (wanted.fraction or FRACTION)))


def memory_text(plan: Plan, places: Sequence[Any], *, marks: bool = False) -> str:
    """Sentences about the memory of a full population at these places; marks: as in `row_bytes`."""
    used = len(places)
    execution = execution_for(places[0], plan, plan.capacity, places=used, marks=marks)
    rows = rows_for(places[0], plan, plan.capacity, used, execution, marks=marks)
    lanes = execution.lanes
    each = row_bytes(plan, marks=marks)
    kept, whole = used * rows * each, used * population_bytes(plan, rows, lanes, marks=marks)
    unit = "core" if places[0].platform == "cpu" else "device"
    side = "one after another" if lanes is None else f"up to {max(lanes)} side by side"
    return (
        f"Memory: {each:,} bytes of weights, moments and statistics for each member, "
        f"padded to the largest body; {kept / MEBIBYTE:.1f} MiB for {plan.capacity} on {used} "
        f"{places[0].platform} {unit}(s), about {whole / MEBIBYTE:.1f} MiB in training, {side}; "
        f"the images come on top."
    )


def budget_text(study: StudyConfig, grid: int) -> str:
    """A sentence about the strategies and their budgets; grid: points of the space's grid."""
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
    """A table of the compiled bodies, with the share of the sampled configs that each trains."""
    table = PlainTable(title=f"Compiled bodies: {len(plan.bodies)}", title_justify="left")
    table.add_column("batch")
    told = any(body.signature.precision != "float32" for body in plan.bodies)
    if told:
        table.add_column("precision")
    table.add_column("layers", ratio=1)
    table.add_column("share", justify="right")
    places = [plan.body_of(net_shape(config)) for config in configs]
    for i, body in enumerate(plan.bodies):
        share = f"{places.count(i) / len(places):.0%}"
        own = [str(body.signature.batch_size), *([body.signature.precision] if told else [])]
        table.add_row(*own, layers_text(body.layers), share)
    return table


def layers_text(layers: Sequence[Placed]) -> str:
    """The layers of a body; equal neighbours are counted."""
    runs = [(own, len(list(run))) for own, run in groupby(p.layer.summary() for p in layers)]
    return ", ".join(own if count == 1 else f"{count} x ({own})" for own, count in runs)


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


def _describe_model(console: Console, model: AnyModel, image: ImageSpec) -> None:
    repaired = build(model, image)
    if repaired.config is None:
        raise ConfigError(f"this network cannot be built: {repaired.infeasible}")
    for change in repaired.changes:
        console.print(f"repaired: {change}")
    console.print(layers_table(repaired.config))
    console.print(totals_text(network_costs(repaired.config)))


def layers_table(config: AnyModel) -> PlainTable:
    """A table of a network's layers, as `Network.summary` has them."""
    rows = layer_rows(config)
    table = PlainTable(title=f"Layers: {len(rows)}", title_justify="left")
    name, options, *numbers = HEADINGS
    table.add_column(name, overflow="fold")
    table.add_column(options, overflow="fold")
    for column in numbers:
        table.add_column(column, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


def totals_text(costs: Costs) -> str:
    """A sentence about the costs of a whole network."""
    return (
        f"In all: {costs.parameters:,} parameters; {costs.forward_flops:,} FLOPs for an image, "
        f"{costs.train_flops:,} in training; {costs.state_bytes:,} bytes kept in training, at "
        f"least {costs.step_bytes:,} moved per step."
    )
