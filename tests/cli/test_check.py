"""``tv2sim check`` and ``tv2sim generate``."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import tv2sim as tv
from tests.helpers.commands import (
    CATALOGUE,
    SAMPLE,
    Json,
    is_one_line,
    lines_of,
    start,
    tv2sim,
    video,
    write_catalogue,
)

MEASURED = """
    2   3   4   5   6   7   8   9  10  11  12
1   4   6   6   4   3   7   0   0   0   0   0
2   0  10   2   1   1   4   9   0   0   0   0
3   0   0   7   4   4   4   4   4   0   0   0
4   0   0   0   1   6   5   2   4   7   0   0
5   0   0   0   0   5   3   1   5   0   1   0
6   0   0   0   0   0   8   3   7   5   2   5
"""


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ENCODERS", raising=False)


def numbers(line: str) -> list[float]:
    """Return the numbers in a line."""
    return [float(number) for number in re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.]\d)", line)]


def line_with(out: str, words: str) -> str:
    """Return the one line that has these words."""
    (line,) = (line for line in lines_of(out) if words in line)
    return line


def line_of(out: str, name: str) -> str:
    """Return the one line that begins with a name."""
    (line,) = (line for line in lines_of(out) if re.match(rf"{name}  ", line))
    return line


def table(out: str) -> list[list[str]]:
    """Return the cells of the table of joint counts."""
    lines = lines_of(out)
    (start_of,) = (i for i, line in enumerate(lines) if "videos by encoding time" in line)
    return [line.split() for line in lines[start_of + 1 :]]


# -- check -------------------------------------------------------------------------------------------------


def test_check_counts_the_shipped_catalogue() -> None:
    status, out, err = tv2sim("check", CATALOGUE)
    assert (status, err) == (0, "")
    assert lines_of(out)[0] == "catalogue.jsonl: 154 videos, 0 lines rejected"
    assert numbers(line_of(out, "encoding time")) == [1, 6, 3.38, 520]
    assert numbers(line_of(out, "publication timeout")) == [2, 12, 6.77]
    assert numbers(line_of(out, "slack")) == [1, 6, 3.39]


def test_check_tells_the_load_that_a_catalogue_offers() -> None:
    out = tv2sim("check", CATALOGUE).out
    assert numbers(line_of(out, "requests")) == [154, 2, 76.5]
    assert line_with(out, "offered load") == (
        "offered load: 2 requests/s x 3.38 s encoding = 6.75 encoders' work, 68 % of each of 10"
    )
    assert "2 videos/s" in line_with(out, "arrivals at the publishing stage")
    assert "more than 8 publishers" in line_with(out, "a pool keeps up")


def test_check_warns_when_the_encoders_cannot_take_the_load() -> None:
    out = tv2sim("check", CATALOGUE, "--encoders", 5).out
    assert "68 % of each of 10" not in out
    assert "135 % of each of 5" in line_with(out, "offered load")
    assert "5 encoders cannot take 2 requests/s" in line_with(out, "warning")
    # 5 encoders of 3.3766 s a video pass on 1.48 videos/s, which keep 4 s x 1.48/s = 5.92 publishers busy
    assert "1.48 videos/s" in line_with(out, "arrivals at the publishing stage")
    assert "more than 5.92 publishers" in line_with(out, "a pool keeps up")


def test_check_honours_the_environment_and_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENCODERS", "20")
    out = tv2sim("check", CATALOGUE, "--requests-per-second", 4).out
    assert "4 requests/s" in line_with(out, "offered load")
    assert "68 % of each of 20" in line_with(out, "offered load")
    assert numbers(line_of(out, "requests")) == [154, 4, 38.25]


def test_check_shows_the_joint_counts() -> None:
    expected = [line.split() for line in MEASURED.strip().splitlines()]
    expected = [[cell if cell != "0" else "." for cell in row] for row in expected]
    assert table(tv2sim("check", CATALOGUE).out) == expected


def test_the_joint_counts_stand_below_their_timeouts() -> None:
    lines = lines_of(tv2sim("check", CATALOGUE).out)[-7:]
    assert len({len(line) for line in lines}) == 1
    assert lines[1].endswith(" .")


def test_check_of_many_distinct_times_shows_no_table(tmp_path: Path) -> None:
    many = [video(i, encoding=1 + i / 16, timeout=20 + i) for i in range(40)]
    status, out, _ = tv2sim("check", write_catalogue(tmp_path / "c.jsonl", many))
    assert status == 0
    assert "videos by encoding time" not in out


def test_check_counts_videos_that_cannot_make_it(tmp_path: Path) -> None:
    videos = [
        video(0, encoding=9, timeout=3),
        video(1, encoding=9.5, timeout=9),
        video(2, encoding=4, timeout=4),
    ]
    out = tv2sim("check", write_catalogue(tmp_path / "c.jsonl", videos)).out
    assert numbers(line_with(out, "never be published in time")) == [2]


def test_check_lists_what_is_rejected() -> None:
    status, out, err = tv2sim("check", SAMPLE)
    text = SAMPLE.read_text(encoding="utf-8").splitlines()
    assert (status, err) == (0, "")
    assert lines_of(out)[0] == "sample.jsonl: 10 videos, 2 lines rejected"
    assert lines_of(out)[1:3] == [
        f"  line 4: publicationTimeout must be greater than 0: {text[3]}",
        f"  line 9: no JSON: the line ends too early: {text[8]}",
    ]
    assert numbers(line_of(out, "encoding time")) == [1, 6, 4, 40]


def test_check_agrees_with_what_a_run_rejects(tmp_path: Path) -> None:
    lines: list[Json | str] = [video(0), "[]", video(0), video(1, timeout=0), '{"id": 7}', "\x1b[31m", video(2)]
    path = write_catalogue(tmp_path / "c.jsonl", lines)
    rejected = tv.read_catalogue(path).rejected
    listed = lines_of(tv2sim("check", path).out)[1:6]
    told = [re.fullmatch(r"  line (\d+): (.*): (.*)", line) for line in listed]
    assert [int(line[1]) for line in told if line] == [each.line for each in rejected] == [2, 3, 4, 5, 6]
    assert [each.reason in line for each, line in zip(rejected, listed, strict=True)] == [True] * 5


def test_check_escapes_what_a_terminal_would_obey(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    path.write_bytes(b'{"id":"v","title":"","provider":"","encodingTime":1,"publicationTimeout":2}\n'
                     b'\x1b[2J\x07\x00 \xc2\x9b31m \xe2\x80\xae no\rJSON \xff\n')  # fmt: skip
    status, out, _ = tv2sim("check", path)
    assert status == 0
    assert [line for line in lines_of(out) if not line.isprintable()] == []
    assert r"\x1b[2J\x07\x00 \x9b31m \u202e no\rJSON" in lines_of(out)[1]


def test_check_cuts_long_lines_at_200_characters(tmp_path: Path) -> None:
    path = write_catalogue(tmp_path / "c.jsonl", [video(0), "ø" * 300])
    assert lines_of(tv2sim("check", path).out)[1].endswith(": " + "ø" * 200)


@pytest.mark.parametrize(
    ("options", "listed"),
    [
        ([], 20),
        (["--rejected", 0], 0),
        (["--rejected", 3], 3),
        (["--rejected", 25], 25),
        (["--rejected", 99], 25),
    ],
)
def test_check_lists_no_more_than_asked_for(options: list[object], listed: int, tmp_path: Path) -> None:
    path = write_catalogue(tmp_path / "c.jsonl", [video(0), *(" " * n + "x" for n in range(25))])
    status, out, _ = tv2sim("check", path, *options)
    assert status == 0
    assert lines_of(out)[0] == "c.jsonl: 1 video, 25 lines rejected"
    told = [int(line[1]) for line in re.finditer(r"^  line (\d+): ", out, re.MULTILINE)]
    assert told == list(range(2, 2 + listed))
    more = re.search(r"^  and (\d+) more", out, re.MULTILINE)
    assert (int(more[1]) if more else 0) == 25 - listed


def test_a_reason_stands_once(tmp_path: Path) -> None:
    path = write_catalogue(tmp_path / "c.jsonl", [video(0), "no JSON", *["{}"] * 1500])
    status, out, _ = tv2sim("check", path, "--rejected", 2)
    assert status == 0
    assert lines_of(out)[1:3] == [
        "  1,500 lines, first line 3: the field id is missing: {}",
        "  line 2: no JSON: invalid character (byte 0): no JSON",
    ]
    assert "more" not in lines_of(out)[3]


TIMES = {"encodingTime": 2500, "publishingTime": 4000, "publicationTimeout": 9000}


@pytest.mark.parametrize(
    ("fields", "options", "asked"),
    [
        ({"encodingTime": 1000, "publicationTimeout": 1000}, [], []),
        (
            TIMES,
            [],
            ["encoding times is 2,500 s", "publishing times is 4,000 s", "publication timeouts is 9,000 s"],
        ),
        ({}, ["--startup-time", 4500], ["start-up times is 4,500 s"]),
        ({}, ["--publishing-time", 1500], ["publishing times is 1,500 s"]),
        ({"publicationTimeout": 3600}, ["--columns", "publicationTimeout=3600"], []),
    ],
)
def test_times_that_look_like_milliseconds_are_asked_about(
    fields: dict[str, object], options: list[object], asked: list[str], tmp_path: Path
) -> None:
    """A single long video is no reason to ask; what a mapping says is meant."""
    videos = [video(n) | (fields if n < 5 else {"encodingTime": 1e6}) for n in range(6)]
    path = write_catalogue(tmp_path / "c.jsonl", videos)
    status, out, err = tv2sim("check", path, *options)
    assert status == 0
    assert "c.jsonl: 6 videos" in out
    assert [line.partition("median of the ")[2] for line in err.splitlines()] == [
        f"{one}: are they in milliseconds? tv2sim takes seconds" for one in asked
    ]


def test_check_of_nothing_but_bad_lines_lists_them_and_fails(tmp_path: Path) -> None:
    path = write_catalogue(tmp_path / "c.jsonl", ["{}", "no JSON"])
    status, out, err = tv2sim("check", path)
    assert status == 2
    assert [line[:9] for line in lines_of(out)[1:]] == ["  line 1:", "  line 2:"]
    assert is_one_line(err)


def test_check_of_standard_input() -> None:
    status, out, _ = tv2sim("check", "-", stdin=SAMPLE.read_bytes())
    assert status == 0
    assert lines_of(out)[0] == "standard input: 10 videos, 2 lines rejected"
    assert lines_of(out)[1:] == lines_of(tv2sim("check", SAMPLE).out)[1:]


def test_check_of_a_pipe_finds_what_is_repeated() -> None:
    """Repeated ids take a second pass, which a pipe does not offer."""
    lines = CATALOGUE.read_bytes() * 2
    process = start("check", "-", "--rejected", "1", stdin=-1)
    out, err = process.communicate(lines, timeout=60)
    assert (process.returncode, err) == (0, b"")
    assert out.decode().splitlines()[0] == "standard input: 154 videos, 154 lines rejected"
    assert "was seen before, in line 1:" in out.decode().splitlines()[1]


# -- generate ----------------------------------------------------------------------------------------------


def test_generate_makes_the_shipped_catalogue() -> None:
    process = start("generate")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")
    assert out == CATALOGUE.read_bytes()


def test_generate_makes_what_is_asked_for() -> None:
    status, out, err = tv2sim("generate", "--videos", 500, "--seed", 7)
    assert (status, err) == (0, "")
    assert out.encode() == b"".join(tv.generate_catalogue(500, seed=7).lines()).replace(b".0,", b",").replace(
        b".0}", b"}"
    )
    assert out != tv2sim("generate", "--videos", 500, "--seed", 8).out


def test_what_generate_makes_is_a_catalogue(tmp_path: Path) -> None:
    assert tv2sim("generate", "--videos", 300, "--out", tmp_path / "c.jsonl").out == ""
    assert tv2sim("check", tmp_path / "c.jsonl").out.startswith("c.jsonl: 300 videos, 0 lines rejected\n")


def test_generate_writes_the_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    (tmp_path / "ordinary").write_text("")
    assert tv2sim("generate", "--out", path) == (0, "", "")
    assert path.read_bytes() == CATALOGUE.read_bytes()
    assert path.stat().st_mode == (tmp_path / "ordinary").stat().st_mode
    assert len(list(tmp_path.iterdir())) == 2


def test_generate_does_not_overwrite_unasked(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    path.write_text("years of work")
    status, out, err = tv2sim("generate", "--out", path)
    assert (status, out) == (2, "")
    assert is_one_line(err)
    assert str(path) in err
    assert "--force" in err
    assert path.read_text() == "years of work"
    assert tv2sim("generate", "--out", path, "--force").status == 0
    assert path.read_bytes() == CATALOGUE.read_bytes()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("earlier", [None, b"years of work"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), KeyboardInterrupt()],
                         ids=["full", "interrupted"])  # fmt: skip
def test_generate_writes_the_file_whole_or_not_at_all(
    error: BaseException, earlier: bytes | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def some_lines(*_: object, **__: object) -> Iterator[bytes]:
        yield b"{}\n" * 100_000
        raise error

    path = tmp_path / "c.jsonl"
    if earlier is not None:
        path.write_bytes(earlier)
    monkeypatch.setattr("tv2sim.cli.catalogues.generate_lines", some_lines)
    status, out, err = tv2sim("generate", "--out", path, "--force")
    assert (status, out) == (2 if isinstance(error, OSError) else 130, "")
    assert is_one_line(err)
    assert [each.read_bytes() for each in tmp_path.iterdir()] == ([] if earlier is None else [earlier])


@pytest.mark.parametrize("force", [[], ["--force"]], ids=["", "force"])
def test_generate_replaces_no_folder(force: list[str], tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    status, _, err = tv2sim("generate", "--out", tmp_path / "folder", *force)
    assert status == 2
    assert is_one_line(err)
    assert list(tmp_path.rglob("*")) == [tmp_path / "folder"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_generate_replaces_nothing_that_is_no_file(tmp_path: Path) -> None:
    """As root, ``--out /dev/null --force`` would otherwise put a file in the place of /dev/null."""
    os.mkfifo(tmp_path / "pipe")
    status, _, err = tv2sim("generate", "--out", tmp_path / "pipe", "--force")
    assert status == 2
    assert is_one_line(err)
    assert (tmp_path / "pipe").is_fifo()
    assert list(tmp_path.iterdir()) == [tmp_path / "pipe"]


def test_generate_follows_a_link(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "c.jsonl").write_text("an earlier one")
    (tmp_path / "link").symlink_to(tmp_path / "there" / "c.jsonl")
    assert tv2sim("generate", "--out", tmp_path / "link").status == 2
    assert tv2sim("generate", "--out", tmp_path / "link", "--force").status == 0
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "there" / "c.jsonl").read_bytes() == CATALOGUE.read_bytes()


def test_generate_into_a_folder_that_is_not_there(tmp_path: Path) -> None:
    status, _, err = tv2sim("generate", "--out", tmp_path / "none" / "c.jsonl")
    assert status == 2
    assert is_one_line(err)
    assert str(tmp_path / "none" / "c.jsonl") in err


def test_the_least_time_of_requests_is_that_of_the_submissions(tmp_path: Path) -> None:
    """Not that of a client that offers without a pause."""
    videos = [video(number) | {"submittedAt": 10 * number} for number in range(30)]
    out = tv2sim("check", write_catalogue(tmp_path / "submitted.jsonl", videos)).out
    assert line_of(out, "requests").split(maxsplit=1)[1] == "30 at 2/s, at least 290 s"
