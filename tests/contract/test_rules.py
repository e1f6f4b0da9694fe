"""What every rule must do. A new rule joins with one row in RULES."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import time
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from scenes import FPS, Film, Thing, along, events
from vedette.analytics.rules import (
    count,
    dwell,
    heat_map,
    intrusion,
    line_crossing,
    loitering,
    occupancy,
    region,
    tamper,
)
from vedette.analytics.rules.base import RuleContext
from vedette.analytics.ruleset import RuleSet
from vedette.analytics.scene import Scene
from vedette.analytics.schedule import Period
from vedette.analytics.slots import SlotTable
from vedette.model.detections import Tracks
from vedette.model.events import RuleEvent
from vedette.model.observations import Observations, Subjects
from vedette.model.spec import Spec
from vedette.model.time import Instant

LINE = [[0.5, 0.0], [0.5, 1.0]]
ZONE = [[0.4, 0.2], [0.7, 0.2], [0.7, 0.9], [0.4, 0.9]]
LEADER = {"id": "leader", "line": LINE}


@dataclass(frozen=True)
class Row:
    """One rule type: its plug-in, options as a file gives them, and the kinds of events that `WALK` makes it say.

    follows  the rule hears the events of a line crossing called `leader`
    """

    spec: Spec
    options: dict[str, Any]
    says: list[str] = field(default_factory=list)
    follows: bool = False

    @property
    def id(self) -> str:
        return f"{self.spec.name}{'-crossings' if 'entrances' in self.options else ''}"


RULES = [
    Row(line_crossing.SPEC, {"line": LINE}, ["crossed"]),
    Row(intrusion.SPEC, {"zone": ZONE}, ["intruded", "cleared"]),
    Row(region.SPEC, {"zone": ZONE}, ["entered", "left"]),
    Row(loitering.SPEC, {"zone": ZONE, "dwell_s": 1.0}, ["loitered", "cleared"]),
    Row(occupancy.SPEC, {"zone": ZONE, "max": 0}, ["exceeded", "cleared"]),
    Row(occupancy.SPEC, {"entrances": {"leader": "backward"}, "max": 0}, ["exceeded"], follows=True),
    Row(count.SPEC, {"of": ["leader"]}, follows=True),
    Row(dwell.SPEC, {"zone": ZONE}),
    Row(heat_map.SPEC, {"grid": [8, 4]}),
    Row(tamper.SPEC, {"kinds": ["covered", "signal_lost"]}),
]
EVERY = pytest.mark.parametrize("row", RULES, ids=lambda row: row.id)
ON_SUBJECTS = pytest.mark.parametrize("row", [row for row in RULES if not row.follows], ids=lambda row: row.id)
SHAPED = pytest.mark.parametrize(
    "row", [row for row in RULES if {"zone", "line"} & set(row.options)], ids=lambda row: row.id
)

WALK = Thing(path=along((0, 0.1, 0.5), (8, 0.9, 0.5)), end=8)


def read(row: Row, **more: Any) -> Any:  # noqa: ANN401 - each plug-in has its own options
    """Options as a configuration file would give them."""
    text = json.dumps({"id": "it", **row.options, **more})
    return TypeAdapter(row.spec.options).validate_json(text, strict=True)


def made(row: Row, context: RuleContext | None = None, **more: Any) -> list[Any]:
    """The rule, with its leader where it needs one."""
    context = context or RuleContext(rule_hash="h")
    rule = row.spec.build(read(row, **more), context)
    leader = line_crossing.build(line_crossing.LineCrossingOptions(id="leader", line=((0.5, 0.0), (0.5, 1.0))), context)
    return [rule, leader] if row.follows else [rule]


def said(rules: list[Any], *things: Thing, fps: float = 10, **film: Any) -> list[RuleEvent]:
    return [event for event in events(rules, *things, fps=fps, **film) if event.rule == "it"]


@EVERY
@pytest.mark.parametrize("fps", FPS)
def test_says_what_the_row_says(row: Row, fps: float) -> None:
    found = said(made(row), WALK, fps=fps)
    assert [event.kind for event in found] == row.says
    assert all(event.rule_hash == "h" and event.known_at >= event.at for event in found)
    assert all(event.anchor is None or len(event.anchor) == 2 for event in found)


@EVERY
def test_same_observations_same_events(row: Row) -> None:
    assert said(made(row), WALK) == said(made(row), WALK)


@EVERY
def test_values_are_plain_json(row: Row) -> None:
    rules = made(row)
    before = rules[0].values()
    assert json.loads(json.dumps(before, allow_nan=False)) == before
    said(rules, WALK)
    after = rules[0].values()
    assert json.loads(json.dumps(after, allow_nan=False)) == after


@EVERY
def test_unknown_key_is_refused(row: Row) -> None:
    with pytest.raises(ValidationError, match="colour"):
        read(row, colour="red")


@EVERY
def test_missing_and_empty_id_is_refused(row: Row) -> None:
    with pytest.raises(ValidationError, match="id"):
        read(row, id=" ")


@EVERY
@pytest.mark.parametrize("wrong", [{"min_score": 2.0}, {"min_size": -1.0}, {"min_age_s": -1.0}, {"cooldown_s": -0.1}])
def test_common_options_are_checked(row: Row, wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        read(row, **wrong)


@EVERY
@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_are_none_are_refused(row: Row, value: str) -> None:
    text = json.dumps({"id": "it", **row.options, "min_age_s": 12345.0}).replace("12345.0", value)
    with pytest.raises(ValidationError):
        TypeAdapter(row.spec.options).validate_json(text, strict=True)


@SHAPED
@pytest.mark.parametrize("value", ["NaN", "Infinity"])
def test_shape_with_a_number_that_is_none_is_refused(row: Row, value: str) -> None:
    text = (
        json.dumps({"id": "it", **row.options})
        .replace("0.5, 1.0", f"0.5, {value}")
        .replace("0.7, 0.9", f"0.7, {value}")
    )
    with pytest.raises(ValidationError):
        TypeAdapter(row.spec.options).validate_json(text, strict=True)


@SHAPED
def test_shape_without_extent_is_refused(row: Row) -> None:
    for key in {"zone", "line"} & set(row.options):
        for points in ([], [[0.5, 0.5]], [[0.5, 0.5], [0.5, 0.5]], [[0.5, 0.5]] * 4):
            with pytest.raises(ValidationError):
                read(row, **{key: points})


@SHAPED
def test_zone_outside_the_picture_is_refused(row: Row) -> None:
    if "zone" in row.options:
        with pytest.raises(ValidationError, match="outside the picture"):
            read(row, zone=[[1.2, 0.1], [1.4, 0.1], [1.4, 0.9]])


@SHAPED
def test_zone_that_crosses_itself_is_taken(row: Row) -> None:
    if "zone" in row.options:
        said(made(row, zone=[[0.4, 0.2], [0.7, 0.9], [0.7, 0.2], [0.4, 0.9]]), WALK)


@EVERY
def test_nothing_in_view(row: Row) -> None:
    rules = RuleSet(made(row))
    for second in range(5):
        at = Instant(second * 10**9, second * 10**9)
        assert rules.update(Observations(at, second, 1.0, Subjects.none(("person",)))) == []


@ON_SUBJECTS
def test_label_filter(row: Row) -> None:
    assert said(made(row, labels=["vehicle"]), WALK) == []
    car = replace(WALK, label="car")
    assert [event.kind for event in said(made(row, labels=["vehicle"]), car)] == row.says


@ON_SUBJECTS
def test_mover_satisfies_every_label_only_from_above(row: Row) -> None:
    mover = replace(WALK, label="mover")
    above = RuleContext(overhead=True)
    assert [event.kind for event in said(made(row, above, labels=["vehicle"]), mover)] == row.says
    assert said(made(row, labels=["vehicle"]), mover) == []


@ON_SUBJECTS
def test_filters_of_score_and_size(row: Row) -> None:
    assert said(made(row, min_score=0.9), WALK) == []
    assert said(made(row, min_size=0.3), WALK) == []
    assert said(made(row, max_size=0.1), WALK) == []
    assert [event.kind for event in said(made(row, min_score=0.7, min_size=0.15, max_size=0.25), WALK)] == row.says


@ON_SUBJECTS
def test_too_young_says_nothing_unless_it_crossed(row: Row) -> None:
    found = said(made(row, min_age_s=60.0), WALK)
    assert [event.kind for event in found] == (row.says if row.spec.name == "line_crossing" else [])


@EVERY
def test_not_armed_says_nothing(row: Row) -> None:
    night = [{"start": "22:00:00", "end": "23:00:00"}]
    noon = 12 * 3600.0
    assert said(made(row, schedule=night), WALK, start_utc_s=noon) == []
    armed = said(made(row, schedule=night), WALK, start_utc_s=22.5 * 3600)
    assert [event.kind for event in armed] == row.says
    assert read(row, schedule=night).schedule == (Period(start=time(22), end=time(23)),)


@EVERY
def test_cooldown_holds_back_the_same_kind(row: Row) -> None:
    again = [replace(WALK, path=along((t, 0.1, 0.5), (t + 8, 0.9, 0.5)), start=t, end=t + 8, id=t + 1) for t in (0, 20)]
    once = [event.kind for event in said(made(row, cooldown_s=60.0), *again)]
    twice = [event.kind for event in said(made(row, cooldown_s=1.0), *again)]
    assert once == row.says
    # Without anybody who goes back, the number behind the line stays too high the whole time.
    assert twice == (row.says if "entrances" in row.options else row.says * 2)


@EVERY
def test_anchor_may_be_chosen(row: Row) -> None:
    assert read(row, anchor="top").anchor == "top"
    with pytest.raises(ValidationError):
        read(row, anchor="middle")


@ON_SUBJECTS
def test_slot_that_is_used_again_starts_afresh(row: Row) -> None:
    """The second and the third take the first one's place in the tables, who ended across and inside."""
    inside = Thing(path=along((0, 0.1, 0.5), (2, 0.65, 0.5)), end=3.0, id=1)
    outside = Thing(path=along((10, 0.2, 0.5), (12, 0.3, 0.5)), start=10, end=12, id=2)
    walk = replace(WALK, path=along((20, 0.1, 0.5), (28, 0.9, 0.5)), start=20, end=28, id=3)
    alone = [event.kind for event in said(made(row), inside)]
    assert [event.kind for event in said(made(row), inside, outside, walk)] == alone + row.says


