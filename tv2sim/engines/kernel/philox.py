"""The numbers of :mod:`tv2sim.base.random_numbers`, bit for bit: Philox-4x64-10, compiled.

The cipher is written as instructions for vectors, because the compiler does not make vectors of its
multiplications of 64 bits into 128. What is the same in a whole vector is computed as one number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from tv2sim.base.compiling import compiled
from tv2sim.base.ticks import PER_SECOND
from tv2sim.world.distributions import drawn_ticks, drawn_times

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tv2sim.base.random_numbers import Purpose
    from tv2sim.world.distributions import Distribution

__all__ = [
    "LANES", "draw_numbers", "draw_rows", "draw_uniforms", "line_lanes", "uniform_lanes", "uniform_one",
    "uniform_part", "uniform_rows", "whole_blocks",
]  # fmt: skip

LANES = 64
"""How many replications are simulated side by side; each has a lane in every row of an array."""

_U = np.uint64
_ROUNDS = 10
_FACTORS = (0xD2E7470EE14C6C93, 0xCA5A826395121157)
_STEPS = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)
"""What the two words of the key are increased by after each round."""

_IN_CACHE = 8192
"""Numbers that become times together: a processor's cache holds them and what is computed on the way."""

_SIDE_BY_SIDE = 16
"""Numbers in a vector: as many as two of a processor's hold, so that one is worked on while the other waits."""
_OF_BLOCKS = 4 * _SIDE_BY_SIDE
"""Numbers that a vector of blocks gives."""
_WORD, _WIDE, _PLACE = ir.IntType(64), ir.IntType(128), ir.IntType(32)
_WORDS, _FLOATS = (ir.VectorType(kind, _SIDE_BY_SIDE) for kind in (_WORD, ir.DoubleType()))

# -- the cipher, as instructions ---------------------------------------------------------------------------


def _each(number: float, kind: Any = _WORDS) -> Any:
    """Return a constant vector."""
    return ir.Constant(kind, [number] * _SIDE_BY_SIDE)


def _picked(code: Any, one: Any, other: Any, places: Sequence[int]) -> Any:
    """Return a vector of elements of two, which are counted through."""
    return code.shuffle_vector(one, other, ir.Constant(ir.VectorType(_PLACE, len(places)), list(places)))


def _vector(code: Any, word: Any) -> Any:
    """Return a word as a vector that repeats it; a vector as it is."""
    if word.type == _WORDS:
        return word
    undefined = ir.Constant(_WORDS, ir.Undefined)
    first = code.insert_element(undefined, word, ir.Constant(_PLACE, 0))
    return _picked(code, first, undefined, [0] * _SIDE_BY_SIDE)


def _counted(code: Any, first: Any) -> Any:
    """Return a vector of a word and those after it."""
    return code.add(_vector(code, first), ir.Constant(_WORDS, list(range(_SIDE_BY_SIDE))))


def _xor(code: Any, one: Any, other: Any) -> Any:
    if one.type != other.type:
        one, other = _vector(code, one), _vector(code, other)
    return code.xor(one, other)


def _product(code: Any, factor: int, word: Any) -> tuple[Any, Any]:
    """Return the upper and the lower 64 bits of a product; those of vectors by halves of 32 bits."""
    if word.type == _WORD:
        product = code.mul(code.zext(word, _WIDE), ir.Constant(_WIDE, factor))
        return code.trunc(code.lshr(product, ir.Constant(_WIDE, 64)), _WORD), code.trunc(product, _WORD)
    half, lower = _each(32), _each(2**32 - 1)
    a0, a1 = _each(factor % 2**32), _each(factor >> 32)
    b0, b1 = code.and_(word, lower), code.lshr(word, half)
    low = code.mul(a0, b0)
    one = code.add(code.mul(a0, b1), code.lshr(low, half))
    other = code.add(code.mul(a1, b0), code.and_(one, lower))
    carried = code.add(code.lshr(one, half), code.lshr(other, half))
    return code.add(code.mul(a1, b1), carried), code.or_(code.shl(other, half), code.and_(low, lower))


