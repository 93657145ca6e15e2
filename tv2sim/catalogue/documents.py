"""JSON documents: the records of arrays and objects in any layout, one by one and without holding the text.

Only quotes and brackets are looked at here: whether a record is JSON is for the one who decodes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec

from tv2sim.catalogue.judging import LONGEST_LINE, Broken

__all__ = ["is_document", "records_of"]

_CHUNK = 1 << 16
"""Bytes that are read at once, at least."""

_INDENT = 200
"""The longest indent that is recognized again."""

_DEEPEST = 1000
"""A value may have so many brackets inside each other; a line that has more is given up."""

_STRING = rb'"(?:[^"\\\n]++|\\.)*+"'


def _inside(depth: int) -> bytes:
    """Return the pattern of what stands between brackets, with so many levels of brackets in it."""
    deeper = _inside(depth - 1) if depth else b""
    nested = rb"|\{" + deeper + rb"\}|\[" + deeper + rb"\]" if depth else b""
    return rb'(?:[^"{}\[\]]++|' + _STRING + nested + rb")*+"


_SEPARATORS = rb"(?:[\s,\x1e]|\xef\xbb\xbf)*+"
_GAP = re.compile(_SEPARATORS)
_RECORD = re.compile(_SEPARATORS + rb"(\{" + _inside(3) + rb"\})")
_TOKEN = re.compile(rb'([^"{}\[\]]*+)("(?:[^"\\\n]++|\\.)*+(?:"|\\?\n)|[{}\[\]])')
"""The next bracket or string, and what stands before it. A string of JSON has no line break: it ends there."""
_NO_RECORD = re.compile(rb"[^{\]\n]*+")
_LISTS = re.compile(rb"(?:\[\s*\]\s*)*+\[\s*(?=\{|\Z)")


def is_document(start: bytes, whole: bool, inside: Sequence[str]) -> bool:
    """Return whether a text is a document, or several after one another, and not JSON lines.

    Parameters
    ----------
    start : bytes
        What the text begins with, from its first line that is not blank.
    whole : bool
        Whether this is all of it.
    inside : sequence of str
        The keys that lead to the list of records in a document.
    """
    start = start[_GAP.match(start).end() :]  # type: ignore[union-attr]
    if start.startswith(b"{"):
        return bool(inside) or _is_printed(start, whole)
    if (found := _LISTS.match(start)) is None:
        return False
    end, _ = _walk(start, found.end(), [], ()) or (len(start), False)
    # records without a comma between them are lines
    return start[:end].rstrip().endswith(b",") or not start[end:].lstrip().startswith(b"{")


def _is_printed(start: bytes, whole: bool) -> bool:
    """Return whether an object takes several lines."""
    if _is_json(start.partition(b"\n")[0]):
        return False
    if (found := _walk(start, 0, [], ())) is None:
        return not whole or start.partition(b"\n")[0].strip() == b"{"
    return b"\n" in start[: found[0]] and _is_json(start[: found[0]])


def _is_json(text: bytes) -> bool:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False
    return True


def records_of(pieces: Iterator[bytes], inside: Sequence[str]) -> Iterator[tuple[int, bytes | Broken]]:
    """Yield the records of a text, each with the number of the line in which it begins.

    The text is lists of records, records, and objects that hold a list of records, after one another. What is
    no record is yielded too, so that it is rejected. A record that is broken ends where the next one begins.
    """
    text = _Text(pieces)
    while byte := text.next():
        if byte == b"[":
            yield from _listed(text)
        elif byte == b"{" and inside:
            end, holds_list = text.walk([], inside)
            found = text.take(end)
            if not holds_list:
                yield found
                continue
            yield from _listed(text)
            text.take(text.walk([b"{"] * len(inside), ())[0])
        elif byte == b"{":
            yield text.take(text.walk([], ())[0])
        else:
            yield text.take(text.end_of_line())


def _listed(text: _Text) -> Iterator[tuple[int, bytes | Broken]]:
    """Yield the records of a list."""
    begun, _ = text.take(text.at + 1)
    last = b""
    while True:
        while found := _RECORD.match(text.text, text.at):
            text.take(found.start(1))
            yield text.take(found.end())
        if (byte := text.next()) == b"]":
            text.at += 1
            return
        if not byte:
            if not last or last.rstrip().endswith(b"}"):  # otherwise the last record tells that it is cut off
                yield begun, Broken("the list that begins here does not end", "[")
            return
        if byte in b"{[":
            number, last = text.take(text.walk([], ())[0])
            yield number, last
        else:
            yield text.take(_NO_RECORD.match(text.text, text.at).end())  # type: ignore[union-attr]


class _Text:
    """A text that is read piece by piece: the part that is held, the place in it, and its line."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self.text, self.at, self.line, self.is_whole = pieces, b"", 0, 1, False

    def _read_on(self) -> None:
        """Read as much again as is held, and drop what was taken, but for the start of the line."""
        kept = max(self.text.rfind(b"\n", 0, self.at) + 1, self.at - _INDENT)
        parts = [self.text[kept:]]
        missing = max(_CHUNK, len(parts[0]))
        for piece in self._pieces:
            parts.append(piece)
            if (missing := missing - len(piece)) <= 0:
                break
        else:
            self.is_whole = True
        self.text, self.at = b"".join(parts), self.at - kept

    def take(self, end: int) -> tuple[int, bytes]:
        """Return the number of the line, and the text up to `end`; go there."""
        line, found = self.line, self.text[self.at : end]
        self.line += found.count(b"\n")
        self.at = end
        return line, found

    def next(self) -> bytes:
        """Skip what separates values, and return the next byte; nothing at the end."""
        while True:
            self.take(_GAP.match(self.text, self.at).end())  # type: ignore[union-attr]
            if len(self.text) - self.at >= 3 or self.is_whole:  # a byte order mark has three bytes
                return self.text[self.at : self.at + 1]
            self._read_on()

    def end_of_line(self) -> int:
        """Return where the line ends; a line that is too long is dropped, but for its start."""
        while (end := self.text.find(b"\n", self.at)) < 0 and not self.is_whole:
            if len(self.text) - self.at > LONGEST_LINE:
                self._shorten()
            self._read_on()
        return len(self.text) if end < 0 else end

    def walk(self, stack: list[bytes], inside: Sequence[str]) -> tuple[int, bool]:
        """Return where the value ends, or where its list of records begins, and whether that is so."""
        while (found := _walk(self.text, self.at, stack.copy(), inside)) is None:
            if self.is_whole or len(self.text) - self.at > LONGEST_LINE:
                return self._next_like_this(), False
            self._read_on()
        return found

    def _next_like_this(self) -> int:
        """Return where the next line has a value, with the same indent as the line of this one."""
        line = self.text[self.text.rfind(b"\n", 0, self.at) + 1 : self.at]
        indent = line[: len(line) - len(line.lstrip())]
        again = re.compile(rb"\n" + re.escape(indent) + rb"(?:,[ \t]*)?(?=\{)")
        if not line.strip(b" \t[,") and (found := again.search(self.text, self.at)):
            return found.end()
        return len(self.text) if self.is_whole else self.end_of_line()

    def _shorten(self) -> None:
        """Drop a part of a line that is too long; what is left is still too long."""
        self.text, self.at = self.text[self.at : self.at + LONGEST_LINE + 1], 0


