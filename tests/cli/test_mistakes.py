"""What the command says of words that are nearly right: one line that names what was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.commands import CATALOGUE, tv2sim


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("comapre FILE", "there is no command 'comapre' (generate, .*): did you mean compare?"),
        ("xyz", "there is no command 'xyz' (generate, .*verify) (see tv2sim --help)"),
        ("--verson", "there is no option --verson: did you mean --version?"),
        ("compare FILE --strategis 2a", "compare: there is no option --strategis: did you mean --strategies?"),
        ("compare FILE --repications=3", "there is no option --repications: did you mean --replications?"),
        ("plan --targt 99%", "tv2sim plan: there is no option --targt: did you mean --target?"),
        ("compare FILE --strategies 2a 2c", "have commas between them: --strategies 2a,2c"),
        ("compare --strategies 2a 2c:8 FILE", "commas between them: --strategies 2a,2c:8 "),
        ("engines --strategies 1 2a 2c FILE", "commas between them: --strategies 1,2a,2c "),
        ("plan --strategy 2a 2c FILE", "commas between them: --strategy 2a,2c "),
        ("compare FILE --encoders 4 8", "commas between them: --encoders 4,8 "),
        ("compare --strategies 2a missing", "cannot read the catalogue 'missing'"),
        ("run FILE --strategy 2c other", "unrecognized arguments: other"),
        ("run FILE --engine kernl", "'kernl' (choose from auto, simpy, kernel): did you mean kernel?"),
        ("run FILE --format parqet", "did you mean parquet?"),
        ("plan FILE --target 99.9", "at most 1, not 99.9: did you mean 0.999 (99.9%)?"),
        ("plan FILE --confidence 95", "at most 1, not 95.0: did you mean 0.95 (95%)?"),
        ("run FILE --strategy adaptve", "did you mean adaptive?"),
        ("run FILE --strategy gitlab_runer(idle_count=3)", "did you mean gitlab_runner?"),
        ("run FILE --startup-time [2,6]", "did you mean uniform(2, 6)?"),
        ("run FILE --strategy " + "x" * 10**6, "a strategy is one of"),
    ],
)  # fmt: skip
def test_one_line_says_what_was_meant(call: str, said: str) -> None:
    found = tv2sim(*(CATALOGUE if word == "FILE" else word for word in call.split(" ")))
    assert (found.status, found.out, found.err.count("\n")) == (2, "", 1)
    assert len(found.err) < 5000
    place = 0
    for part in said.split(".*"):
        place = found.err.index(part, place) + len(part)


def test_what_is_right_is_no_mistake(tmp_path: Path) -> None:
    """An abbreviation, a negative number, a blank in a value, and a second catalogue after a list."""
    assert "99.9%" not in tv2sim("plan", CATALOGUE, "--targ", "-1").err
    other = tmp_path / "other"
    other.write_bytes(CATALOGUE.read_bytes())
    found = tv2sim("compare", "--replicat", 2, "--strategies", "2a", CATALOGUE, other, "--margin", "0")
    assert (found.status, found.err) == (0, "")
