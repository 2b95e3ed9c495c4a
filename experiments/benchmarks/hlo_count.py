"""Counts the kernels and bytes of a compiled program's steps in its optimised HLO.

A program of XLA is text: computations, each a list of instructions. The training step is the body
of its longest loop. Every instruction there that is not free runs as one kernel (or as one
operation of a TPU), and counts with its bytes read and written. A fusion counts once, by its
operands and results.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

_ARRAY = re.compile(r"\b([a-z]+\d*\w*)\[([\d,]*)\](?:\{([^}]*)\})?")
_COMPUTATION = re.compile(r"(?:ENTRY )?%?([\w.\-]+) (?:\(.*\) -> .*)?\{$")
_INSTRUCTION = re.compile(r"\s+(ROOT )?%?([\w.\-]+) = (\(.*?\)|\S+) ([\w\-]+)\((.*)$")
_BODY = re.compile(r"body=%?([\w.\-]+)")
_CALLED = re.compile(r"(?:to_apply|calls)=%?([\w.\-]+)")
_BITS = re.compile(r"\D+(\d+)")
_FREE = {
    *("parameter", "get-tuple-element", "tuple", "bitcast", "constant", "while", "iota"),
    *("after-all", "partition-id", "add-dependency", "opt-barrier"),
}
_FREE_CALLS = {"ConcatBitcast", "AllocateBuffer"}  # on a TPU these are places in memory, not work
_MOVES = {"copy", "transpose", "reshape", "copy-done"}
_VIEWS = {"parameter", "bitcast", "tuple", "get-tuple-element"}
_READS_PART = {"slice", "dynamic-slice", "gather"}


@dataclass(frozen=True)
class Stored:
    """An array in memory.

    bytes: those of its numbers. padded: with the padding of its tiles. on_chip: whether it lies in
    the fast memory of a TPU.
    """

    bytes: int
    padded: int
    on_chip: bool


@dataclass(frozen=True)
class Instruction:
    """One line of a computation; attributes: the text behind its operands."""

    name: str
    type: str
    op: str
    operands: tuple[str, ...]
    given: str
    attributes: str
    root: bool


Computation: TypeAlias = dict[str, Instruction]


@dataclass(frozen=True)
class Kernel:
    """A counted instruction of the step: its kind, bytes read and written, type and source.

    relayout: whether it only moves numbers to another layout.
    """

    kind: str
    name: str
    reads: tuple[Stored, ...]
    writes: tuple[Stored, ...]
    relayout: bool
    type: str
    source: str

    @property
    def moved(self) -> tuple[Stored, ...]:
        return self.reads + self.writes


def stored(text: str) -> tuple[Stored, ...]:
    """The arrays of an HLO type: f32[8,24]{1,0:T(8,128)S(1)}, or a tuple of such."""
    return tuple(_stored(*found) for found in _ARRAY.findall(text))


def _stored(kind: str, sizes: str, layout: str) -> Stored:
    bits = _BITS.match(kind)
    width = 1 if kind == "pred" or bits is None else max(1, int(bits[1]) // 8)
    shape = [int(size) for size in sizes.split(",") if size]
    order, _, rest = layout.partition(":")
    minor = [int(axis) for axis in order.split(",") if axis]
    padded = [shape[axis] for axis in reversed(minor)] if len(minor) == len(shape) else shape
    if tile := re.match(r"T\(([\d,]+)\)", rest):
        for back, size in enumerate(map(int, reversed(tile[1].split(","))), 1):
            if back <= len(padded):
                padded[-back] = -(-padded[-back] // size) * size
    return Stored(width * math.prod(shape), width * math.prod(padded), "S(1)" in rest)


def computations(text: str) -> dict[str, Computation]:
    """The computations of a program, by name."""
    found: dict[str, Computation] = {}
    own: Computation = {}
    for line in text.splitlines():
        head = _COMPUTATION.match(line)
        if head and not line.startswith(" "):
            own = found[head[1]] = {}
        elif match := _INSTRUCTION.match(line):
            root, name, kind, op, rest = match.groups()
            end = _end(rest)
            given = rest[:end]
            operands = tuple(re.findall(r"%([\w.\-]+)", given))
            own[name] = Instruction(name, kind, op, operands, given, rest[end:], bool(root))
    return found


def _end(text: str) -> int:
    """The place that closes a parenthesis opened before this text."""
    depth = 1
    for i, sign in enumerate(text):
        depth += (sign == "(") - (sign == ")")
        if depth == 0:
            return i
    return len(text)


def kernels_of_step(text: str) -> list[Kernel]:
    """The kernels of the body of a program's longest loop; raises ValueError without a loop."""
    program = computations(text)
    bodies = {name for own in program.values() for i in own.values() for name in _bodies(i)}
    if not bodies:
        raise ValueError("the program holds no loop, and so no training step.")
    return max((list(_kernels(program, name)) for name in sorted(bodies)), key=len)