def _walk(text: bytes, at: int, stack: list[bytes], inside: Sequence[str]) -> tuple[int, bool] | None:
    """Return where the value at `at` ends, or where its list of records begins, and whether that is so.

    Parameters
    ----------
    stack : list of bytes
        The brackets that are open before `at`.
    inside : sequence of str
        The keys that lead to the list of records.

    Returns
    -------
    tuple of int and bool, or None
        None if the text ends before the value does.
    """
    keys: list[str] = []
    last = b""
    while found := _TOKEN.match(text, at):
        before, token = found.groups()
        at = found.end()
        if token in (b"{", b"["):
            is_value = before.strip() == b":"
            if stack and stack[-1] == b"{" and not is_value:
                return found.start(2), False  # an object holds keys, so that this is the next record
            if len(stack) == _DEEPEST:
                end = text.find(b"\n", at)
                return None if end < 0 else (end, False)
            keys = [*keys[: len(stack) - 1], _key(last) if is_value else ""] if stack and inside else keys
            stack.append(token)
            if inside and token == b"[" and keys == list(inside):
                return found.start(2), True
        elif token in (b"}", b"]"):
            opening = b"{" if token == b"}" else b"["
            while stack and stack[-1] != opening and opening in stack:
                stack.pop()
            if opening not in stack:
                return found.start(2), False
            stack.pop()
            if not stack:
                return at, False
        else:
            last = token
    return None


def _key(token: bytes) -> str:
    try:
        return msgspec.json.decode(token, type=str)
    except (msgspec.DecodeError, UnicodeError):
        return ""
