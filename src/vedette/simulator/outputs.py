"""The files beside a simulated video: its truth in two forms, and rules to try on it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from vedette.model.errors import OutputError
from vedette.simulator.renderer import Drawn, Seen
from vedette.simulator.settings import Stage
from vedette.simulator.truth import Crossing, Visit, crossings, visits

MOT_CLASSES: Final = {"person": 1, "bicycle": 4, "motorcycle": 5, "car": 3, "truck": 3, "bus": 3}
"""MOTChallenge's numbers; it has one for everything with four wheels."""
_IN_VIEW: Final = 0.25
"""Share of somebody's pixels that must show for them to count as in view."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """An actor shows, at least a quarter of it, from the frame at `from_s` to the one at `to_s`."""

    id: int
    label: str
    from_s: float
    to_s: float


@dataclass(frozen=True, slots=True)
class Truth:
    """What happened in the frames that were written.

    counts           crossings per line: `forward` and `backward`
    people           number of people in view per frame
    sightings        when each actor shows, in order of time
    """

    scene: str
    seed: int
    frames: int
    fps: float
    seconds: float
    crossings: tuple[Crossing, ...]
    visits: tuple[Visit, ...]
    counts: Mapping[str, Mapping[str, int]]
    people: tuple[int, ...]
    sightings: tuple[Sighting, ...] = ()


@dataclass(slots=True)
class Ledger:
    """Takes down frame by frame what was drawn."""

    rows: list[str] = field(default_factory=list)
    people: list[int] = field(default_factory=list)
    labels: dict[int, str] = field(default_factory=dict)
    spans: dict[int, list[list[int]]] = field(default_factory=dict)

    def note(self, drawn: Drawn) -> None:
        """Take down one frame."""
        height, width = drawn.image.shape[:2]
        number = len(self.people) + 1
        for seen in sorted(drawn.seen, key=lambda one: one.id):
            if seen.visible is not None:
                self.rows.append(_mot_row(number, seen, width, height))
                self.labels[seen.id] = seen.label
        for seen in drawn.seen:
            if seen.visibility >= _IN_VIEW:
                self._extend(seen.id, number - 1)
        self.people.append(sum(one.label == "person" and one.visibility >= _IN_VIEW for one in drawn.seen))

    def _extend(self, number: int, frame: int) -> None:
        spans = self.spans.setdefault(number, [])
        if spans and spans[-1][1] == frame - 1:
            spans[-1][1] = frame
        else:
            spans.append([frame, frame])

    def truth(self, stage: Stage) -> Truth:
        """The truth of the frames taken down."""
        fps = stage.settings.fps
        until_s = len(self.people) / fps
        crossed = crossings(stage.scene, stage.view, stage.actors, until_s)
        counts = {line.id: {"forward": 0, "backward": 0} for line in stage.scene.lines}
        for crossing in crossed:
            counts[crossing.line][crossing.direction] += 1
        visited = visits(stage.scene, stage.view, stage.actors, until_s)
        return Truth(
            scene=stage.scene.name, seed=stage.settings.seed, frames=len(self.people), fps=fps, seconds=until_s,
            crossings=tuple(crossed), visits=tuple(visited), counts=counts, people=tuple(self.people),
            sightings=tuple(self._sightings(fps)),
        )  # fmt: skip

    def _sightings(self, fps: float) -> list[Sighting]:
        found = [
            Sighting(number, self.labels[number], first / fps, last / fps)
            for number, spans in self.spans.items()
            for first, last in spans
        ]
        return sorted(found, key=lambda sighting: (sighting.from_s, sighting.id))


def _mot_row(number: int, seen: Seen, width: int, height: int) -> str:
    left, top, right, bottom = seen.full
    left, top, right, bottom = max(0.0, left), max(0.0, top), min(float(width), right), min(float(height), bottom)
    box = f"{left:.2f},{top:.2f},{right - left:.2f},{bottom - top:.2f}"
    return f"{number},{seen.id},{box},1,{MOT_CLASSES[seen.label]},{seen.visibility:.3f}"


def write_rules(path: Path, stage: Stage) -> None:
    """A rules file with the scene's lines and zones. Raises OutputError."""
    rules = stage.scene.rules(stage.scene, stage.view)
    head = f"# Rules for the simulated scene {stage.scene.name}.\n"
    body = {"detector": {"name": "yolox-nano", "min_score": 0.3}, "analysis": {"fps": "native"}}
    text = head + yaml.safe_dump(body, sort_keys=False, default_flow_style=None) + "rules:\n"
    for rule in rules:
        text += "  - " + yaml.safe_dump(rule, sort_keys=False, default_flow_style=True, width=10_000)
    write_text(path, text)


def write_truth(folder: Path, stage: Stage, ledger: Ledger, truth: Truth) -> None:
    """`truth.json` and `truth.txt`. Raises OutputError."""
    write_text(folder / "truth.txt", "".join(row + "\n" for row in ledger.rows))
    write_text(folder / "truth.json", json.dumps(_as_json(stage, ledger, truth), indent=1) + "\n")


def _as_json(stage: Stage, ledger: Ledger, truth: Truth) -> dict[str, Any]:
    settings, view = stage.settings, stage.view
    return {
        "scene": truth.scene,
        "seed": truth.seed,
        "video": {"width": view.width, "height": view.height, "fps": truth.fps, "frames": truth.frames,
                  "duration_s": round(truth.seconds, 4)},
        "light": settings.light,
        "lines": {
            line.id: {"points": [list(p) for p in view.relative(line.ground)], "labels": list(line.labels),
                      "names": {"forward": line.forward, "backward": line.backward}}
            for line in stage.scene.lines
        },
        "zones": {
            zone.id: {"points": [list(p) for p in view.relative(zone.ground)], "labels": list(zone.labels)}
            for zone in stage.scene.zones
        },
        "counts": truth.counts,
        "crossings": [
            {"line": c.line, "t_s": round(c.t_s, 4), "frame": round(c.t_s * truth.fps), "direction": c.direction,
             "id": c.id, "label": c.label}
            for c in truth.crossings
        ],
        "visits": [
            {"zone": v.zone, "id": v.id, "label": v.label, "enter_s": round(v.enter_s, 2),
             "leave_s": None if v.leave_s is None else round(v.leave_s, 2)}
            for v in truth.visits
        ],
        "sightings": [
            {"id": s.id, "label": s.label, "from_s": round(s.from_s, 4), "to_s": round(s.to_s, 4)}
            for s in truth.sightings
        ],
        "labels": {str(number): label for number, label in sorted(ledger.labels.items())},
        "people_per_frame": list(truth.people),
    }  # fmt: skip


def write_text(path: Path, text: str) -> None:
    """Write a small file. Raises OutputError."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f"cannot write {path}: {reason}; check the folder and its permissions") from error