def sizes(thing: Any, depth: int = 4) -> int:  # noqa: ANN401 - anything
    """Number of elements that an object holds, some way down."""
    if isinstance(thing, SlotTable):
        return sum(thing[name].size for name in thing._columns)
    if isinstance(thing, np.ndarray):
        return int(thing.size)
    if depth == 0 or isinstance(thing, str | bytes | int | float | type) or callable(thing):
        return 1
    if isinstance(thing, dict):
        return sum(sizes(item, depth - 1) for item in thing.values()) + len(thing)
    if isinstance(thing, list | tuple | set | frozenset):
        return sum(sizes(item, depth - 1) for item in thing) + len(thing)
    names = set(getattr(thing, "__dict__", {})) | {s for c in type(thing).__mro__ for s in getattr(c, "__slots__", ())}
    return sum(sizes(getattr(thing, name, None), depth - 1) for name in names)


@EVERY
def test_state_of_ended_tracks_is_dropped(row: Row) -> None:
    """Twenty thousand tracks, ten at a time, each born, across, and gone; the second half needs no more room."""
    rules, scene = RuleSet(made(row)), Scene(1.0)
    rule = rules._rules[0]
    crowd, room = 200, []
    for wave in range(100):
        ids = np.arange(crowd) + 1 + wave * crowd
        for step, x in enumerate((0.45, 0.49, 0.53, 0.57)):
            at = Instant((wave * 8 + step) * 200_000_000, (wave * 8 + step) * 200_000_000)
            rules.update(scene.observe(_crowd(ids, x, step), at, wave * 8 + step))
        at = Instant((wave * 8 + 7) * 200_000_000, (wave * 8 + 7) * 200_000_000)
        rules.update(scene.observe(Tracks(ended=ids, names=("person",)), at, wave * 8 + 7))
        room.append((sizes(rule), sizes(scene)))
    # Minutes and hours go on being written down; nothing else may grow.
    assert room[-1][0] <= room[49][0] + 40
    assert room[-1][1] <= room[49][1]


def _crowd(ids: Any, x: float, step: int) -> Tracks:  # noqa: ANN401 - an array
    n = len(ids)
    left = np.full((n, 1), x)
    top = np.linspace(0.3, 0.6, n)[:, None]
    return Tracks(
        id=ids,
        box=np.hstack([left - 0.02, top, left + 0.02, top + 0.2]),
        score=np.full(n, 0.8),
        label=np.zeros(n, np.int64),
        state=np.full(n, min(step, 1)),
        seen=np.ones(n, np.bool_),
        born_ns=np.zeros(n, np.int64),
        continues=np.zeros(n, np.int64),
        names=("person",),
    )


@ON_SUBJECTS
def test_film_that_ends_at_once(row: Row) -> None:
    rules, scene = RuleSet(made(row)), Scene(1.0)
    for tracks, at, index in Film([Thing(path=lambda t: (0.5, 0.5), end=0.0)], 5).tracks():  # noqa: ARG005
        assert rules.update(scene.observe(tracks, at, index)) == []
