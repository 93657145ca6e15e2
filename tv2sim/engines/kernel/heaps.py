"""Heaps of times, each with a key that decides among equal ones, in rows of the state's arrays."""

from __future__ import annotations

from typing import Any

from tv2sim.base.compiling import borrowing

__all__ = ["pop", "push"]


@borrowing
def push(heap: Any, time: Any, key: Any, T: Any, K: Any, n: Any) -> None:
    """Put a time with its key into the heap of a row."""
    i = n[heap]
    n[heap] = i + 1
    while i > 0:
        up = (i - 1) >> 1
        if T[heap, up] < time or (T[heap, up] == time and K[heap, up] < key):
            break
        T[heap, i] = T[heap, up]
        K[heap, i] = K[heap, up]
        i = up
    T[heap, i] = time
    K[heap, i] = key


@borrowing
def pop(heap: Any, T: Any, K: Any, n: Any) -> Any:
    """Take the earliest time out, and return its key."""
    first = K[heap, 0]
    size = n[heap] - 1
    n[heap] = size
    time, key = T[heap, size], K[heap, size]
    i = 0
    while True:
        child = 2 * i + 1
        if child >= size:
            break
        other = child + 1
        if other < size and (
            T[heap, other] < T[heap, child]
            or (T[heap, other] == T[heap, child] and K[heap, other] < K[heap, child])
        ):
            child = other
        if time < T[heap, child] or (time == T[heap, child] and key < K[heap, child]):
            break
        T[heap, i] = T[heap, child]
        K[heap, i] = K[heap, child]
        i = child
    T[heap, i] = time
    K[heap, i] = key
    return first
