"""A real Prometheus server scrapes a replay; queries, rules and dashboard do what the documentation says."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import tv2sim as tv
from tests.helpers.commands import CATALOGUE, Json
from tests.realtime.test_prometheus_metrics import NAMES
from tv2sim.realtime import Replay
from tv2sim.realtime.prometheus_metrics import exposition

DOCS = Path(__file__).parents[2] / "docs"
FOLDER = DOCS / "monitoring"
PAGE = (DOCS / "monitoring.md").read_text(encoding="utf-8")
DASHBOARD: Json = json.loads((FOLDER / "tv2sim.json").read_text(encoding="utf-8"))

PROMETHEUS, PROMTOOL = shutil.which("prometheus"), shutil.which("promtool")
needs_prometheus = pytest.mark.skipif(PROMETHEUS is None, reason="needs Prometheus: apt-get install prometheus")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="needs promtool: apt-get install prometheus")

pytestmark = pytest.mark.full

SOON = 60.0
"""Wall seconds that are more than enough, however busy the machine is."""

ORIGINAL = {
    "tv2_video_metadata_parse_errors_total": "client_parse_errors",
    "tv2_video_encoding_requests_accepted_total": "client_submitted",
    "tv2_video_encoded_total": "encoded",
    "tv2_video_publication_successes_total": "published",
    "tv2_video_publication_failures_total": "publish_failed",
}


# -- the queries that are written down ----------------------------------------------------------------------


def of_the_page() -> list[str]:
    blocks = re.findall(r"```promql\n(.*?)```", PAGE, flags=re.DOTALL)
    return [" ".join(query.split()) for block in blocks for query in block.split("\n\n")]


def of_the_dashboard() -> list[str]:
    return [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]


def of_the_rules() -> list[str]:
    """Return the expressions of the rules, which stand on their line or on the indented ones below."""
    text = (FOLDER / "alerts.yml").read_text(encoding="utf-8")
    found = re.findall(r"^ +expr: (?:>-\n((?: {10}.*\n)+)|(.*)\n)", text, flags=re.MULTILINE)
    return [" ".join((folded or plain).split()) for folded, plain in found]


def as_grafana_asks(query: str, instance: str) -> str:
    """Put in what Grafana puts in for its variables."""
    asked = query.replace("$instance", instance).replace("$__rate_interval", "1m")
    assert "$" not in asked, query
    return asked


# -- a server -----------------------------------------------------------------------------------------------


class Server(NamedTuple):
    """A Prometheus server that is up."""

    port: int

    def get(self, path: str, **parameters: str) -> Any:
        url = f"http://127.0.0.1:{self.port}{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=SOON) as answer:
            return json.load(answer)["data"]

    def ask(self, query: str) -> list[tuple[dict[str, str], float]]:
        """Return the labels and values that a query gives now; HTTPError if it is none."""
        found = self.get("/api/v1/query", query=query)
        assert found["resultType"] == "vector"
        return [(one["metric"], float(one["value"][1])) for one in found["result"]]

    def one(self, query: str) -> float | None:
        """Return the one value that a query gives, or None if there is none yet."""
        found = self.ask(query)
        assert len(found) <= 1, found
        return found[0][1] if found else None

    def until(self, query: str, value: float) -> None:
        """Ask until it has an answer that is this value."""
        end = time.monotonic() + SOON
        while (found := self.one(query)) != value:
            assert time.monotonic() < end, f"{query}: {found} and not {value}"
            time.sleep(0.05)


def begin(folder: Path, configuration: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Start a server at a free port; another one may take that before it does, so not more than a few times."""
    for _ in range(5):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        process = subprocess.Popen(
            [
                str(PROMETHEUS),
                f"--config.file={configuration}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--log.level=warn",
            ],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        end = time.monotonic() + SOON
        while process.poll() is None and time.monotonic() < end:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=SOON).close()
            except OSError:
                time.sleep(0.05)
            else:
                return process, port
        finish(process)
    raise AssertionError("no Prometheus server came up")


