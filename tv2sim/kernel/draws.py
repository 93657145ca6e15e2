"""The numbers of :mod:`tv2sim.draws`, bit for bit, by compiled code: Philox-4x64-10 for many replications."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from tv2sim.kernel.compiled import compiled, inlined

__all__ = ["uniform_lanes", "uniform_part", "uniform_rows"]

_U = np.uint64
_M0, _M1 = _U(0xD2E7470EE14C6C93), _U(0xCA5A826395121157)
_W0, _W1 = _U(0x9E3779B97F4A7C15), _U(0xBB67AE8584CAA73B)
_12 = _U(12)


@intrinsic  # type: ignore[untyped-decorator]
def _high(_typing: Any, _a: Any, _b: Any) -> Any:
    """Return the upper 64 bits of a product, by one multiplication of 128 bits."""

    def code(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        wide = ir.IntType(128)
        product = builder.mul(builder.zext(arguments[0], wide), builder.zext(arguments[1], wide))
        return builder.trunc(builder.lshr(product, ir.Constant(wide, 64)), ir.IntType(64))

    return types.uint64(types.uint64, types.uint64), code


@inlined
def _block(c0: Any, c1: Any, c2: Any, c3: Any, key: Any) -> Any:
    k0, k1 = key, _U(0)
    for _ in range(10):
        h0, l0 = _high(_M0, c0), _M0 * c0
        h1, l1 = _high(_M1, c2), _M1 * c2
        c0, c1, c2, c3 = h1 ^ c1 ^ k0, l1, h0 ^ c3 ^ k1, l0
        k0 += _W0
        k1 += _W1
    return c0, c1, c2, c3


@inlined
def _uniform(raw: Any) -> Any:
    return np.float64(np.int64(raw >> _12)) * 2.0**-52 + 2.0**-53


@compiled
def uniform_lanes(seed: Any, purpose: int, first: int, row: int, count: int, out: Any) -> None:
    """Fill ``out[g, row + k, l]`` with the number of entity k < count in replication first + g * lanes + l.

    `count` is a multiple of 4. NumPy adds one to the counter before the first block.
    """
    groups, _, lanes = out.shape
    for g in range(groups):
        base = first + g * lanes
        for b in range(count // 4):
            at = row + 4 * b
            for l in range(lanes):
                x0, x1, x2, x3 = _block(_U(b + 1), _U(base + l), _U(purpose), _U(0), _U(seed))
                out[g, at, l] = _uniform(x0)
                out[g, at + 1, l] = _uniform(x1)
                out[g, at + 2, l] = _uniform(x2)
                out[g, at + 3, l] = _uniform(x3)


@compiled
def uniform_rows(seed: Any, purpose: int, further: int, first: int, out: Any) -> None:
    """Fill ``out[i, k]`` with the number of entity k in replication first + i; k counts to a multiple of 4."""
    replications, columns = out.shape
    for i in range(replications):
        for b in range(columns // 4):
            x0, x1, x2, x3 = _block(_U(b + 1), _U(first + i), _U(purpose), _U(further), _U(seed))
            out[i, 4 * b] = _uniform(x0)
            out[i, 4 * b + 1] = _uniform(x1)
            out[i, 4 * b + 2] = _uniform(x2)
            out[i, 4 * b + 3] = _uniform(x3)


@compiled
def uniform_part(seed: Any, purpose: int, replication: int, start: int, out: Any) -> None:
    """Fill ``out[k]`` with the number of entity start + k; `start` and its length are multiples of 4."""
    for b in range(len(out) // 4):
        x0, x1, x2, x3 = _block(_U(start // 4 + b + 1), _U(replication), _U(purpose), _U(0), _U(seed))
        out[4 * b] = _uniform(x0)
        out[4 * b + 1] = _uniform(x1)
        out[4 * b + 2] = _uniform(x2)
        out[4 * b + 3] = _uniform(x3)