def _mixed(code: Any, counter: Sequence[Any], seed: Any) -> list[Any]:
    """Return the four vectors of numbers that the cipher makes of the four words of the counter."""
    c0, c1, c2, c3 = counter
    k0, k1 = seed, ir.Constant(_WORD, 0)
    for _ in range(_ROUNDS):
        (h0, l0), (h1, l1) = _product(code, _FACTORS[0], c0), _product(code, _FACTORS[1], c2)
        c0, c1, c2, c3 = _xor(code, _xor(code, c1, k0), h1), l1, _xor(code, _xor(code, c3, k1), h0), l0
        k0, k1 = (code.add(k, ir.Constant(_WORD, step)) for k, step in zip((k0, k1), _STEPS, strict=True))
    return [_between_0_and_1(code, _vector(code, word)) for word in (c0, c1, c2, c3)]


def _between_0_and_1(code: Any, words: Any) -> Any:
    """Return the upper 52 bits times 2**-52, plus 2**-53.

    As the digits of floats they give 1 + the multiples of 2**-52; so the rest is one subtraction.
    """
    digits = code.or_(code.lshr(words, _each(12)), _each(0x3FF << 52))
    return code.fsub(code.bitcast(digits, _FLOATS), _each(1 - 2.0**-53, _FLOATS))


def _store(context: Any, code: Any, array: Any, of_type: Any, place: Any, numbers: Any) -> None:
    data = context.make_array(of_type)(context, code, array).data
    code.store(numbers, code.bitcast(code.gep(data, [place]), numbers.type.as_pointer()), align=8)


