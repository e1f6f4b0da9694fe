"""Figures for Prometheus, gathered when they are asked for: from the health of the parts, and from this process.

A figure `bytes_free` of the part `storage:<uuid>` becomes `vedette_storage_bytes_free{storage="<uuid>"}`. What counts
from the start of a process is a counter, whose name ends in `_total`; all others are gauges. docs/guide/watching.md
lists them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Final, get_args

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from vedette.model.health import AlarmKind, Health, State
from vedette.server.parts import ServerParts

_WORD: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")
_COUNTED: Final = frozenset(
    {
        "analyzed_frames", "batches", "cpu_s", "crashes", "damaged_packets", "deleted", "dropped", "dropped_fragments",
        "dropped_frames", "failures", "fragments", "gaps", "inferences", "kept", "lost_packets", "packets", "pictures",
        "reconnects", "rows_dropped", "wakes", "written_bytes",
    }
)  # fmt: skip
_LABELS: Final[Mapping[str, tuple[str, ...]]] = {
    "camera": ("camera", "stream"),
    "analysis": ("camera",),
    "storage": ("storage",),
}


@dataclass(frozen=True, slots=True)
class Figure:
    """One number with its name and labels."""

    name: str
    labels: tuple[tuple[str, str], ...]
    value: float


def registry(parts: ServerParts) -> CollectorRegistry:
    """All figures as they stand now."""
    made = CollectorRegistry(auto_describe=False)
    made.register(_Figures(parts))
    ProcessCollector(namespace="vedette_server", registry=made)
    return made


class _Figures(Collector):
    def __init__(self, parts: ServerParts) -> None:
        self._parts = parts

    def collect(self) -> Iterable[Metric]:
        health = self._parts.board.health()
        yield from _families(figure for one in health for figure in figures_of(one))
        states = GaugeMetricFamily("vedette_part_state", "1 for the state a part is in", labels=("part", "state"))
        for one in health:
            for state in get_args(State):
                states.add_metric((one.part, state), float(one.state == state))
        yield states
        alarms = GaugeMetricFamily("vedette_alarms_open", "Alarms of the system that last", labels=("kind",))
        still = [alarm.kind for alarm in self._parts.board.alarms() if alarm.cleared_utc_ns is None]
        for kind in get_args(AlarmKind):
            alarms.add_metric((kind,), still.count(kind))
        yield alarms
        viewers = GaugeMetricFamily("vedette_live_viewers", "Live views that are open", labels=("camera",))
        for camera, count in sorted(self._parts.live.viewers().items()):
            viewers.add_metric((camera,), count)
        yield viewers
        encoding = self._parts.live.encoding()
        yield GaugeMetricFamily("vedette_live_transcoding", "Streams that are transcoded for viewers", value=encoding)
        if (silent := self._parts.board.silent_s()) is not None:
            yield GaugeMetricFamily("vedette_server_silent_s", "Seconds since the last news of any part", value=silent)


def figures_of(health: Health) -> Iterator[Figure]:
    """The figures of one part under their full names."""
    family, *names = health.part.split(":")
    labels = tuple(zip(_LABELS.get(family, tuple(f"name{n}" for n, _ in enumerate(names))), names, strict=False))
    if not _WORD.fullmatch(family):
        return
    for name, value in health.figures.items():
        if _WORD.fullmatch(name) and isfinite(value):
            counter = "_total" if name in _COUNTED else ""
            yield Figure(f"vedette_{family}_{name}{counter}", labels, float(value))


def _families(figures: Iterable[Figure]) -> Iterator[Metric]:
    made: dict[str, tuple[tuple[str, ...], Metric]] = {}
    for figure in figures:
        names = tuple(name for name, _ in figure.labels)
        if figure.name not in made:
            kind = CounterMetricFamily if figure.name.endswith("_total") else GaugeMetricFamily
            made[figure.name] = names, kind(figure.name, figure.name.replace("_", " "), labels=names)
        known, family = made[figure.name]
        if known == names:
            family.add_sample(figure.name, dict(figure.labels), figure.value)
    yield from (family for _, family in made.values())
