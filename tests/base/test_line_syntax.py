"""What people type in one line: `tv2sim.base.line_syntax`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tv2sim.base.line_syntax import Call, as_call, parts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [""]),
        ("a", ["a"]),
        (" a , b,c ", ["a", "b", "c"]),
        ("a,,b,", ["a", "", "b", ""]),
        ("f(1, 2), [3, 4], {5: 6, 7: 8}", ["f(1, 2)", "[3, 4]", "{5: 6, 7: 8}"]),
        ("f(g(1, 2), [3]),h", ["f(g(1, 2), [3])", "h"]),
        ("f(')', 1), 2", ["f(')', 1)", "2"]),
        ('f("it\'s, or not"), 2', ['f("it\'s, or not")', "2"]),
        ("o'brien.toml,d'arcy.toml", ["o'brien.toml", "d'arcy.toml"]),
        ("a), b", ["a)", "b"]),
        ("f(a, b", ["f(a, b"]),
    ],
)
def test_commas_in_brackets_separate_nothing(text: str, expected: list[str]) -> None:
    assert parts(text) == expected


def test_quotes_outside_of_brackets_count_if_asked_for() -> None:
    assert parts("'a, b', c", quotes=True) == ["'a, b'", "c"]
    assert parts("'a, b', c") == ["'a", "b'", "c"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("f()", Call("f", (), {})),
        (" f ( 1 ,2 ) ", Call("f", ("1", "2"), {})),
        ("just in time(prewarmed = 3)", Call("just in time", (), {"prewarmed": "3"})),
        ("f(1, a=(2, 3), b=g(c=4))", Call("f", ("1",), {"a": "(2, 3)", "b": "g(c=4)"})),
        ("f('a=1', b='c=2')", Call("f", ("'a=1'",), {"b": "'c=2'"})),
        ("f(a=)", Call("f", (), {"a": ""})),
        ("f(1,)", Call("f", ("1", ""), {})),
        ("(1, 2)", Call("", ("1", "2"), {})),
        ("f(')')", Call("f", ("')'",), {})),
        *((text, None) for text in ("", "f", "f(", "f)", "f(1", "f(1))", "f(1)(2)", "f(1) g", "f('1)", "[1]")),
    ],
)
def test_a_call_has_a_name_and_values(text: str, expected: Call | None) -> None:
    assert as_call(text) == expected


def test_a_name_that_is_given_twice() -> None:
    with pytest.raises(ValueError, match="a is given twice"):
        as_call("f(a=1, a=2)")


@given(st.text("ab(,)='\"[ ]"), st.booleans())
def test_nothing_of_a_text_is_lost(text: str, quotes: bool) -> None:
    assert ",".join(parts(text, quotes=quotes)).replace(" ", "") == text.replace(" ", "")
