"""Records of a state that is passed as one pointer: it holds the addresses of its arrays.

numba hands an array to a function as seven numbers. With ten arrays that costs more than most functions do.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numba
import numpy as np
from numba import types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array

__all__ = ["at", "located"]

_LENGTH = 1 << 40
"""The length that an array at an address has: it is not checked."""


@intrinsic  # type: ignore[untyped-decorator]
def at(_context: Any, address: Any, kind: Any) -> Any:
    """Return the array at an address. The caller keeps its memory alive."""
    array = types.Array(kind.dtype, 1, "C")

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        made, item = make_array(array)(context, builder), context.get_data_type(array.dtype)
        size = context.get_constant(types.intp, context.get_abi_sizeof(item))
        populate_array(
            made,
            data=builder.inttoptr(arguments[0], item.as_pointer()),
            shape=[context.get_constant(types.intp, _LENGTH)],
            strides=[size],
            itemsize=size,
            meminfo=None,
        )
        return made._getvalue()

    return array(address, kind), generate


def _interpreted(address: int, kind: np.dtype[Any]) -> Any:
    items: Any = (ctypes.c_char * (1 << 32)).from_address(int(address))
    found: Any = np.frombuffer(items, kind, (1 << 32) // kind.itemsize)
    return found.view(np.recarray) if kind.names else found


if numba.config.DISABLE_JIT:
    at = _interpreted


def located(function: Any) -> Any:
    """Compile a function that returns an array at an address, as a part of those that call it."""
    return numba.njit(inline="always", _nrt=False)(function)
