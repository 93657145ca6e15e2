"""Heaps of times, each with a key that decides among equal ones.

A heap is an array of records: row 0 has its size as its key, row 1 the first item, whose time is infinite if
the heap is empty.
"""

from __future__ import annotations

from math import inf
from typing import Any

from tv2sim.base.compiling import inner, spliced

__all__ = ["clear", "pop", "push", "size_of"]


@spliced
def size_of(heap: Any) -> Any:
    """Return how many items a heap has."""
    return heap[0].key


@spliced
def clear(heap: Any) -> None:
    """Take all items out."""
    heap[0].key = 0
    heap[1].time = inf


@inner
def push(heap: Any, time: Any, key: Any) -> None:
    """Put a time with its key into a heap."""
    i = heap[0].key + 1
    heap[0].key = i
    while i > 1:
        above = heap[i >> 1]
        if above.time < time or (above.time == time and above.key < key):
            break
        heap[i].time = above.time
        heap[i].key = above.key
        i >>= 1
    heap[i].time = time
    heap[i].key = key


@inner
def pop(heap: Any) -> Any:
    """Take the earliest time out, and return its key."""
    first, size = heap[1].key, heap[0].key
    time, key = heap[size].time, heap[size].key
    size -= 1
    heap[0].key = size
    i = 1
    while 2 * i <= size:
        child = 2 * i
        if child < size:
            a, b = heap[child], heap[child + 1]
            if b.time < a.time or (b.time == a.time and b.key < a.key):
                child += 1
        below = heap[child]
        if time < below.time or (time == below.time and key < below.key):
            break
        heap[i].time = below.time
        heap[i].key = below.key
        i = child
    heap[i].time = time if size else inf
    heap[i].key = key
    return first