def finish(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(SOON)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(SOON)


class Scraped(NamedTuple):
    """A server that scrapes a replay which is over and still serves."""

    server: Server
    instance: str
    run: tv.Run
    handle: tv.Replay


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scraped]:
    """Run the shipped configuration, with another target and shorter intervals, on a replay of 2 s."""
    folder = tmp_path_factory.mktemp("prometheus")
    handle = Replay(CATALOGUE, speed=40, port=0, keep_running=True)
    instance = re.sub(r"^http://|/.*$", "", str(handle.url))
    text = (FOLDER / "prometheus.yml").read_text(encoding="utf-8")
    for shipped, here in (
        ("127.0.0.1:8080", instance),
        ("scrape_interval: 1s", "scrape_interval: 200ms"),
        ("evaluation_interval: 1s", "evaluation_interval: 200ms"),
        ("- alerts.yml", f"- {FOLDER / 'alerts.yml'}"),
    ):
        assert text.count(shipped) == 1
        text = text.replace(shipped, here)
    configuration = folder / "prometheus.yml"
    configuration.write_text(text, encoding="utf-8")
    process, port = begin(folder, configuration)
    try:
        server = Server(port)
        handle.pause()
        handle.start()
        # its first scrape is of the start: what has happened before that would be in no increase
        server.until("tv2_replay_paused", 1)
        handle.resume()
        run = handle.wait(SOON)
        server.until("tv2_replay_simulated_seconds_total", run.end)
        yield Scraped(server, instance, run, handle)
    finally:
        handle.stop()
        finish(process)


@needs_prometheus
def test_the_nine_are_the_stats_of_the_run(scraped: Scraped) -> None:
    server, _, run, handle = scraped
    for name, stat in ORIGINAL.items():
        assert server.ask(name) == [({"__name__": name, **target(scraped)}, float(run.stats[stat]))]
    assert server.one("tv2_video_encoding_queue") == 0
    assert server.one("tv2_video_encoders_available") == 10
    assert server.one("tv2_video_encoders_busy") == 0
    running = int(run.publishers["ended"].isna().sum())
    assert server.one("tv2_video_publishers_running") == running == 10
    assert server.one("sum(tv2_video_publishers)") == running
    assert run.stats["published"] + run.stats["publish_failed"] == 154
    assert handle.phase == "finished"


def target(scraped: Scraped) -> dict[str, str]:
    return {"instance": scraped.instance, "job": "tv2sim"}


@needs_prometheus
def test_the_further_ones_are_the_figures_of_the_run(scraped: Scraped) -> None:
    server, _, run, _ = scraped
    assert server.one("tv2_video_stockouts_total") == run.summary["stockouts"]
    assert server.one('tv2_video_publisher_claims_total{start="cold"}') == run.summary["stockouts"]
    assert server.one("tv2_video_publisher_idle_seconds_total") == pytest.approx(run.summary["idle"])
    assert server.one("tv2_video_publisher_seconds_total") == pytest.approx(run.summary["publisher_seconds"])
    assert server.one("tv2_video_elapsed_seconds_sum") == pytest.approx(run.videos["elapsed"].sum())
    p95 = server.one("histogram_quantile(0.95, tv2_video_elapsed_seconds_bucket)")
    assert p95 == pytest.approx(run.summary["elapsed_p95"], abs=1)
    slack_left = (run.videos["publication_timeout"] - run.videos["elapsed"]).quantile(0.05)
    found = server.one("histogram_quantile(0.05, tv2_video_slack_left_seconds_bucket)")
    assert found == pytest.approx(slack_left, abs=0.5)


@needs_prometheus
def test_it_saw_the_replay_go_on(scraped: Scraped) -> None:
    server = scraped.server
    changes = server.one("changes(tv2_video_encoded_total[1m])")
    assert changes is not None
    assert changes >= 2
    increase = server.one("increase(tv2_replay_simulated_seconds_total[1m])")
    assert increase is not None
    assert scraped.run.end <= increase < 1.5 * scraped.run.end  # it extrapolates
    assert server.one("max_over_time(tv2_video_encoders_busy[1m]) > 0") is not None


