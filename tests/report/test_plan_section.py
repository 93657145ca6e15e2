"""What the report says of a plan: of tiny systems whose answers are known."""

from __future__ import annotations

import re
from typing import Any

import pytest

import tv2sim as tv
from tests.experiments.test_plan import EVERY_SECOND, WARM, every_second
from tests.report.test_report import Page
from tv2sim.experiments.conclusions import name_of_answer, verdict
from tv2sim.report.build import _DECIDED_BY, build_report, plan_section
from tv2sim.report.charts import charts

# a publisher is away for 3 s, and a video comes every second: three places are enough; with fewer, only those
# are in time that the warm ones serve at the start


@pytest.fixture(scope="module")
def study() -> tv.Comparison:
    return tv.compare(every_second(), [WARM, "1"], EVERY_SECOND, replications=2, progress=False)


def plan(catalogue: tv.Catalogue | None = None, scenario: tv.Scenario = EVERY_SECOND, **how: Any) -> tv.Plan:
    asked: dict[str, Any] = {"vary": {"prewarmed": range(1, 7)}, "target": 1.0} | how
    return tv.plan(catalogue or every_second(), WARM, scenario, progress=False, **asked)


def head(html: str) -> str:
    """Return the text of the verdict, which is the first one of the page."""
    (found,) = re.findall('<section class="verdict".*?</section>', html, re.DOTALL)
    assert html.index(str(found)) < html.index("<table")
    return " ".join(Page(str(found)).text.split())


def section(html: str) -> str:
    (found,) = re.findall('<section aria-labelledby="plan">.*?</section>', html, re.DOTALL)
    return str(found)


@pytest.fixture(scope="module")
def html(study: tv.Comparison) -> str:
    return build_report(study, plan=plan())


def test_the_answer_and_what_it_rests_on(html: str) -> None:
    text = " ".join(Page(section(html)).text.split())
    assert text.startswith("How many publishers 2 candidates were looked at")
    assert "2 candidates were looked at and decided: 1 by bound and 1 by certificate. Nothing was" in text
    assert "right with a probability of at least 95 %" in text
    assert f"bound {_DECIDED_BY['bound']} certificate {_DECIDED_BY['certificate']} strategy" in text
    rows = re.findall("<tr>(.*?)</tr>", section(html), re.DOTALL)
    cells = [[cell.strip() for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)] for row in rows]
    assert cells[0] == [
        "strategy", "prewarmed", "on-time rate (%)", "idle (s)", "replications", "decided by", "decision",
    ]  # fmt: skip
    assert [[row[1], *row[3:]] for row in cells[1:]] == [
        ["2", "–", "0", "bound", "fails"],
        ["3", "–", "0", "certificate", "meets"],
    ]


def test_the_answer_is_the_verdict_and_nothing_contradicts_it(html: str) -> None:
    assert head(html) == (
        "prewarmed=3 is the smallest of 1 to 6 with which warm publishes all videos in time: 100 %; with "
        "prewarmed=2 it is at most 20.0 % (exact, without simulation). "
        "The answer of the plan is not among the strategies that were compared."
    )
    assert html.count("is the smallest of") == 1
    assert "publishes the most" not in html
    text = " ".join(Page(html).text.split())
    assert "The aim is the cheapest candidate that publishes 100 % of the videos in time." in text
    assert "is not shown to publish less" not in text


@pytest.fixture(scope="module")
def pools() -> tuple[tv.Comparison, tv.Plan]:
    """Of three pools the largest publishes the most, and the middle one is the cheapest that is enough."""
    names = ["2c:10", "2c:12", "2c:14"]
    study = tv.compare(tv.generate_catalogue(), names, replications=1000, progress=False)
    return study, tv.plan(tv.generate_catalogue(), names, target=0.999, progress=False)


@pytest.mark.usefixtures("no_charts")
def test_the_others_are_compared_with_the_strategy_of_the_plan(pools: tuple[tv.Comparison, tv.Plan]) -> None:
    study, plan = pools
    says = head(build_report(study, plan=plan))
    assert says.startswith("2c:12 publishes at least 99.9 % of the videos in time and is cheapest: 99.97")
    assert "Against 2c:14 (" in says
    assert "more late" in says
    assert "Against 2c:10 (98.9 %, the baseline): 1.0 percentage points more" in says
    assert "not among" not in says
    assert f"{verdict(study, plan)}".startswith(f"{plan.answer}. Against 2c:14")
    assert plan.replications
    assert "The plan's own figures are of other replications" in says
    assert verdict(study).startswith("Strategy 2c:14 publishes the most")


@pytest.mark.full
def test_the_charts_are_of_the_strategy_of_the_plan(pools: tuple[tv.Comparison, tv.Plan]) -> None:
    study, plan = pools
    captions = " ".join(chart.caption for chart in charts(study, name_of_answer(study, plan)))
    assert "Under strategy 2c:12" in captions
    assert "replication 0 of strategy 2c:12" in captions
    assert "of strategy 2c:14" not in captions


