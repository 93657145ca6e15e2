"""What is saved of strategies, scenarios, distributions and runs follows from their fields."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, fields, make_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tv2sim as tv
from tests.helpers.commands import SAMPLE
from tv2sim.base import dictionaries
from tv2sim.world.distributions import DISTRIBUTIONS
from tv2sim.world.distributions import __all__ as names

ONE_OF_EACH: tuple[tv.Distribution, ...] = (
    tv.Constant(4), tv.Uniform(2, 6), tv.Triangular(2, 3, 6), tv.Exponential(4), tv.LogNormal(4, 0.5),
    tv.Gamma(4, 1), tv.Empirical([3, 2]), tv.Scipy("weibull_min", (1.5, 0, 4)),
)  # fmt: skip


def with_a_field_more(kind: type, name: str) -> Any:
    """Return a class of ours as it will be when somebody adds a field to it."""
    added = [(name, int, dataclasses.field(default=0))]
    wider = make_dataclass(kind.__name__, added, bases=(kind,), frozen=True)
    wider.__module__ = kind.__module__  # from Python 3.12 on it is the caller's
    return wider


def through_json(data: dict[str, Any]) -> dict[str, Any]:
    back: dict[str, Any] = json.loads(json.dumps(data))
    return back


def test_every_distribution_comes_back() -> None:
    assert {type(one) for one in ONE_OF_EACH} == set(DISTRIBUTIONS)
    assert {kind.__name__ for kind in DISTRIBUTIONS} == {name for name in names if name.istitle()} - {
        "Distribution"
    } | {"LogNormal"}
    for one in ONE_OF_EACH:
        assert dictionaries.from_dict(through_json(one.to_dict()), *DISTRIBUTIONS) == one


@pytest.mark.parametrize("kind", [tv.Scenario, tv.Strategy, tv.Uniform])
def test_a_field_that_is_added_is_saved(kind: Any) -> None:
    wider = with_a_field_more(kind, "colour")
    given = (2, 6) if kind is tv.Uniform else ()
    one = wider(*given, colour=7)
    data = through_json(one.to_dict())
    assert data["colour"] == 7
    others = (other for other in (*DISTRIBUTIONS, tv.Faults) if other is not kind)
    back = dictionaries.from_dict(data, wider, *others)
    assert back == one
    assert back != wider(*given)


@pytest.mark.parametrize("one", [tv.Scenario(until=60), tv.PART_2C, *ONE_OF_EACH], ids=str)
def test_all_fields_are_there(one: Any) -> None:
    assert list(one.to_dict()) == ["kind", *(field.name for field in fields(one))]


@dataclass(frozen=True)
class Own(tv.Strategy):
    limit: float = 6.0
    table: tuple[int, ...] = (1, 2)


def test_a_class_of_one_s_own_is_saved_with_its_fields() -> None:
    data = through_json(Own(limit=np.float64(3)).to_dict())
    assert (data["kind"], data["class"], data["limit"], data["table"]) == ("custom", "Own", 3.0, [1, 2])


def test_a_name_of_ours_on_a_class_of_one_s_own_is_no_class_of_ours() -> None:
    class Uniform(tv.Constant):
        """Not the one that comes with tv2sim."""

    with pytest.raises(LookupError):
        dictionaries.from_dict(Uniform(3).to_dict(), *DISTRIBUTIONS)


def test_a_type_that_only_type_checkers_know_does_no_harm() -> None:
    kind = make_dataclass("Larger", [("colour", "NowhereDefined", "red")], bases=(tv.Faults,), frozen=True)
    found = dictionaries.from_tables(kind, {"colour": "blue", "attempts": "none", "startup": 0.5})
    assert (found.colour, found.attempts, found.startup) == ("blue", None, 0.5)


# -- runs ----------------------------------------------------------------------------------------------------

OTHERS: dict[str, dict[str, Any]] = {
    "scenario": {
        "encoders": 9, "requests_per_second": 1.5, "startup_time": tv.Constant(3), "publishing_time": 0.5,
        "publishing_queue_capacity": 3, "until": 60.0, "patience": 60.0, "deadline": "assigned",
        "arrivals": "poisson", "encoding_factor": 1.5, "max_publishers": 12, "provisioning_delay": 0.5,
        "faults": tv.Faults(startup=0.1),
        "hand_over": tv.RetryLater(1),
        "broker": tv.Broker(loss=0.1),
    },
    "strategy": {
        "name": "other", "starts_on": "encoded", "dedicated": True, "prewarmed": 7, "review_every": 5.0,
        "dedicated_from": 0.5, "lead": tv.Lead(encoding=2), "ready_at_start": True, "queue_order": "deadline",
        "dispatch": "end_of_instant", "discards_hopeless": True, "price": 60.0, "holds_back": 30.0,
        "forecast": ((3.0, 9.0, 2),), "minimum": 3, "maximum": 99, "headroom": (1.5, 60.0),
        "idle_time_to_live": 600.0, "starts_at_most": 2,
    },
}  # fmt: skip
"""Another value for each field; a new one belongs here."""


NEEDED: dict[str, dict[str, Any]] = {
    "dedicated": {"starts_on": "encoded"}, "lead": {"starts_on": "encoding_started"}, "forecast": {"price": 60},
}  # fmt: skip
"""What a strategy has to be besides, to have a value that is not the default."""


@pytest.mark.parametrize(("what", "kind"), [("scenario", tv.Scenario), ("strategy", tv.Strategy)])
def test_runs_differ_in_every_field_of_what_went_in(what: str, kind: Any) -> None:
    run = tv.simulate(SAMPLE)
    assert set(OTHERS[what]) == {field.name for field in fields(kind)}
    for name, value in OTHERS[what].items():
        changes = {name: value} | NEEDED.get(name, {})
        other = dataclasses.replace(run, **{what: getattr(run, what).replace(**changes)})
        assert other != run, name
        assert other.provenance()[what][name] == dictionaries.to_dict(other)[what][name]


@pytest.mark.parametrize("changes", [{"seed": 2}, {"replication": 1}])
def test_runs_differ_in_seed_and_replication(changes: dict[str, int]) -> None:
    run = tv.simulate(SAMPLE)
    assert dataclasses.replace(run, **changes) != run  # type: ignore[arg-type]


def test_all_that_went_in_comes_back(tmp_path: Path) -> None:
    scenario = tv.Scenario(**OTHERS["scenario"])
    together = (
        ("name", "starts_on", "dedicated", "prewarmed", "review_every", "discards_hopeless"),
        ("prewarmed", "ready_at_start", "dedicated_from", "lead", "price", "holds_back", "forecast"),
        ("minimum", "maximum", "headroom", "idle_time_to_live", "starts_at_most", "queue_order", "dispatch"),
    )
    assert {name for group in together for name in group} == set(OTHERS["strategy"])
    for number, group in enumerate(together):
        changes = {name: OTHERS["strategy"][name] for name in group}
        run = tv.simulate(SAMPLE, tv.Strategy(**changes), scenario, seed=5, replication=2)
        loaded = tv.load_run(run.save(tmp_path / str(number)))
        assert loaded == run
        for field in fields(tv.Run):
            if field.name not in ("facts", "catalogue", "strategy_data"):
                assert getattr(loaded, field.name) == getattr(run, field.name), field.name


def test_an_own_strategy_s_data_outlives_its_class(tmp_path: Path) -> None:
    run = tv.simulate(SAMPLE, Own(limit=3.0))
    loaded = tv.load_run(run.save(tmp_path / "first"))
    again = tv.load_run(loaded.save(tmp_path / "second"))
    assert loaded == run == again
    assert again.provenance()["strategy"]["limit"] == 3.0
    assert tv.simulate(SAMPLE, Own(limit=2.0)) != loaded


def test_a_run_of_an_older_format_is_refused_in_one_sentence(tmp_path: Path) -> None:
    folder = tv.simulate(SAMPLE).save(tmp_path / "out")
    (folder / "SHA256SUMS").unlink()
    document = json.loads((folder / "run.json").read_text())
    del document["format"]
    document["versions"]["tv2sim"] = "0.1.0"
    (folder / "run.json").write_text(json.dumps(document))
    with pytest.raises(tv.InputError, match=r"saved by tv2sim 0\.1\.0 in format None.*reads format \d"):
        tv.load_run(folder)