@intrinsic  # type: ignore[untyped-decorator]
def _fill_rows(_typing: Any, out: Any, _at: Any, _block: Any, _first: Any, _purpose: Any, _seed: Any) -> Any:
    """Fill four rows of lanes, from ``out[at]`` on, with the numbers of the four entities of a block."""

    def emit(context: Any, code: Any, signature: Any, arguments: Any) -> Any:
        array, at, block, first, purpose, seed = arguments
        with cgutils.for_range(code, ir.Constant(_WORD, LANES // _SIDE_BY_SIDE)) as loop:
            lane = code.mul(loop.index, ir.Constant(_WORD, _SIDE_BY_SIDE))
            replications, place = _counted(code, code.add(first, lane)), code.add(at, lane)
            for numbers in _mixed(code, (block, replications, purpose, ir.Constant(_WORD, 0)), seed):
                _store(context, code, array, out, place, numbers)
                place = code.add(place, ir.Constant(_WORD, LANES))
        return context.get_dummy_value()

    return types.void(out, *[types.uint64] * 5), emit


@intrinsic  # type: ignore[untyped-decorator]
def _fill_blocks(
    _typing: Any, out: Any, _at: Any, _block: Any, _replication: Any, _purpose: Any, _further: Any, _seed: Any
) -> Any:
    """Fill in the numbers of the entities of a vector of blocks in one replication, from ``out[at]`` on."""

    def emit(context: Any, code: Any, signature: Any, arguments: Any) -> Any:
        array, at, block, *words, seed = arguments
        a, b, c, d = _mixed(code, (_counted(code, block), *words), seed)
        n = _SIDE_BY_SIDE
        one, other = (_picked(code, *pair, range(2 * n)) for pair in ((a, b), (c, d)))
        numbers = _picked(code, one, other, [word * n + k for k in range(n) for word in range(4)])
        _store(context, code, array, out, at, numbers)
        return context.get_dummy_value()

    return types.void(out, *[types.uint64] * 6), emit


@intrinsic  # type: ignore[untyped-decorator]
def _of_block(
    _typing: Any, _block: Any, _replication: Any, _purpose: Any, _further: Any, _seed: Any, _word: Any
) -> Any:
    """Return one of the four numbers of a block."""

    def emit(context: Any, code: Any, signature: Any, arguments: Any) -> Any:
        *words, seed, word = arguments
        found = [code.extract_element(each, ir.Constant(_PLACE, 0)) for each in _mixed(code, words, seed)]
        answer = found[0]
        for k, each in enumerate(found[1:], start=1):
            answer = code.select(code.icmp_unsigned("==", word, ir.Constant(_WORD, k)), each, answer)
        return answer

    return types.float64(*[types.uint64] * 6), emit


# -- many numbers ------------------------------------------------------------------------------------------


@compiled
def uniform_lanes(seed: Any, purpose: int, first: int, out: Any) -> None:
    """Fill ``out[k * LANES + l]`` with the number of entity k in replication first + l, for whole blocks.

    NumPy adds one to the counter before the first block.
    """
    for block in range(len(out) // (4 * LANES)):
        _fill_rows(out, _U(block * 4 * LANES), _U(block + 1), _U(first), _U(purpose), _U(seed))


@compiled
def line_lanes(seed: Any, purpose: int, first: int, line: Any, out: Any) -> None:
    """Fill in the times that :func:`tv2sim.world.distributions.drawn_ticks` makes of these numbers.

    `line` is what :func:`tv2sim.world.distributions.line_of` says of the distribution.
    """
    start, slope = line
    for block in range(len(out) // (4 * LANES)):
        at = _U(block * 4 * LANES)
        _fill_rows(out, at, _U(block + 1), _U(first), _U(purpose), _U(seed))
        for k in range(_U(4 * LANES)):
            out[at + k] = np.rint((start + slope * out[at + k]) * PER_SECOND)


@compiled
def uniform_part(seed: Any, purpose: int, further: int, replication: int, start: int, out: Any) -> None:
    """Fill ``out[k]`` with the number of entity start + k; `start` and its length are multiples of 4."""
    words, rest = (_U(replication), _U(purpose), _U(further), _U(seed)), np.empty(_OF_BLOCKS)
    for k in range(0, len(out), _OF_BLOCKS):
        block, left = _U((start + k) // 4 + 1), len(out) - k
        if left >= _OF_BLOCKS:
            _fill_blocks(out, _U(k), block, *words)
        else:
            _fill_blocks(rest, _U(0), block, *words)
            for i in range(left):
                out[k + i] = rest[i]


@compiled
def uniform_rows(seed: Any, purpose: int, further: int, first: int, out: Any) -> None:
    """Fill ``out[i, k]`` with the number of entity k in replication first + i; k counts to a multiple of 4."""
    for i in range(len(out)):
        uniform_part(seed, purpose, further, first + i, 0, out[i])


@compiled
def uniform_one(seed: Any, purpose: int, further: int, replication: int, entity: int) -> Any:
    """Return the number of one entity."""
    block = _U(entity // 4 + 1)
    return _of_block(block, _U(replication), _U(purpose), _U(further), _U(seed), _U(entity % 4))


# -- numbers of a distribution --------------------------------------------------------------------------


def whole_blocks(count: int) -> int:
    """Return the count rounded up to what whole blocks of random numbers give."""
    return -(-count // 4) * 4


def draw_uniforms(
    seed: int, purpose: Purpose, replications: range, count: int, further: int = 0
) -> NDArray[np.float64]:
    """Return the uniform numbers of the first `count` entities, a row for each replication."""
    return _made(lambda piece: None, seed, purpose, replications, count, further)


def draw_rows(
    time: Distribution,
    name: str,
    seed: int,
    purpose: Purpose,
    replications: range,
    count: int,
    further: int = 0,
) -> NDArray[np.float64]:
    """Return times that these entities draw, in ticks; `name` is that of the field, for messages."""

    def make(piece: NDArray[np.float64]) -> None:
        drawn_ticks(time, piece, out=piece, name=name)

    return _made(make, seed, purpose, replications, count, further)


def draw_numbers(
    distribution: Distribution, name: str, seed: int, purpose: Purpose, replications: range, count: int
) -> NDArray[np.float64]:
    """Return numbers that these entities draw, as :func:`draw_rows` but not in ticks."""

    def make(piece: NDArray[np.float64]) -> None:
        piece[:] = drawn_times(distribution, piece, name)

    return _made(make, seed, purpose, replications, count, 0)


def _made(
    make: Callable[[NDArray[np.float64]], None],
    seed: int,
    purpose: Purpose,
    replications: range,
    count: int,
    further: int,
) -> NDArray[np.float64]:
    u = np.empty((len(replications), whole_blocks(count)))
    uniform_rows(np.uint64(seed), int(purpose), further, replications.start, u)
    flat = u.reshape(-1)
    for start in range(0, len(flat), _IN_CACHE):
        make(flat[start : start + _IN_CACHE])
    # kernels would be compiled again for rows that are parts of longer ones
    return np.ascontiguousarray(u[:, :count])
