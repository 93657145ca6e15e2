"""The option ``--engine``, and the command ``tv2sim engines``."""

from __future__ import annotations

import pytest

from tests.helpers.commands import CATALOGUE, assert_facts, tv2sim


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    """Compile what is needed beforehand, since standard error says so if that takes long."""
    pytest.importorskip("numba")
    tv2sim("run", CATALOGUE, "--engine", "kernel")
    tv2sim("compare", CATALOGUE, "--replications", "2", "--engine", "kernel")


@pytest.mark.parametrize("command", [("run", "--log", "json"), ("run", "--runs", "3"), ("run", "--until", "9")])
def test_both_engines_print_the_same(command: tuple[str, ...]) -> None:
    name, *options = command
    one, other = (tv2sim(name, CATALOGUE, *options, "--engine", engine) for engine in ("kernel", "simpy"))
    assert (one.status, one.out, one.err) == (other.status, other.out, other.err)
    assert one.status == 0


def test_both_engines_compare_alike() -> None:
    how = ("compare", CATALOGUE, "--replications", "70", "--strategies", "2a,2c:9", "--engine")
    one, other = tv2sim(*how, "kernel"), tv2sim(*how, "simpy")
    assert one.out == other.out
    assert one.status == other.status == 0


def test_an_unknown_engine_gets_one_line() -> None:
    found = tv2sim("compare", CATALOGUE, "--engine", "fast")
    assert found.status == 2
    assert "invalid choice: 'fast'" in found.err
    assert found.err.count("\n") == 1


def test_engines_says_what_simulates_what_and_why() -> None:
    found = tv2sim("engines", CATALOGUE, "--strategies", "1,2c,2c:0")
    facts = [
        ("1: auto takes kernel; ", "can, by its lanes"),
        ("2c: auto takes kernel; ", "can, by its lanes"),
        ("2c:0: auto takes kernel; ", "can, by its stage", "a pool without publishers"),
    ]
    assert_facts(found.out.splitlines(), facts)
    assert found.out.count("because") == 1
    few = tv2sim("engines", CATALOGUE, "--strategies", "2c", "--replications", "10", "--until", "60")
    facts = [("2c: auto takes simpy; ", "can, by its events", "a cut-off, until")]
    assert_facts(few.out.splitlines(), facts)
    assert few.status == found.status == 0


def test_without_numba_engines_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tv2sim.engines.choice.find_spec", lambda name: None)
    found = tv2sim("engines", CATALOGUE, "--strategies", "2c")
    how = "pip install 'tv2sim[fast]'"
    facts = [("2c: auto takes simpy; ", "the kernel cannot", "needs numba", "not installed", how)]
    assert_facts(found.out.splitlines(), facts)


def test_all_kernels_can_be_compiled_ahead() -> None:
    tv2sim("engines", "--compile")
    found = tv2sim("engines", "--compile", CATALOGUE, "--strategies", "2c")
    assert found.status == 0
    *parts, explained = found.out.splitlines()
    names = ("lanes", "stream", "varied", "stage", "events", "coverage")
    assert parts == [f"{name}: compiled before" for name in names]
    assert explained.startswith("2c: auto takes kernel")
    assert found.err.startswith("tv2sim: compiled code is ")


def test_nothing_to_do_and_nothing_to_compile_get_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    found = tv2sim("engines")
    assert (found.status, found.err.count("\n")) == (2, 1)
    assert "--compile" in found.err
    monkeypatch.setattr("tv2sim.engines.choice.find_spec", lambda name: None)
    found = tv2sim("engines", "--compile")
    assert (found.status, found.err.count("\n")) == (2, 1)
    assert "pip install 'tv2sim[fast]'" in found.err