@pytest.mark.usefixtures("no_charts")
def test_an_answer_without_a_strategy_stands_alone(study: tv.Comparison) -> None:
    never = plan(vary={"prewarmed": [1, 2]})
    assert never.status == "infeasible"
    assert head(build_report(study, plan=never)) == f"{never.answer}."


def test_the_chart_and_the_place_of_the_section(html: str) -> None:
    first, *_ = Page(html).all("svg")
    assert "late videos against the idle time" in str(first["aria-label"])
    assert not Page(section(html)).all("svg")
    sections = re.findall(r'<section aria-labelledby="([^"]+)"', html)
    (contents,) = re.findall(r"<nav.*?</nav>", html, re.DOTALL)
    assert sections[0] == "plan"
    assert re.findall(r'href="#([^"]+)"', contents) == sections
    ids = re.findall(r' id="([^"]+)"', html)
    assert len(ids) == len(set(ids))


def test_the_provenance_has_the_call_that_makes_it_again(html: str) -> None:
    text = Page(html).text
    call = text[text.index("tv2sim.plan(") :].split("\n")[0]
    assert call == (
        "tv2sim.plan(catalogue, Strategy(name='warm', prewarmed=1, ready_at_start=True), scenario, "
        "vary={'prewarmed': range(1, 7)}, target=1.0, seed=1)"
    )
    names = {"tv2sim": tv, "Strategy": tv.Strategy, "catalogue": every_second(), "scenario": EVERY_SECOND}
    assert eval(call, names).answer == plan().answer


@pytest.mark.usefixtures("no_charts")
@pytest.mark.full
def test_a_pool_is_told_as_a_setting_of_products(study: tv.Comparison) -> None:
    pool = tv.plan(every_second(), "2c", EVERY_SECOND, target=0.5, progress=False)
    assert pool.best is not None
    said = section(build_report(study, plan=pool))
    assert f"<li>GitLab Runner: <code>IdleCount = {pool.best.prewarmed}</code></li>" in said


@pytest.mark.usefixtures("no_charts")
def test_simulation_is_told_with_its_replications(study: tv.Comparison) -> None:
    text = Page(section(build_report(study, plan=plan(control=False)))).text
    assert "3 replications were simulated for it in all." in text  # nothing is random: one of each


@pytest.mark.parametrize(
    ("how", "question"),
    [
        ({}, "How many publishers"),
        ({"vary": {"encoders": [1, 2]}}, "How many encoders"),
        (
            {"vary": {"prewarmed": [3], "publishing_time": [0, 1]}},
            "How many publishers, and which publishing time",
        ),
        ({"vary": None}, "Which strategy"),
    ],
)
@pytest.mark.full
def test_the_heading_says_what_is_varied(study: tv.Comparison, how: dict[str, Any], question: str) -> None:
    found = plan_section(study, plan(**how))
    assert found is not None
    assert found.question == question


def test_the_least_cost_and_several_strategies(study: tv.Comparison) -> None:
    prices = tv.Prices(ready=1, failed=100)
    found = tv.plan(every_second(), [WARM, "1"], EVERY_SECOND, prices=prices, progress=False)
    page = plan_section(study, found)
    assert page is not None
    assert page.question == "Which strategy"
    assert "the cost against idle time" in page.chart.svg


@pytest.mark.usefixtures("no_charts")
def test_a_plan_for_something_else_is_refused(study: tv.Comparison) -> None:
    message = "the plan is for another catalogue or scenario than the comparison"
    for other in (plan(every_second(9)), plan(scenario=EVERY_SECOND.replace(startup_time=2.0))):
        with pytest.raises(tv.InputError, match=message):
            build_report(study, plan=other)
    with pytest.raises(tv.InputError, match=r"plan must be what tv2sim\.plan returns, not 'met'"):
        build_report(study, plan="met")  # type: ignore[arg-type]


def test_a_field_of_the_scenario_that_is_varied_may_differ(study: tv.Comparison) -> None:
    found = plan(scenario=EVERY_SECOND.replace(encoders=3), vary={"encoders": [1, 2]})
    assert plan_section(study, found) is not None


@pytest.mark.usefixtures("no_charts")
@pytest.mark.full
def test_its_world_is_named_if_there_are_several() -> None:
    worlds = {"slow": EVERY_SECOND, "fast": EVERY_SECOND.replace(startup_time=2.0)}
    study = tv.compare(every_second(), [WARM, "1"], worlds, replications=2, progress=False)
    for name, scenario in worlds.items():
        html = build_report(study, plan=plan(scenario=scenario))
        assert head(html).startswith(f"In the world {name}: prewarmed=")
        assert "Without a target or the least cost in view: " in head(html)
        assert f"of the catalogue and the scenario {name} above" in html


@pytest.mark.usefixtures("no_charts")
def test_names_are_text() -> None:
    evil = WARM.replace(name="<b>&")
    study = tv.compare(every_second(), [evil, "1"], EVERY_SECOND, replications=2, progress=False)
    found = tv.plan(every_second(), evil, EVERY_SECOND, target=0.1, progress=False)
    html = build_report(study, plan=found)
    assert "<b>" not in html
    assert "&lt;b&gt;&amp; publishes at least 10 % of the videos in time" in html.replace(
        "\N{NO-BREAK SPACE}", " "
    )