def _bodies(instruction: Instruction) -> Sequence[str]:
    return _BODY.findall(instruction.attributes) if instruction.op == "while" else ()


def _kernels(program: Mapping[str, Computation], name: str) -> Iterator[Kernel]:
    own = program[name]
    for i in own.values():
        called = _CALLED.search(i.attributes)
        inner = program.get(called[1]) if called else None
        if i.op == "call" and called and inner is not None:
            yield from _kernels(program, called[1])
        elif not (i.op in _FREE or i.op.endswith("-start") or _target(i) in _FREE_CALLS):
            inner = inner if i.op == "fusion" else None
            source = re.search(r'op_name="([^"]*)"', i.attributes)
            yield Kernel(
                _kind(i),
                i.name,
                tuple(_reads(own, i, inner)),
                tuple(_writes(own, i, inner)),
                _relayout(i, inner),
                i.type,
                source[1] if source else "",
            )


def _target(i: Instruction) -> str:
    found = re.search(r'custom_call_target="([^"]*)"', i.attributes)
    return found[1] if found and i.op == "custom-call" else ""


def _kind(i: Instruction) -> str:
    if i.op == "custom-call":
        return f"call {_target(i)}"
    if i.op != "fusion":
        return i.op.removesuffix("-done")
    kind = re.search(r"kind=k(\w+)", i.attributes)
    triton = ", triton" if "__triton" in i.attributes else ""
    return f"fusion {kind[1].lower() if kind else ''}{triton}"


def _relayout(i: Instruction, inner: Computation | None) -> bool:
    """Whether a copy changes the layout; copies to a TPU's other memory only do if they say so."""
    if i.op in ("copy", "transpose", "reshape"):
        return True
    ops = {own.op for own in inner.values()} if inner else set()
    return bool(ops) and ops <= _MOVES | _VIEWS and bool(ops & _MOVES)


def _reads(own: Computation, i: Instruction, inner: Computation | None) -> Iterator[Stored]:
    if i.op.endswith("-done"):  # as much as it writes, from the place that its start names
        start = own[i.operands[0]]
        source = stored(own[start.operands[0]].type) if start.operands[0] in own else ()
        on_chip = bool(source) and source[0].on_chip
        yield from (Stored(s.bytes, s.padded, on_chip) for s in stored(i.type))
        return
    if i.op in _READS_PART:
        yield from stored(i.type)
        return
    operands = dict.fromkeys(i.operands[1:] if i.op == "dynamic-update-slice" else i.operands)
    for name in operands:
        whole = stored(own[name].type) if name in own else ()
        part = None if inner is None else _read_inside(inner, i.operands.index(name))
        yield from whole if part is None else part


def _read_inside(inner: Computation, place: int) -> tuple[Stored, ...] | None:
    """The bytes that a fusion reads of an operand, if it reads only slices; None: all."""
    found = [o for o in inner.values() if o.op == "parameter" and o.given.strip() == str(place)]
    if not found:
        return None
    same, users = {found[0].name}, list[Instruction]()
    for o in inner.values():
        if same & set(o.operands):
            if o.op == "bitcast":
                same.add(o.name)
            else:
                users.append(o)
    if users and all(u.op == "dynamic-update-slice" and u.operands[0] in same for u in users):
        return ()  # written in place
    if not users or any(u.op not in _READS_PART for u in users):
        return None
    parts = tuple(array for u in users for array in stored(u.type))
    whole = stored(found[0].type)
    return parts if sum(a.bytes for a in parts) < sum(a.bytes for a in whole) else None


def _writes(own: Computation, i: Instruction, inner: Computation | None) -> Iterator[Stored]:
    if i.op == "dynamic-update-slice":
        yield from stored(own[i.operands[1]].type)
        return
    whole = stored(i.type)
    root = next((o for o in (inner or {}).values() if o.root), None)
    if inner is None or root is None:
        yield from whole
        return
    names = root.operands if root.op == "tuple" else (root.name,)
    for name, array in zip(names, whole, strict=False):
        result = inner[name]
        while result.op == "bitcast":
            result = inner[result.operands[0]]
        if result.op == "dynamic-update-slice":
            yield from stored(inner[result.operands[1]].type)
        else:
            yield array
