"""Where people are, for how long, and how many different ones: a grid over the picture, kept per hour.

What a subject did between two detections is spread along its path, so that a grid fills the same way at any frame
rate. Hours can be added up to any period: seconds are sums, and a subject is counted once per cell in its whole life.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from vedette.analytics.rules.base import RuleContext, RuleOptions, SubjectRule
from vedette.analytics.rules.count import period_starts
from vedette.analytics.slots import SlotTable
from vedette.model.detections import Bools, Floats, Ints
from vedette.model.events import RuleEvent
from vedette.model.observations import Observations
from vedette.model.spec import Spec
from vedette.model.time import NS_PER_S

HIDDEN_S: Final = 6.0
"""A gap between detections counts up to this long."""
_WAIT_S: Final = 10.0
_SAMPLES: Final = 32
_PLACES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatMapOptions(RuleOptions):
    """Options of `heat_map`.

    grid        columns and rows
    by          what a cell holds: `presence` seconds that anybody spent in it, summed over people; `visits` how many
                different ones were there; `dwell` seconds each of them spent there on average
    keep_hours  hours that are kept one by one; older ones stay in the sum only
    """

    grid: tuple[int, int] = (64, 36)
    by: Literal["presence", "dwell", "visits"] = "presence"
    keep_hours: int = 168

    def __post_init__(self) -> None:
        RuleOptions.__post_init__(self)
        if not all(1 <= side <= 256 for side in self.grid):
            raise ValueError("grid must have 1 to 256 columns and rows")
        if self.keep_hours < 1:
            raise ValueError("keep_hours must be at least 1")


@dataclass(slots=True)
class _Sheet:
    """Cells of one period, row by row."""

    seconds: Floats
    visits: Ints


@dataclass(frozen=True, slots=True)
class _Steps:
    """Paths that wait until their subjects may be judged: samples with slot, cell and seconds."""

    at_ns: int
    hour: str
    slot: Ints
    cell: Ints
    seconds: Floats

    def where(self, keep: Bools) -> _Steps:
        return _Steps(self.at_ns, self.hour, self.slot[keep], self.cell[keep], self.seconds[keep])


@dataclass(slots=True)
class _Hour:
    """The local hour, looked up once a minute."""

    minute: int = -1
    name: str = ""
    sheets: dict[str, _Sheet] = field(default_factory=dict)


class HeatMap(SubjectRule):
    """Fills the grid. It says no events."""

    def __init__(self, options: HeatMapOptions, context: RuleContext) -> None:
        super().__init__(options, context)
        self._options = options
        self._columns, self._rows = options.grid
        self._sum = self._fresh_sheet()
        self._hour = _Hour()
        self._waiting: deque[_Steps] = deque()
        self._table = SlotTable(
            {
                "place": np.full(2, np.nan),
                "seen_ns": np.int64(0),
                "visited": np.zeros(self._columns * self._rows, np.bool_),
            },
            capacity=8,
        )

    def _fresh_sheet(self) -> _Sheet:
        cells = self._columns * self._rows
        return _Sheet(np.zeros(cells), np.zeros(cells, np.int64))

    def judge(self, now: Observations) -> tuple[()]:
        """Take the paths of this moment in."""
        subjects, table = now.subjects, self._table
        table.reach(subjects.slot)
        rows = np.flatnonzero(subjects.seen)
        if len(rows) and self.armed(now.at):
            self._waiting.append(self._steps(now, rows))
        if self._waiting:
            self._take(now)
        table["place"][subjects.slot[rows]] = self.anchors(now)[rows]
        table["seen_ns"][subjects.slot[rows]] = now.at.stream_ns
        table.reset(subjects.slot[subjects.gone])
        return ()

    def update(self, now: Observations) -> list[RuleEvent]:
        """Take in one moment; there are no events."""
        self.judge(now)
        return []

    def _steps(self, now: Observations, rows: Ints) -> _Steps:
        """The way since the last detection as samples, each with its share of the time."""
        slots, place = now.subjects.slot[rows], self.anchors(now)[rows]
        before = self._table["place"][slots]
        first = np.isnan(before[:, 0])
        before = np.where(first[:, None], place, before)
        gap = np.where(first, 0.0, (now.at.stream_ns - self._table["seen_ns"][slots]) / NS_PER_S)
        gap = np.clip(gap, 0.0, HIDDEN_S)
        far = np.abs((place - before) * np.array([self._columns, self._rows])).max(initial=0.0)
        count = int(np.clip(np.ceil(2.0 * far), 1, _SAMPLES))
        part = (np.arange(count) + 0.5) / count
        path = before[:, None, :] + part[None, :, None] * (place - before)[:, None, :]
        column = np.clip((path[..., 0] * self._columns).astype(np.int64), 0, self._columns - 1)
        row = np.clip((path[..., 1] * self._rows).astype(np.int64), 0, self._rows - 1)
        cell = (row * self._columns + column).ravel()
        return _Steps(
            now.at.stream_ns, self._local_hour(now.at.utc_ns), slots.repeat(count), cell, (gap / count).repeat(count)
        )

    def _local_hour(self, utc_ns: int) -> str:
        minute = utc_ns // (60 * NS_PER_S)
        if minute != self._hour.minute:
            self._hour.minute = minute
            self._hour.name = period_starts(utc_ns, self._context.zone)["hour"]
        return self._hour.name

    def _take(self, now: Observations) -> None:
        """Enter the steps of all who may be judged; those of the others wait, up to `_WAIT_S`."""
        subjects = now.subjects
        capacity = len(self._table["seen_ns"])
        ready, gone = np.zeros(capacity, np.bool_), np.zeros(capacity, np.bool_)
        ready[subjects.slot] = self.eligible(now)
        gone[subjects.slot[subjects.gone]] = True
        limit = now.at.stream_ns - round(_WAIT_S * NS_PER_S)
        for _ in range(len(self._waiting)):
            steps = self._waiting.popleft()
            known = ready[steps.slot]
            if known.any():
                self._enter(steps if known.all() else steps.where(known))
            left = ~known & ~gone[steps.slot]
            if steps.at_ns > limit and left.any():
                self._waiting.append(steps.where(left))

    def _enter(self, steps: _Steps) -> None:
        sheet = self._sheet(steps.hour)
        seconds = np.bincount(steps.cell, steps.seconds, minlength=len(sheet.seconds))
        visited = self._table["visited"]
        fresh = ~visited[steps.slot, steps.cell]
        slots, cells = steps.slot[fresh], steps.cell[fresh]
        visited[slots, cells] = True
        pairs = np.unique(slots * len(sheet.visits) + cells)
        visits = np.bincount(pairs % len(sheet.visits), minlength=len(sheet.visits))
        for one in (sheet, self._sum):
            one.seconds += seconds
            one.visits += visits

    def _sheet(self, hour: str) -> _Sheet:
        sheets = self._hour.sheets
        if hour not in sheets:
            sheets[hour] = self._fresh_sheet()
            if len(sheets) > self._options.keep_hours:
                del sheets[next(iter(sheets))]
        return sheets[hour]

    def values(self) -> Mapping[str, object]:
        """Grids as plain JSON.

        `grid` [columns, rows], `by`, `unit` (`s` or `visits`), `rows` (nested lists, top row first) for the whole
        time, and `hours`: a list of `{"start", "rows"}`; by dwell, hours hold `seconds` and `visits` to be summed
        before they are divided.
        """
        by = self._options.by
        return {
            "grid": [self._columns, self._rows],
            "by": by,
            "unit": "visits" if by == "visits" else "s",
            "rows": self._plain(_figure(self._sum, by)),
            "hours": [{"start": start, **self._hour_rows(sheet)} for start, sheet in self._hour.sheets.items()],
        }

    def _hour_rows(self, sheet: _Sheet) -> dict[str, object]:
        by = self._options.by
        if by == "dwell":
            return {"seconds": self._plain(sheet.seconds), "visits": self._plain(sheet.visits)}
        return {"rows": self._plain(_figure(sheet, by))}

    def _plain(self, cells: Floats | Ints) -> list[list[float]]:
        grid: NDArray[np.float64] | NDArray[np.int64] = cells.reshape(self._rows, self._columns)
        rounded: list[list[float]] = np.round(grid, _PLACES).tolist()
        return rounded


def _figure(sheet: _Sheet, by: str) -> Floats | Ints:
    if by == "visits":
        return sheet.visits
    if by == "presence":
        return sheet.seconds
    return np.asarray(sheet.seconds / np.maximum(sheet.visits, 1))


def build(options: HeatMapOptions, context: RuleContext) -> HeatMap:
    """Make the rule."""
    return HeatMap(options, context)


SPEC = Spec("heat_map", HeatMapOptions, build, "where people are, for how long, and how many different ones")
