"""The vectors that a program works on: registers of a tape, gradients beside them, each in units of its own.

A vector of unit t stands for e^t times its numbers, which are of moderate size: t is 0 unless the vector's norm lies
outside [SMALL, LARGE] (``carry``); gradients take the unit that comes.
"""

import math
from typing import Any, NamedTuple

from vgtheory.kernels._jit import lent, lent_call
from vgtheory.kernels.signals import carry, dot
from vgtheory.kernels.vectors import log_length, times

# Columns of the table of gradients: where it lies, times the width of results or of what comes in, and its unit.
PLACE, MULTIPLE, COMES_IN, UNIT = 0, 2, 3, 4


class Net(NamedTuple):
    """The network: machine code, tables and numbers; see ``tables.Tables``."""

    rows: Any
    maps: Any
    matrix: Any
    matrix_back: Any
    law: Any
    draw_uniform: Any
    forward: Any
    factors: Any
    back: Any
    back_factors: Any
    registers: Any
    listed: Any
    gradients: Any
    linear: Any
    matrices: Any
    places: Any
    widths: Any
    sigma_w: Any
    sigma_b: Any
    carried: int
    stride: int


class Memory(NamedTuple):
    """The tape, units and squares of its registers, numbers of instructions; gradients and their units; scratch."""

    tape: Any
    units: Any
    squares: Any
    memo: Any
    gradients: Any
    gradient_units: Any
    work: Any
    offsets: Any


class Found(NamedTuple):
    """A sample's rows of results: (watched, layer 0..L), and of weights (layer 1..L)."""

    squares: Any
    gradients: Any
    shares: Any
    weights: Any


class Here(NamedTuple):
    """A layer 1..L of a sample, the slot of the tape that holds it, and where gradients of its results lie."""

    key: Any
    sample: int
    layer: int
    slot: int
    parity: int


@lent
def register(net, memory, r, here):
    """Return the vector of a register."""
    begin = here.slot * net.stride + net.registers[r, 0]
    size = net.registers[r, 1] * net.widths[here.layer - (1 if r < net.carried else 0)]
    return memory.tape[begin : begin + size]


@lent
def unit_at(net, r, here):
    """Return the place of a register's unit and square."""
    return here.slot * (net.registers.shape[0] - net.carried) + r


@lent
def written(net, memory, r, here, unit):
    """Note the unit of what a register has received."""
    at = unit_at(net, r, here)
    memory.units[at], memory.squares[at] = unit, math.nan


@lent
def gradient(net, memory, r, here):
    """Return the vector of a gradient."""
    begin = net.gradients[r, PLACE + here.parity]
    size = net.gradients[r, MULTIPLE] * net.widths[here.layer - net.gradients[r, COMES_IN]]
    return memory.gradients[begin : begin + size]


@lent
def log_of(vector, square):
    """Return ln‖vector‖, by its square where that is in range."""
    return 0.5 * math.log(square) if 1e-250 < square < 1e250 else log_length(vector)


@lent_call
def log_size(net, memory, r, here):
    """Return ln of the norm of a register."""
    at = unit_at(net, r, here)
    vector = register(net, memory, r, here)
    if memory.squares[at] != memory.squares[at]:
        memory.squares[at] = dot(vector, vector)
    return memory.units[at] + log_of(vector, memory.squares[at])


@lent_call
def in_unit(net, memory, r, here, new):
    """Write a register in another unit."""
    at = unit_at(net, r, here)
    vector = register(net, memory, r, here)
    times(vector, vector, math.exp(memory.units[at] - new))
    memory.units[at] = new
    memory.squares[at] = dot(vector, vector)


@lent_call
def in_usual_unit(net, memory, r, here):
    """Write a register in the unit that its size asks for, and return ln of its norm."""
    size = log_size(net, memory, r, here)
    new = carry(size, 0.0, True, True)
    if new != memory.units[unit_at(net, r, here)] and -math.inf < size < math.inf:
        in_unit(net, memory, r, here, new)
    return size
