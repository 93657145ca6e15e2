"""The report: what it says, that it needs nothing else, and that nothing in it is taken for markup."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import hashlib
import os
import re
import subprocess
import sys
import unicodedata
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

import tv2sim as tv
from tests.helpers.commands import CATALOGUE, SAMPLE, video
from tv2sim.experiments.conclusions import conclusion_of, cost, in_words, overall, verdict, with_on_time_rate
from tv2sim.experiments.verdicts import Judgement, dominated
from tv2sim.report.build import _environment, build_report, render
from tv2sim.report.caveats import Caveat, caveats
from tv2sim.report.charts import _answer, inline_svg

EVIL = "<script>alert(1)</script>\"'&$x_1$"


class Page(HTMLParser):
    """What the tests look at in a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._hidden = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._hidden = tag in ("style", "title")

    def handle_endtag(self, tag: str) -> None:
        self._hidden = False

    def handle_data(self, data: str) -> None:
        self.text += "" if self._hidden else data.replace("\N{NO-BREAK SPACE}", " ")

    def all(self, *names: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag in names]


@pytest.fixture(scope="module")
def catalogue() -> tv.Catalogue:
    return tv.read_catalogue(CATALOGUE)


@pytest.fixture(scope="module")
def study(catalogue: tv.Catalogue) -> tv.Comparison:
    return tv.compare(catalogue, replications=100, progress=False)


@pytest.fixture(scope="module")
def html(study: tv.Comparison) -> str:
    return build_report(study, command="tv2sim compare catalogue.jsonl --replications 100")


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def titles(study: tv.Comparison) -> list[str]:
    return list(caveats_in_words(study))


def caveats_in_words(study: tv.Comparison) -> dict[str, str]:
    """Return the text of each caveat by its title, as the page says them."""
    study = with_on_time_rate(study)
    html = render("caveats.html.j2", caveats=caveats(study))
    found = re.findall(r"<h3>(.*?)</h3>\s*<p>(.*?)</p>", html, re.DOTALL)
    return {Page(title).text: " ".join(Page(text).text.split()) for title, text in found}


# -- structure ---------------------------------------------------------------------------------------------


def test_it_begins_with_the_verdict_and_has_its_sections(page: Page, study: tv.Comparison) -> None:
    (world,) = study.worlds()
    conclusion = conclusion_of(Judgement(world))
    assert page.text.index(f"{conclusion.lead}{conclusion.basis}.") < 200
    for sentence in (cost(world), *conclusion.further):
        assert page.text.index(f"\n{sentence}\n") < 1000
    heads = [
        "Charts", "Caveats", "Appendix", "Differences from strategy 1", "Quantiles over all videos",
        "Other metrics", "What was simulated", "Reporting checklist (STRESS-DES)", "Provenance",
    ]  # fmt: skip
    places = [page.text.index(f"\n{head}\n", page.text.index("\nProvenance\n") + 1) for head in heads]
    assert places == sorted(places)


def test_the_contents_lead_to_every_section(html: str) -> None:
    (contents,) = re.findall(r"<nav.*?</nav>", html, re.DOTALL)
    listed = re.findall(r'href="#([^"]+)"', contents)
    sections = re.findall(r'<section aria-labelledby="([^"]+)"', html)
    assert listed == sections
    assert all(f' id="{section}"' in html for section in sections)


def test_the_first_table_has_the_main_metrics_and_the_strategies_in_words(html: str) -> None:
    table = Page(html[: html.index("<nav")]).text
    for said in (
        "Each video has its own publisher, started when the encoding starts.",
        "on-time rate (%)", "publisher-seconds (s)", "100 simulated replications",
    ):  # fmt: skip
        assert said in table
    assert "published too late" not in table


def test_strategies_that_differ_in_a_number_only_are_told_once() -> None:
    pools = [tv.PART_2C.replace(name=f"pool {size}", prewarmed=size) for size in (1, 8, 1200)]
    replaced = (
        "is started at time 0, and each one that takes a video is replaced; the pool serves videos first come, "
        "first served."
    )
    assert in_words([tv.PART_1, *pools]) == {
        "1": "Each video has its own publisher, started when the encoding ends.",
        "pool 1": f"A pool of 1 publisher {replaced}",
        "pool 8": f"A pool of 8 publishers {replaced}",
        "pool 1200": "A pool of 1,200 publishers …, as pool 8",
    }