@needs_prometheus
def test_every_metric_arrives_with_its_type_and_help(scraped: Scraped) -> None:
    found = scraped.server.get("/api/v1/metadata")
    ours = {name: said for name, [said] in found.items() if name.startswith("tv2_")}
    # in OpenMetrics, which the server asks for, a counter is called without its ending
    assert {name: said["type"] for name, said in ours.items()} == NAMES
    assert all(said["help"].endswith(".") for said in ours.values())
    names = scraped.server.get("/api/v1/label/__name__/values")
    assert not [name for name in names if name.endswith("_created")]
    assert {name for name in names if name.startswith("tv2_")} == {
        full
        for name, kind in NAMES.items()
        for full in (
            [f"{name}_{end}" for end in ("bucket", "count", "sum")]
            if kind == "histogram"
            else [full_name(name)]
        )
        if full not in ("tv2_video_slack_left_seconds_count", "tv2_video_slack_left_seconds_sum")
    }


def full_name(name: str) -> str:
    return f"{name}_total" if NAMES[name] == "counter" else name


@needs_prometheus
@pytest.mark.parametrize("query", of_the_page())
def test_every_query_of_the_page_has_an_answer(scraped: Scraped, query: str) -> None:
    [(labels, value)] = scraped.server.ask(query)
    assert labels.get("instance") == scraped.instance
    assert value == value, "not a number"


@needs_prometheus
@pytest.mark.parametrize("query", of_the_dashboard())
def test_every_query_of_the_dashboard_has_an_answer(scraped: Scraped, query: str) -> None:
    found = scraped.server.ask(as_grafana_asks(query, scraped.instance))
    assert found
    assert all(value == value for _, value in found)
    assert scraped.server.ask(as_grafana_asks(query, "another:1")) == []


@needs_prometheus
def test_the_dashboard_finds_the_replays(scraped: Scraped) -> None:
    variable = DASHBOARD["templating"]["list"][1]
    match = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"]["query"])
    assert match is not None
    values = scraped.server.get(f"/api/v1/label/{match[2]}/values", **{"match[]": match[1]})
    assert values == [scraped.instance]


@needs_prometheus
@pytest.mark.parametrize("query", of_the_rules())
def test_every_rule_can_be_asked(scraped: Scraped, query: str) -> None:
    scraped.server.ask(query)


@needs_prometheus
def test_a_stockout_is_told_while_the_replay_is_up(scraped: Scraped) -> None:
    assert scraped.run.summary["stockouts"] > 0
    firing = 'count(ALERTS{alertname="VideoStockout", alertstate="firing", severity="warning"})'
    scraped.server.until(firing, 1)
    assert scraped.server.one('ALERTS{alertname="ReplayDown"}') is None
    rules = [rule for group in scraped.server.get("/api/v1/rules")["groups"] for rule in group["rules"]]
    assert [rule["health"] for rule in rules] == ["ok"] * 4
    assert len(of_the_rules()) == 4


# -- promtool -----------------------------------------------------------------------------------------------


