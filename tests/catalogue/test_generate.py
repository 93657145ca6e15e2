"""Generated catalogues: the shipped one, the mix of a real day, and the same bytes for the same command."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tv2sim as tv
from tv2sim.catalogue import generate_lines

ROOT = Path(__file__).parents[2]
REAL = ROOT.parent / "shared" / "data" / "tv2-video-metadata-ingest.txt"

TABLE = """
    enc  2  3  4  5  6  7  8  9 10 11 12
    1    4  6  6  4  3  7  0  0  0  0  0
    2    0 10  2  1  1  4  9  0  0  0  0
    3    0  0  7  4  4  4  4  4  0  0  0
    4    0  0  0  1  6  5  2  4  7  0  0
    5    0  0  0  0  5  3  1  5  0  1  0
    6    0  0  0  0  0  8  3  7  5  2  5
"""
HEADER, *ROWS = (line.split() for line in TABLE.strip().splitlines())
MEASURED = Counter(
    {
        (float(row[0]), float(timeout)): int(count)
        for row in ROWS
        for timeout, count in zip(HEADER[1:], row[1:], strict=True)
        if count != "0"
    }
)
"""Videos of a real day by encoding time and publication timeout."""


def mix(catalogue: tv.Catalogue) -> Counter[tuple[float, float]]:
    return Counter(zip(catalogue.encoding_time.tolist(), catalogue.publication_timeout.tolist(), strict=True))


def generated(videos: int = 154, seed: int = 20) -> bytes:
    return b"".join(generate_lines(videos, seed=seed))


def test_the_table_is_complete() -> None:
    assert MEASURED.total() == 154
    assert len(MEASURED) == 35


# -- the shipped and the real catalogue --------------------------------------------------------------------


def test_the_shipped_catalogue_is_the_generators() -> None:
    assert generated() == (ROOT / "data" / "catalogue.jsonl").read_bytes()


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(ROOT / "data" / "catalogue.jsonl", id="shipped"),
        pytest.param(
            REAL, id="real", marks=pytest.mark.skipif(not REAL.exists(), reason="no real catalogue here")
        ),
    ],
)
def test_a_catalogue_of_a_day_has_the_measured_mix(path: Path) -> None:
    catalogue = tv.read_catalogue(path)
    assert len(catalogue) == 154
    assert catalogue.rejected == ()
    assert mix(catalogue) == MEASURED


def test_nothing_of_the_real_catalogue_is_shipped() -> None:
    if not REAL.exists():
        pytest.skip("no real catalogue here")
    real, shipped = tv.read_catalogue(REAL), tv.read_catalogue(ROOT / "data" / "catalogue.jsonl")
    assert not set(real.ids) & set(shipped.ids)
    assert not set(real.titles) & set(shipped.titles)
    assert not set(real.providers) & set(shipped.providers)


# -- the mix -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1, 20, 2**63, 2**64 - 1])
def test_every_seed_has_exactly_the_measured_mix(seed: int) -> None:
    assert mix(tv.generate_catalogue(seed=seed)) == MEASURED


@pytest.mark.parametrize("days", [2, 7, 100])
def test_several_days_have_exactly_several_times_the_mix(days: int) -> None:
    assert mix(tv.generate_catalogue(154 * days)) == {pair: days * count for pair, count in MEASURED.items()}


@pytest.mark.parametrize("videos", [1, 2, 40, 153, 155, 200, 1000, 10_000])
def test_any_number_of_videos_has_nearly_the_mix(videos: int) -> None:
    catalogue = tv.generate_catalogue(videos)
    assert len(catalogue) == videos
    counts = mix(catalogue)
    assert counts.keys() <= MEASURED.keys()
    for pair, of_a_day in MEASURED.items():
        assert abs(counts[pair] - of_a_day * videos / 154) <= of_a_day


def test_the_part_of_a_day_is_drawn_at_random() -> None:
    """One video of a one-video catalogue is of each kind about as often as in the mix."""
    counts = Counter[tuple[float, float]]()
    for seed in range(1000):
        counts += mix(tv.generate_catalogue(1, seed=seed))
    assert counts.keys() <= MEASURED.keys()
    chi_squared = sum((counts[pair] - (e := 1000 * of / 154)) ** 2 / e for pair, of in MEASURED.items())
    assert chi_squared < 65.2  # of 34 degrees of freedom: exceeded by one seed in a thousand


def test_the_order_is_random() -> None:
    """Neither sorted nor periodic: what follows upon a kind of video is of any kind."""
    encoding = tv.generate_catalogue(15_400).encoding_time
    centred = encoding - encoding.mean()
    for lag in (1, 2, 3, 4, 154):
        correlation = float(np.mean(centred[lag:] * centred[:-lag]) / np.var(encoding))
        assert abs(correlation) < 4 / np.sqrt(len(encoding))
    days = encoding.reshape(100, 154).mean(axis=1)
    assert np.ptp(days) > 0.1, "days are mixed with one another, not each of the exact mix"


# -- the same command, the same bytes ----------------------------------------------------------------------


def command(*options: str) -> bytes:
    return subprocess.run(
        [sys.executable, "-m", "tv2sim", "generate", *options], cwd=ROOT, capture_output=True, check=True
    ).stdout


def test_the_same_call_gives_the_same_bytes() -> None:
    assert generated(1000, 7) == generated(1000, 7)
    np.random.default_rng(1).random()  # whatever else is drawn in between
    assert tv.generate_catalogue(1000, seed=7) == tv.generate_catalogue(1000, seed=7)


def test_the_same_command_gives_the_same_bytes(tmp_path: Path) -> None:
    assert command() == (ROOT / "data" / "catalogue.jsonl").read_bytes()
    assert command("--videos", "1000", "--seed", "7") == generated(1000, 7)
    path = tmp_path / "generated.jsonl"
    command("--videos", "1000", "--seed", "7", "--out", str(path))
    assert path.read_bytes() == generated(1000, 7)


def test_seeds_differ() -> None:
    seeds = (0, 1, 20, 21, 2**63 - 1, 2**63, 2**63 + 1, 2**64 - 2, 2**64 - 1)
    catalogues = [tv.generate_catalogue(seed=seed) for seed in seeds]
    for one, other in pairwise(catalogues):
        assert not set(one.ids) & set(other.ids)
        assert one.encoding_time.tolist() != other.encoding_time.tolist()
        assert one.titles != other.titles


def test_the_default_is_154_videos_of_seed_20() -> None:
    assert tv.generate_catalogue() == tv.generate_catalogue(154, seed=20)
    assert tv.generate_catalogue() == tv.read_catalogue(ROOT / "data" / "catalogue.jsonl")


@pytest.mark.parametrize("chunk", [4, 64, 512])
def test_lines_do_not_depend_on_the_chunk_size(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = generated(1001, 7)
    monkeypatch.setattr("tv2sim.catalogue.generating._CHUNK", chunk)
    assert generated(1001, 7) == whole


def test_lines_beyond_a_chunk_go_on_as_before() -> None:
    catalogue = tv.generate_catalogue(70_000)
    assert len(catalogue) == len(set(catalogue.ids)) == 70_000
    assert catalogue.rejected == ()
    assert not set(catalogue.titles[65_536:]) <= set(catalogue.titles[:154])
    counts = Counter(catalogue.titles[65_536:])
    assert counts.most_common(1)[0][1] < 100


# -- what a line holds -------------------------------------------------------------------------------------


def test_lines_are_json_in_the_original_format() -> None:
    data = generated(1000)
    assert data.endswith(b"\n")
    assert b"\r" not in data
    for line in data.decode("utf-8").splitlines():
        record = json.loads(line)
        assert list(record) == ["id", "title", "provider", "encodingTime", "publicationTimeout"]
        assert type(record["encodingTime"]) is int
        assert json.dumps(record, ensure_ascii=False, separators=(",", ":")) == line


def test_ids_are_distinct_uuids_of_version_4() -> None:
    ids = tv.generate_catalogue(10_000).ids
    assert len(set(ids)) == 10_000
    for text in ids:
        parsed = uuid.UUID(text)
        assert str(parsed) == text
        assert parsed.version == 4
        assert parsed.variant == uuid.RFC_4122


def test_the_random_digits_of_ids_are_uniform() -> None:
    """Of 32 digits two are version and variant; each of the others is each of 16 about equally often."""
    ids = [text.replace("-", "") for text in tv.generate_catalogue(16_000).ids]
    for place in range(32):
        counts = Counter(text[place] for text in ids)
        kinds = {12: 1, 16: 4}.get(place, 16)
        assert len(counts) == kinds
        expected = 16_000 / kinds
        assert all(abs(count - expected) < 5 * np.sqrt(expected) for count in counts.values())


def test_titles_are_varied_and_their_letters_danish() -> None:
    catalogue = tv.generate_catalogue(1000)
    assert len(set(catalogue.titles)) > 800
    assert len(set(catalogue.providers)) > 1
    assert all(title.isprintable() and title.strip() == title != "" for title in catalogue.titles)
    assert {"æ", "ø", "å"} <= set("".join(catalogue.titles).lower())


def test_the_name_says_how_it_was_made() -> None:
    assert tv.generate_catalogue(10, seed=3).name == "generated (10 videos, seed 3)"


# -- bad arguments -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("videos", [0, -1, 2.0, "10", None, True])
def test_the_number_of_videos_is_a_positive_whole_number(videos: Any) -> None:
    words = f"videos must be a whole number of at least 1 and at most 1000000000, not {videos!r}"
    with pytest.raises(tv.CatalogueError, match=words):
        tv.generate_catalogue(videos)
    with pytest.raises(tv.CatalogueError, match=words):
        generate_lines(videos)  # at once, not when the first line is taken


@pytest.mark.parametrize("seed", [-1, 2**64, 1.5, "20", None, False])
def test_the_seed_is_a_whole_number_of_64_bits(seed: Any) -> None:
    words = f"seed must be a whole number of at least 0 and at most 18446744073709551615, not {seed!r}"
    with pytest.raises(tv.CatalogueError, match=words):
        generate_lines(seed=seed)


def test_numpys_whole_numbers_will_do() -> None:
    assert b"".join(generate_lines(np.int64(10), seed=np.uint64(3))) == generated(10, 3)  # type: ignore[arg-type]
