"""`hptjax describe`: what a study would do, worked out from its config alone."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from rich.console import Console
from rich.table import Table

from hptjax.cli.model_file import is_study, load_model_file
from hptjax.config.geometry import ImageSpec
from hptjax.config.load import load_study
from hptjax.config.schema import ModelConfig
from hptjax.errors import ConfigError
from hptjax.models.costs import Costs, costs
from hptjax.models.signature import Body, signature_of, widths_of
from hptjax.population import Plan, make_plan
from hptjax.space import Space
from hptjax.study.planning import space_sample
from hptjax.transpile.repair import candidate

MEBIBYTE = 2**20


def describe(args: argparse.Namespace) -> int:
    """Prints the description of a study, or of a single model."""
    console = Console(highlight=False)
    if not is_study(args.config):
        _describe_model(console, load_model_file(args.config, args.sets).model)
        return 0
    study = load_study(args.config, args.sets)
    configs = space_sample(study, image_of(study.model))
    plan = make_plan(configs, capacity=study.population_size)
    console.print(space_table(study.space))
    budget = study.population_size * study.generations
    console.print(
        f"Strategies {', '.join(study.strategies)}: up to {budget} trials each "
        f"({study.generations} generations of {study.population_size}), {study.epochs} epochs; "
        f"the grid has {len(study.space.grid())} points."
    )
    console.print(bodies_table(plan, configs))
    console.print(costs_table([_costs(config) for config in configs]))
    console.print(f"Padding: {plan.waste(configs):.2f} times the FLOPs of the true shapes.")
    console.print(
        f"Memory: {memory_bytes(plan) / MEBIBYTE:.1f} MiB of weights, moments and statistics for "
        f"{plan.capacity} members, and as much while an epoch runs; the images come on top."
    )
    return 0


def image_of(model: ModelConfig) -> ImageSpec:
    """The images that a model says it takes; those of the data set decide when it is trained."""
    channels = model.resnet_config.first_conv.in_channels
    classes = model.mlp_config.block_list[-1].out_size
    return ImageSpec(model.init_length, model.init_width, channels, classes)


def memory_bytes(plan: Plan) -> int:
    """Bytes of the training state of a full population, every member padded to the largest body."""
    return plan.capacity * max(costs(b.signature, b.widths).state_bytes for b in plan.bodies)


def space_table(space: Space) -> Table:
    table = Table(title=f"Space: {len(space)} hparams", title_justify="left")
    for column in ("hparam", "type", "values", "grid"):
        table.add_column(column)
    for name, entry in space.items():
        tree = space.to_dict()[name]
        bounds = tree.get("choices") or [tree["low"], tree["high"]]
        shown = (", " if "choices" in tree else " .. ").join(map(str, bounds))
        kind = tree["type"] + (" log" if tree.get("log") else "")
        table.add_row(name, kind, shown, ", ".join(map(str, entry.points())))
    return table


def bodies_table(plan: Plan, configs: Sequence[ModelConfig]) -> Table:
    """The compiled bodies, and the share of the sampled configs that each would train."""
    table = Table(title=f"Compiled bodies: {len(plan.bodies)}", title_justify="left")
    for column in ("kernel/stride", "pool", "batch", "channels", "MLP units", "share"):
        table.add_column(column)
    places = [plan.body_of(config) for config in configs]
    for i, body in enumerate(plan.bodies):
        table.add_row(*_body_row(body), f"{places.count(i) / len(places):.0%}")
    return table


def _body_row(body: Body) -> list[str]:
    signature = body.signature
    convs = [signature.first[:2], *signature.blocks]
    return [
        " ".join(f"{kernel}/{stride}" for kernel, stride in convs),
        str(signature.pool),
        str(signature.batch_size),
        " ".join(map(str, body.widths.channels)),
        " ".join(map(str, body.widths.units)),
    ]


def costs_table(members: Sequence[Costs]) -> Table:
    table = Table(title="One member, over the space", title_justify="left")
    for column in ("", "min", "median", "max"):
        table.add_column(column, justify="right")
    rows = {
        "parameters": [c.parameters for c in members],
        "training FLOPs per image": [c.train_flops for c in members],
    }
    for name, values in rows.items():
        table.add_row(name, *(f"{f(values):,.0f}" for f in (min, median, max)))
    return table


def _costs(config: ModelConfig) -> Costs:
    """Costs of the network alone: the engine also carries the norms that are switched off."""
    whole = costs(signature_of(config), widths_of(config))
    layers = config.mlp_config.block_list
    unused = sum(2 * layer.out_size for layer in layers if not layer.batch_norm)
    return replace(whole, parameters=whole.parameters - unused)


def _describe_model(console: Console, model: ModelConfig) -> None:
    repaired = candidate(model, {}, image_of(model))
    if repaired.config is None:
        raise ConfigError(f"this network cannot be built: {repaired.infeasible}")
    for change in repaired.changes:
        console.print(f"repaired: {change}")
    console.print(costs_table([_costs(repaired.config)]))
