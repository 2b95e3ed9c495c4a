"""What compiling for a space costs, said before it begins; and what would make it less."""

import math
from collections.abc import Sequence

from hptjax.entries import Value
from hptjax.population.plan import Plan
from hptjax.transpile.problem import MAX_SIGNATURES, Problem

MANY = 12  # values of one hparam, each with a body of its own
FEW = 4  # values that are proposed instead


def compiling_text(plan: Plan, problem: Problem) -> str:
    """`3 bodies, about 13 s of compiling`; what makes them so many, if one hparam does.

    The seconds are those of a first start: programs that were compiled before come from a cache.
    """
    count, seconds = len(plan.bodies), plan.price.compile_seconds(plan.bodies)
    each = seconds / count
    text = f"{count} {'body' if count == 1 else 'bodies'}, about {_duration(seconds)}"
    return f"{text} of compiling{_why(problem, each)}."


def _why(problem: Problem, each: float) -> str:
    values = problem.compiled_values()
    text = ""
    if math.prod(map(len, values.values())) > MAX_SIGNATURES:
        text = f", and {_duration(each)} for each further shape that turns up"
    name = max(values, key=lambda name: len(values[name]), default=None)
    if name is None or len(values[name]) <= MANY:
        return text
    fewer = _fewer(name, values[name])
    return (
        f"{text}: {name} has {len(values[name])} values; "
        f"{{choice: [{', '.join(map(str, fewer))}]}} makes {len(fewer)}"
    )


def _fewer(name: str, values: Sequence[Value]) -> list[Value]:
    """A few of the values, from end to end; of batch sizes powers of two where there are enough."""
    if name == "batch_size":
        powers = [v for v in values if isinstance(v, int) and v > 0 and v.bit_count() == 1]
        values = powers if len(powers) >= FEW else values
    last = len(values) - 1
    return [values[round(k * last / (FEW - 1))] for k in range(FEW)]


def _duration(seconds: float) -> str:
    return (
        f"{seconds:.1f} s"
        if seconds < 9.5
        else f"{seconds:.0f} s"
        if seconds < 120
        else (f"{seconds / 60:.0f} min")
    )