def promtool(*arguments: str, cwd: Path | None = None, given: bytes | None = None) -> str:
    """Call it, see that it has nothing against it, and return what it says."""
    command = [str(PROMTOOL), *arguments]
    done = subprocess.run(command, cwd=cwd, input=given, capture_output=True, timeout=SOON, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()
    return (done.stdout + done.stderr).decode()


@needs_promtool
def test_promtool_accepts_configuration_and_rules() -> None:
    assert "1 rule files found" in promtool("check", "config", "prometheus.yml", cwd=FOLDER)
    assert "4 rules found" in promtool("check", "rules", "--lint-fatal", "alerts.yml", cwd=FOLDER)


@needs_promtool
def test_the_rules_pass_their_tests() -> None:
    assert "SUCCESS" in promtool("test", "rules", "alerts_test.yml", cwd=FOLDER)


@needs_promtool
def test_promtool_has_nothing_against_the_metrics() -> None:
    handle = Replay(CATALOGUE, speed="max")
    found = {"start": exposition(handle.registry, "")[0]}

    def scrape(entry: tv.LogEntry) -> None:
        if (entry.event, entry.video) == ("encoded", 77):
            found["middle"] = exposition(handle.registry, "")[0]

    handle.observe(scrape)
    handle.start()
    handle.wait(SOON)
    found["end"] = exposition(handle.registry, "")[0]
    assert len(set(found.values())) == 3
    for text in found.values():
        assert promtool("check", "metrics", given=text) == ""


# -- what can be checked without either ---------------------------------------------------------------------


def test_the_page_lists_exactly_the_metrics_there_are() -> None:
    rows = re.findall(r"^\| `(tv2_\w+)` \| (\w+) \|", PAGE, flags=re.MULTILINE)
    assert rows == [(full_name(name), kind) for name, kind in NAMES.items()]


def test_the_page_names_the_alerts_there_are() -> None:
    rules = re.findall(r"- alert: (\w+)", (FOLDER / "alerts.yml").read_text(encoding="utf-8"))
    assert re.findall(r"^\| `([A-Z]\w+)` \|", PAGE, flags=re.MULTILINE) == rules
    tested = set(re.findall(r"alertname: (\w+)", (FOLDER / "alerts_test.yml").read_text(encoding="utf-8")))
    assert tested == set(rules)


def test_every_query_names_metrics_there_are() -> None:
    series = {full_name(name) for name in NAMES}
    series |= {f"{name}_{end}" for name, kind in NAMES.items() if kind == "histogram" for end in ENDS}
    queries = [*of_the_page(), *of_the_dashboard(), *of_the_rules()]
    assert len(queries) > 40
    for query in queries:
        assert set(re.findall(r"tv2_\w+", query)) <= series, query
    shown = set(re.findall(r"tv2_\w+", " ".join(of_the_dashboard())))
    assert {"tv2_video_encoding_queue", "tv2_video_encoders_busy", *ORIGINAL} <= shown


ENDS = ("bucket", "count", "sum")


def test_the_dashboard_can_be_imported() -> None:
    """Grafana itself is not asked; these are the things that it would stumble over, or show askew."""
    assert DASHBOARD["schemaVersion"] >= 39
    assert "id" not in DASHBOARD
    assert {"title", "uid", "panels", "templating", "time", "refresh"} <= DASHBOARD.keys()
    variables = DASHBOARD["templating"]["list"]
    assert [(one["name"], one["type"]) for one in variables] == [
        ("datasource", "datasource"),
        ("instance", "query"),
    ]
    assert variables[0]["query"] == "prometheus"
    source = {"type": "prometheus", "uid": "${datasource}"}
    assert variables[1]["datasource"] == source
    panels = DASHBOARD["panels"]
    assert [panel["id"] for panel in panels] == list(range(1, len(panels) + 1))
    assert len({panel["title"] for panel in panels}) == len(panels)
    for panel in panels:
        assert panel["type"] in ("stat", "timeseries", "bargauge")
        assert panel["description"]
        assert panel["datasource"] == source
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert [target["refId"] for target in panel["targets"]] == list("ABCD"[: len(panel["targets"])])
        assert all(target["datasource"] == source for target in panel["targets"])
        legends = [target["legendFormat"] for target in panel["targets"]]
        assert len(set(legends)) == len(legends)
        named = {override["matcher"]["options"] for override in panel["fieldConfig"]["overrides"]}
        assert named <= {*legends, "starting", "ready", "busy", "warm", "cold"}


def test_the_panels_fill_the_width_and_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
    assert taken == {(x, y) for x in range(24) for y in range(max(y for _, y in taken) + 1)}