def test_a_long_rule_can_be_unfolded() -> None:
    words: Any = _environment().get_template("words.html.j2").module
    short, medium, long = ("x " * count for count in (40, 60, 100))
    assert words.rule(short) == f'<small class="rule">{short}</small>'
    assert words.rule(medium) == f'<details><summary><small class="rule">{medium}</small></summary></details>'
    assert words.rule(long).startswith('<details class="long"><summary>')


@pytest.mark.full
def test_where_replications_hardly_differ_the_table_has_their_range(html: str) -> None:
    (table,) = re.findall(r'<table class="wide main cards">.*?</table>', html, re.DOTALL)
    text = " ".join(Page(table).text.split())
    assert "always 6 " in text
    assert re.search(r"800\.00 to 80\d\.\d\d ", text)
    assert "differ" not in text
    assert " differ)" not in html


def test_it_can_be_read_by_those_who_do_not_see_it(page: Page) -> None:
    assert page.all("html")[0]["lang"] == "en"
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all(head.get("scope") in ("col", "row", "rowgroup") for head in page.all("th"))
    charts = page.all("svg")
    assert len(charts) == len(page.all("figure")) == len(page.all("figcaption")) >= 9
    assert all(chart["role"] == "img" and chart["aria-label"] for chart in charts)


def test_it_needs_nothing_else_and_its_policy_allows_nothing_else(html: str, page: Page) -> None:
    assert not page.all("script", "link", "iframe", "object", "embed", "base", "form")
    for tag, attributes in page.tags:
        assert not {name for name in attributes if name.startswith("on")}, tag
        assert "style" not in attributes, tag
        for name in ("src", "href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:image/png;base64,")), attributes
    assert set(re.findall(r"url\((.)", html)) <= {"#"}
    assert "@import" not in html
    (policy,) = [meta["content"] for meta in page.all("meta") if meta.get("http-equiv")]
    (sheet,) = re.findall("<style>(.*?)</style>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )


def test_ids_are_unique_and_every_reference_has_one(html: str, page: Page) -> None:
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    wanted = set(re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', html))
    assert {one or other for one, other in wanted} <= set(ids)


def test_it_says_what_was_simulated(page: Page) -> None:
    for said in (
        "uniform(2, 6) s, 4 s on average",
        "up to 2 per second",
        "100 videos",
        "none: to the last video",
    ):
        assert said in page.text
    assert "pool: 10 publishers / 4 s mean start-up = 2.5 videos/s" in page.text
    assert "Each video has its own publisher, started when the encoding starts." in page.text


def test_every_field_of_a_scenario_is_shown_also_one_without_words_of_its_own(page: Page) -> None:
    table = page.text[page.text.index("\nScenario\n") : page.text.index("\nExpected load\n")]
    _heading, *rows = filter(None, table.split("\n"))
    assert len(rows) == len(dataclasses.fields(tv.Scenario))
    words: Any = _environment().get_template("words.html.j2").module
    assert words.setting("new_field", 3) == "3"


def test_the_checklist_is_complete(page: Page) -> None:
    for item in (
        "1.1", "1.2", "1.3", "2.1", "2.2", "2.3", "2.4", "2.5.1", "2.5.2", "2.5.3", "2.5.4", "2.5.5",
        "3.1", "3.2", "3.3", "3.4", "4.1", "4.2", "4.3", "5.1", "5.2", "5.3", "5.4", "6.1",
    ):  # fmt: skip
        assert f"\n{item} " in page.text


def test_the_provenance_is_complete(page: Page, catalogue: tv.Catalogue) -> None:
    digest = hashlib.sha256(b"".join(catalogue.lines())).hexdigest()
    provenance = page.text[page.text.index("\nProvenance\n") :]
    for said in (digest, f"tv2sim {tv.__version__}", f"numpy {np.__version__}", "Seed1", "0 to 99 of each"):
        assert said in provenance
    assert "tv2sim compare catalogue.jsonl --replications 100" in provenance


# -- names are text ----------------------------------------------------------------------------------------


@pytest.mark.full
def test_names_and_reasons_are_text_whatever_is_in_them() -> None:
    catalogue = tv.read_catalogue(
        [video(k, title=EVIL, encoding=1 + k % 3, timeout=4 + k % 5) for k in range(30)] + [{"id": EVIL}],
        name=EVIL,
    )
    strategies: list[tv.Strategy | str] = [
        "1",
        tv.PART_2C.replace(name=EVIL),
        tv.PART_2C.replace(name="‮日本\n\x00" + "x" * 90),
    ]
    study = tv.compare(catalogue, strategies, replications=5, progress=False, baseline=EVIL)
    html = build_report(study, command=EVIL)
    page = Page(html)
    assert "<script" not in html.lower()
    assert page.text.count(EVIL) > 10
    assert f"Command{EVIL}" in page.text


@pytest.mark.full
def test_no_control_character_or_direction_mark_reaches_the_page() -> None:
    marks = "\x1b]0;x\x07 \x9b31m \x7f \x08 \r " + "".join(map(chr, [0x61C, 0x200E, 0x200F]))
    marks += "".join(map(chr, [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]))
    catalogue = tv.read_catalogue(
        [video(k, title=f"T{k}{marks}", encoding=1 + k % 3) for k in range(30)] + [{"id": marks}, {marks: 1}],
        name=f"C{marks}",
    )
    strategies = [tv.PART_1, tv.PART_2C.replace(name=f"S{marks}")]
    html = build_report(tv.compare(catalogue, strategies, replications=5, progress=False), command=f"x {marks}")
    found = {character for character in html if unicodedata.category(character) in ("Cc", "Cf")}
    assert found == {"\n"}
    assert html.count(marks.encode("unicode_escape").decode()) > 5


def test_a_name_without_letters_can_be_written(tmp_path: Path) -> None:
    catalogue = tv.read_catalogue([video(1), video(2)], name="caf\udce9.jsonl")
    path = tv.compare(catalogue, ["1"], replications=2, progress=False).report(tmp_path / "r.html")
    assert path.read_bytes().count(b"caf&#56553;.jsonl") > 1


def test_an_svg_becomes_part_of_a_page() -> None:
    file = b"""<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"
        width="9pt" height="9pt" viewBox="0 0 9 9"><metadata/>
        <defs><style>*{x:y}</style><path id="p" d="M 1.23456 0"/></defs><!-- <script> -->
        <use xlink:href="#p" style="fill: #fff; opacity: 0.5" clip-path="url(#c)"/></svg>"""
    svg = inline_svg(file, "a", 'x "y" <z>')
    assert 'aria-label="x &quot;y&quot; &lt;z&gt;"' in svg
    assert '<path id="a-p" d="M 1.23 0" />' in svg
    for said in ('href="#a-p"', 'fill="#fff"', 'opacity="0.5"', 'clip-path="url(#a-c)"'):
        assert said in svg
    for gone in ("style", "script", "metadata", "width", "xmlns"):
        assert gone not in svg


# -- the same bytes ----------------------------------------------------------------------------------------


@pytest.mark.full
def test_the_same_bytes_in_another_process(tmp_path: Path) -> None:
    code = (
        "import sys, tv2sim as tv\n"
        "tv.compare(sys.argv[1], ['2a', '2c'], replications=5, progress=False).report(sys.argv[2], command='c')"
    )
    found = []
    for salt in ("1", "2"):
        path = tmp_path / f"{salt}.html"
        command = [sys.executable, "-c", code, str(CATALOGUE), str(path)]
        subprocess.run(command, check=True, env=os.environ | {"PYTHONHASHSEED": salt})
        found.append(path.read_bytes())
    assert found[0] == found[1]
    assert str(tmp_path).encode() not in found[0]


# -- the verdict -------------------------------------------------------------------------------------------


def test_verdict_of_a_better_strategy(study: tv.Comparison) -> None:
    (world,) = study.worlds()
    assert verdict(world) == (
        "Strategy 2c publishes the most: 99.0 % of videos in time (95 % interval 98.8 to 99.1 %, widened for "
        "the choice among 4). Against 2a (83.1 %): 15.8 percentage points more (15.1 to 16.6), for 92 "
        "publisher-seconds more. Against 1 (40.6 %, the baseline): 58.4 percentage points more (57.6 to 59.2), "
        "for 185 publisher-seconds more. Shown to publish less: 2b."
    )
    assert cost(world) == "Its cost: 800 publisher-seconds per run."


def test_verdict_takes_the_cheapest_that_is_not_shown_to_be_worse() -> None:
    """Pools of 13 to 15 fail in 2.4, 1.5 and 0.9 of 1,000 replications; one of 12 fails in 34."""
    pools = [f"2c:{size}" for size in range(11, 16)]
    (world,) = tv.compare(tv.generate_catalogue(), pools, replications=1000, progress=False).worlds()
    judgement = Judgement(world)
    assert (judgement.chosen, judgement.best) == ("2c:13", "2c:15")
    assert verdict(world).startswith(
        "Strategy 2c:13 is the cheapest that is not shown to publish less than the best: 99.9986 % of videos"
    )
    assert "Against 2c:15 (0.06 of 10,000 late): 0.1 of 10,000 more late" in verdict(world)
    assert "which may be chance, for 160 publisher-seconds fewer." in verdict(world)


def test_verdict_with_a_margin() -> None:
    """A pool of 12 is shown to publish less than one of 15: 2.6 of 10,000 videos; the margin is 10."""
    (world,) = tv.compare(
        tv.generate_catalogue(), ["2c:12", "2c:15"], replications=1000, margin=0.001, progress=False
    ).worlds()
    assert Judgement(world).chosen == "2c:12"
    assert "by more than 0.1 percentage points" in verdict(world)
    assert ", too little to matter, for 240 publisher-seconds fewer." in verdict(world)
    verdicts = {one.metric: one.verdict.value for one in world.compared}
    assert {verdicts[name] for name in ("published", "failed", "on_time_rate")} == {
        "no difference that matters"
    }
    assert verdicts["idle"] != "no difference that matters"
    with pytest.raises(
        tv.InputError, match="margin must be a finite number of at least 0 and at most 1, not 2"
    ):
        tv.compare(tv.generate_catalogue(2), ["1"], margin=2, replications=2)


def test_verdict_where_strategies_are_the_same(catalogue: tv.Catalogue) -> None:
    (world,) = tv.compare(catalogue, ["1", "2b"], replications=20, progress=False).worlds()
    assert verdict(world).startswith("Strategy 1 has the highest rate and is the cheapest: 4")
    assert verdict(world).endswith("Against 2b: as many in every replication, for as many publisher-seconds.")


def test_verdict_where_a_difference_may_be_chance(catalogue: tv.Catalogue) -> None:
    nearly = [tv.PART_2C.replace(name=f"pool of {size}", prewarmed=size) for size in (12, 13)]
    (world,) = tv.compare(catalogue, nearly, replications=100, progress=False).worlds()
    assert verdict(world).startswith("Strategy pool of 12 is the cheapest that is not shown to publish less")
    assert ", which may be chance, for 80 publisher-seconds fewer." in verdict(world)


def test_verdict_of_one_strategy_and_of_one_replication(catalogue: tv.Catalogue) -> None:
    (world,) = tv.compare(catalogue, ["2a"], replications=20, progress=False).worlds()
    assert verdict(world).endswith("Nothing else was simulated to compare it with.")
    (world,) = tv.compare(catalogue, ["1", "2c"], replications=1, progress=False).worlds()
    assert verdict(world).startswith(
        "One replication shows no difference; in it, strategy 2c publishes the most"
    )


def test_verdict_where_nothing_is_left_to_chance(catalogue: tv.Catalogue) -> None:
    scenario = tv.Scenario(startup_time=3)
    (world,) = tv.compare(catalogue, ["1", "2c:20"], scenario, replications=3, progress=False).worlds()
    assert verdict(world).startswith(
        "Strategy 2c:20 publishes the most: 100.0 % of videos in time, 0 of 10,000 late."
    )
    assert "may be chance" not in verdict(world)


class TestDomination:
    """A point is dominated if another is shown to be better in one, and is no worse in the other."""

    def test_a_pool_that_is_too_small_and_idles_less_is_not(self) -> None:
        study = tv.compare(tv.generate_catalogue(), ["2c:9", "2c:10"], replications=100, progress=False)
        assert dominated(list(study.strategies.values())) == [False, False]

    def test_a_late_start_is_by_an_early_one_only_where_it_is_shown(self) -> None:
        """All videos can wait for any publisher; in part 1 none is ever idle."""
        catalogue = tv.read_catalogue([video(k, encoding=3, timeout=9) for k in range(5)])
        study = tv.compare(catalogue, ["1", "2a", "2c"], replications=100, progress=False)
        assert dominated(list(study.strategies.values())) == [False, True, True]
        few = tv.compare(catalogue, ["1", "2a", "2c"], replications=2, progress=False)
        assert dominated(list(few.strategies.values())) == [False, False, False]


# -- caveats -----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_charts")
def test_no_caveat_where_none_applies() -> None:
    catalogue = tv.read_catalogue([video(k, encoding=2, timeout=7) for k in range(2)])
    study = tv.compare(catalogue, ["1"], replications=200, metrics=["published"], progress=False)
    assert titles(study) == []
    assert "No caveat applies" in build_report(study)


def test_caveat_of_figures_that_did_not_vary() -> None:
    catalogue = tv.read_catalogue([video(k, encoding=2, timeout=9) for k in range(100)])
    study = tv.compare(catalogue, ["1"], replications=100, progress=False)
    assert titles(study) == ["The same in every replication is not certainty"]


@pytest.mark.parametrize(
    ("replications", "expected"),
    [
        (1, ["One replication is an anecdote", "Too few replications for the p99"]),
        (29, ["Few replications", "Too few replications for the p99"]),
        (64, ["Too few replications for the p99"]),
        (65, []),
    ],
)
def test_caveats_of_too_few_replications(
    catalogue: tv.Catalogue, replications: int, expected: list[str]
) -> None:
    found = titles(tv.compare(catalogue, ["2c"], replications=replications, progress=False))
    assert found == [*expected, "Many encodings end at the same instant"]


@pytest.mark.parametrize(("prewarmed", "warned"), [(7, True), (8, True), (10, False)])
def test_caveat_of_a_pool_near_saturation(catalogue: tv.Catalogue, prewarmed: int, warned: bool) -> None:
    pool = tv.PART_2C.replace(name="pool", prewarmed=prewarmed)
    found = titles(tv.compare(catalogue, [pool], replications=2, progress=False))
    assert ("The pool of pool is near or beyond saturation" in found) is warned


def test_caveats_of_overload_rejected_lines_and_unfinished_videos() -> None:
    study = tv.compare(SAMPLE, ["2c"], tv.Scenario(encoders=2, until=5), replications=2, progress=False)
    found = titles(study)
    for said in (
        "The encoders are overloaded",
        "Lines of sample.jsonl were left out",
        "Not every video was finished",
    ):
        assert said in found


def test_caveat_of_videos_that_cannot_be_in_time() -> None:
    catalogue = tv.read_catalogue([video(1, encoding=5, timeout=3), video(2), video(3)])
    assert "1 video of records can never be in time" in titles(
        tv.compare(catalogue, ["1"], replications=2, progress=False)
    )


def test_caveat_of_a_precision_that_was_not_reached(catalogue: tv.Catalogue) -> None:
    for absolute, warned in ((1e-6, True), (50.0, False)):
        precision = tv.Precision("published", absolute=absolute)
        study = tv.compare(catalogue, ["1"], replications=4, precision=precision, progress=False)
        assert ("The precision that was asked for was not reached" in titles(study)) is warned


def test_caveat_of_a_pool_that_starts_cold() -> None:
    """The first video can wait for 3 s; a start-up takes longer with a probability of 3/4."""
    records = [video(0, encoding=0, timeout=3), *(video(k, encoding=1, timeout=20) for k in range(1, 4))]
    study = tv.compare(records, ["2c:2", "1"], replications=200, progress=False)
    found = caveats_in_words(study)["Most failures under 2c:2 are of the first video"]
    failures = int(study["2c:2"].frame["failed"].sum())
    assert (
        f"{failures} of {failures} failures in all replications are of video v0, the first to be served"
        in found
    )
    assert "the video is late if no publisher is ready 3 s after it" in found
    assert "The probability of that is 0.75 for one publisher and 0.56 for all 2." in found


def test_caveat_of_encodings_that_end_together() -> None:
    together = [video(k, encoding=1 + k % 2 * 0.25, timeout=9) for k in range(8)]
    study = tv.compare(together, ["2c"], tv.Scenario(requests_per_second=4), replications=70, progress=False)
    found = caveats_in_words(study)["Many encodings end at the same instant"]
    assert "6 of 8 videos become ready" in found
    assert "Many encodings" not in "".join(titles(tv.compare(together, ["1"], replications=70, progress=False)))


def test_caveat_of_numbers_of_encoders_that_differ() -> None:
    """One encoder, 2 s each: the second video waits for 2 s, the third for 1.5 s more than it would."""
    records = [video(k, encoding=2, timeout=9) for k in range(3)]
    study = tv.compare(records, ["1", "2a"], {"encoders": [1, 3]}, replications=2, progress=False)
    found = caveats_in_words(study)["The clock starts with the encoding"]
    assert "In one run it waits 3 s with 1 encoder and 0 s with 3 encoders" in found


def test_every_kind_of_caveat_has_words() -> None:
    words = _environment().get_template("caveat.html.j2").module
    assert [kind.__name__ for kind in get_args(Caveat) if not hasattr(words, kind.__name__)] == []


# -- several worlds, other figures, and the file -----------------------------------------------------------


def test_several_catalogues_and_scenarios() -> None:
    study = tv.compare(
        {"a": SAMPLE, "b": SAMPLE}, ["1", "2c"], {"encoders": [5, 10]}, replications=3, progress=False
    )
    page = Page(build_report(study))
    for name in ("a, encoders=5", "a, encoders=10", "b, encoders=5", "b, encoders=10"):
        # the verdict, the results, the differences, the quantiles, the other metrics in two parts, the load
        assert page.text.count(f"\n{name}") == 7
    assert len(page.all("svg")) == 3
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


@pytest.mark.usefixtures("no_charts")
def test_a_grid_says_in_a_table_what_to_take_in_each_world(catalogue: tv.Catalogue) -> None:
    """With a slow client and 10 encoders a pool of 10 has time enough, so that one of 12 is not worth it."""
    grid = {"encoders": [4, 10], "requests_per_second": [0.5, 2]}
    study = tv.compare(catalogue, ["2c", "2c:12"], grid, replications=200, progress=False)
    judgements = [Judgement(world) for world in study.worlds()]
    assert [judgement.chosen for judgement in judgements] == ["2c", "2c", "2c", "2c:12"]
    says = "It depends on the world which one to take: strategy 2c in 3 of 4 worlds and 2c:12 in 1"
    assert overall(judgements) == says
    html = build_report(study)
    (table,) = re.findall(r'<table class="choices.*?</table>', html, re.DOTALL)
    rows = [" ".join(Page(row).text.split()) for row in re.findall(r"<tr>.*?</tr>", table, re.DOTALL)]
    assert len(rows) == 1 + 4
    assert rows[4].startswith("encoders=10, requests_per_second=2 2c:12 99.9")
    assert "2c: +1.0" in rows[4]
    assert "for 160 publisher-seconds more" in rows[4]
    assert "2c:12: 0.000 ± 0.026 points which may be chance, for 618 publisher-seconds fewer" in rows[1]
    assert says in Page(html).text


@pytest.mark.full
def test_a_grid_does_not_repeat_charts_and_words() -> None:
    small = tv.compare(SAMPLE, ["1", "2c"], {"encoders": [5, 10]}, replications=3, progress=False)
    large = tv.compare(SAMPLE, ["1", "2c"], {"encoders": [*range(5, 13)]}, replications=3, progress=False)
    one, other = (Page(build_report(study)) for study in (small, large))
    assert len(one.all("svg")) == len(other.all("svg")) == 3
    assert len(one.all("table")) == len(other.all("table"))
    assert len(other.text) < 2.5 * len(one.text)


@pytest.mark.parametrize(
    ("strategies", "first"),
    [
        (["1", "2a", "2c"], "rates"),
        (["2c:8", "2c:9", "2c:10"], "sweep-on_time_rate"),
        (["2c:8", "2c:9"], "rates"),
    ],
)
def test_the_first_chart_is_a_sweep_if_there_is_one(strategies: list[str], first: str) -> None:
    study = tv.compare(SAMPLE, strategies, replications=3, progress=False)
    assert next(_answer(study)).name == first


@pytest.mark.usefixtures("no_charts")
def test_title_author_date_and_notes_are_text(study: tv.Comparison) -> None:
    notes = f"It took 3 s\non 2 cores.\n \n{EVIL}"
    date = datetime.date(2026, 2, 3)
    html = build_report(study, title=f"Pools {EVIL}", author="A. B.", date=date, notes=notes)
    page = Page(html)
    assert "<script" not in html
    (title,) = re.findall("<h1>(.*?)</h1>", html)
    assert Page(title).text == f"Pools {EVIL}"
    assert (
        "\nA. B., 2026-02-03 · Publishing strategies 1, 2a, 2b and 2c compared on catalogue.jsonl\n"
        in page.text
    )
    assert re.search(r"<p>It took 3 s\non 2 cores.</p>\n<p>&lt;script", html)
    assert "what its author says of them is in “Notes”" in page.text
    with pytest.raises(tv.InputError, match="title must be a text, not 5"):
        build_report(study, title=5)
    with pytest.raises(tv.InputError, match="notes must be a text"):
        build_report(study, notes=date)


def test_there_is_no_date_unless_it_is_given(html: str) -> None:
    assert "byline" not in html[html.index("<body>") :]
    assert str(datetime.date.today()) not in html


@pytest.mark.usefixtures("no_charts")
def test_videos_by_a_column(catalogue: tv.Catalogue) -> None:
    study = tv.compare(catalogue, ["1", "2c"], replications=20, progress=False)
    page = Page(build_report(study, by="provider"))
    table = page.text[page.text.index("\nVideos by provider\n", page.text.index("\nDifferences")) :]
    table = " ".join(table[: table.index("Other metrics")].split())
    for row in study["2c"].by("provider").to_dict("records"):
        found = re.search(rf"{row['group']} {row['videos']} .*? 99 %: .*? s ([0-9.]+) .*? 99 %: (\S+) s", table)
        assert found is not None, row["group"]
        assert float(found[1]) == pytest.approx(100 * row["on_time_rate"], abs=0.06)
        assert found[2] == f"{row['lateness_99']:.2f}".replace("-", "−")
    with pytest.raises(tv.InputError, match="'studio'"):
        build_report(study, by="studio")


@pytest.mark.usefixtures("no_charts")
def test_only_the_largest_of_many_groups_are_shown() -> None:
    """Providers P0 to P4 have two videos each, and of 40 others with one 35 are shown."""
    catalogue = tv.read_catalogue([video(k) | {"provider": f"P{k % 45}"} for k in range(50)])
    study = tv.compare(catalogue, ["1"], replications=2, progress=False)
    text = Page(build_report(study, by="provider")).text
    assert sum(f"\nP{k}\n" in text for k in range(45)) == 40
    assert all(f"\nP{k}\n" in text for k in range(5))
    assert "and 5 smaller groups" in text


def test_quantiles_say_what_they_rest_on(study: tv.Comparison, page: Page) -> None:
    section = page.text[page.text.index("\nQuantiles over all videos\n", page.text.index("\nAppendix\n\n")) :]
    rows = section[section.index("replications") :].replace(",", "").split()
    found = study["1"].quantile("elapsed", 0.5)
    assert found.replications == 100
    at = rows.index("1")
    assert rows[at + 1] == f"{found.value:.2f}"
    assert "100" in rows[at : at + 40]


@pytest.mark.usefixtures("no_charts")
def test_quantiles_where_nothing_is_random_and_where_videos_are_unfinished(catalogue: tv.Catalogue) -> None:
    still = tv.compare(catalogue, ["1"], tv.Scenario(startup_time=4), replications=5, progress=False)
    assert not re.search(r"\bnan\b", Page(build_report(still)).text)
    cut = tv.compare(catalogue, ["1"], tv.Scenario(until=30), replications=5, progress=False)
    section = Page(build_report(cut)).text.split("\nQuantiles over all videos\n")[-1]
    assert section.index("∞") < section.index("Other metrics")
    single = tv.compare(catalogue, ["2c"], replications=1, progress=False)
    assert not re.search(r"\bnan\b", Page(build_report(single)).text)


@pytest.mark.usefixtures("no_charts")
def test_quantiles_that_cannot_be_repeated_are_not_made_up(catalogue: tv.Catalogue) -> None:
    class Late(tv.Strategy):
        def start_delay(self, video: tv.Video) -> float:
            return 3.0

    study = tv.compare(catalogue, [Late(starts_on="encoded", dedicated=True)], replications=3, progress=False)
    saved = tv.Comparison.from_dict(study.to_dict())
    assert (
        "Not known: the replications under strategy 'Late' cannot be repeated" in Page(build_report(saved)).text
    )


@pytest.mark.usefixtures("no_charts")
@pytest.mark.full
def test_the_margin_is_shown_where_it_matters(catalogue: tv.Catalogue) -> None:
    study = tv.compare(catalogue, ["2c:12", "2c:15"], replications=100, margin=0.01, progress=False)
    text = " ".join(Page(build_report(study)).text.split())
    assert "differences of the on-time rate of up to 1 percentage points do not matter" in text
    assert "within ± 1 percentage points" in text
    assert "no difference that matters" in text


@pytest.mark.usefixtures("no_charts")
@pytest.mark.parametrize(
    ("startup", "said"),
    [
        ("uniform(2, 6)", "uniform(2, 6) s, as in the system that is modelled, whose publisher takes 2 to 6 s"),
        ("gamma(2, 2)", "gamma(2, 2) s, an assumption of this study."),
    ],
)
def test_the_checklist_says_where_start_up_times_come_from(startup: str, said: str) -> None:
    study = tv.compare(SAMPLE, ["1"], tv.Scenario(startup_time=startup), replications=2, progress=False)
    assert said in " ".join(Page(build_report(study)).text.split())


@pytest.mark.usefixtures("no_charts")
def test_the_checklist_says_how_the_number_of_replications_was_chosen(
    catalogue: tv.Catalogue, page: Page
) -> None:
    assert "a number that was chosen beforehand" in page.text
    precision = tv.Precision("published", absolute=50.0)
    study = tv.compare(catalogue, ["1"], replications=200, precision=precision, progress=False)
    text = Page(build_report(study)).text
    assert "as many as a precision that was asked for needed" in text
    assert "The precision was met after 100 replications" in text


@pytest.mark.full
def test_figures_that_were_not_asked_for_do_no_harm(catalogue: tv.Catalogue) -> None:
    study = tv.compare(catalogue, ["1", "2c"], replications=5, metrics=["makespan"], progress=False)
    assert "Strategy 2c publishes" in build_report(study)
    assert study.metrics == ("makespan",)


@pytest.mark.usefixtures("no_charts")
def test_a_part_of_a_comparison_is_reported_as_the_whole_judges_it(catalogue: tv.Catalogue) -> None:
    study = tv.compare(
        catalogue, ["1", "2c"], {"encoders": [5, 10]}, replications=5, metrics="makespan", progress=False
    )
    page = build_report(study.select(scenario="encoders=5"))
    assert "Strategy 2c publishes" in page
    assert "encoders=10" not in page
    with pytest.raises(tv.InputError, match="a report needs the baseline, '1'"):
        study.select(strategy="2c").report("never.html")


def test_a_number_is_no_path(study: tv.Comparison) -> None:
    with pytest.raises(tv.InputError, match="path must be a path, not 5"):
        study.report(5)  # type: ignore[arg-type]


def test_what_cannot_be_written_is_said_in_a_sentence(study: tv.Comparison, tmp_path: Path) -> None:
    with pytest.raises(tv.OutputError, match="cannot write"):
        study.report(tmp_path / "missing" / "r.html")
    with pytest.raises(tv.OutputError, match="not a file"):
        study.report(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.full
def test_the_verdict_claims_nothing_that_a_table_with_another_baseline_denies() -> None:
    """Pools of 12 and 14 differ in 4 of 100 replications, by one video each: p = 0.045 before adjustment."""
    pools = [tv.PART_2C.replace(name=f"pool {size}", prewarmed=size) for size in (10, 12, 14)]
    catalogue = tv.generate_catalogue()
    table = tv.compare(catalogue, pools, replications=100, baseline="pool 12", progress=False).differences
    rate = table[(table["metric"] == "on_time_rate") & (table["strategy"] == "pool 14")]
    assert rate["verdict"].tolist() == ["no difference shown"]
    study = tv.compare(catalogue, pools, replications=100, baseline="pool 10", progress=False)
    says = verdict(study)
    assert says.startswith("Strategy pool 12 is the cheapest that is not shown to publish less than the best")
    assert "Against pool 14" in says
    assert "which may be chance" in says


# -- a wider world ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_charts")
def test_what_a_scenario_adds_is_said_in_words() -> None:
    catalogue = tv.generate_catalogue(10)
    failing = tv.Scenario(faults=tv.Faults(startup=0.1), hand_over=tv.RetryLater(1), encoders=2)
    both = {"usual": tv.Scenario(), "failing": failing}
    usual, one, several = (
        build_report(tv.compare(catalogue, ["1"], scenario, replications=2))
        for scenario in (None, failing, both)
    )
    assert "To this" not in usual
    assert "<li>Start-ups may fail.</li>" in one
    assert "<li>Encoders die" not in one
    assert "<li>failing: Start-ups may fail.</li>" in several
    assert "Besides: If no encoder is free, a video is refused" in one


@pytest.mark.usefixtures("no_charts")
def test_what_a_catalogue_adds_is_said_in_words() -> None:
    clip = {"encodingTime": 1, "publicationTimeout": 9, "id": "a"}
    usual, slow = (tv.read_catalogue([clip | more]) for more in ({}, {"publishingTime": 2}))
    takes_time = "Publishing takes time, for which a publisher is busy."
    for catalogues, said in (
        ({"slow": slow}, takes_time),
        ({"slow": slow, "usual": usual}, f"slow: {takes_time}"),
        ({"usual": usual}, None),
    ):
        page = build_report(tv.compare(catalogues, ["1"], replications=2))
        assert ("Publishing takes time" in page) == (said is not None)
        assert said is None or f"<li>{said}</li>" in page
