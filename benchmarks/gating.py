"""What looking only where something happens saves, and what it loses against looking at every whole frame."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import clips, scoring
from benchmarks.clips import Clip, Event, Run, Runs
from benchmarks.scoring import Crossing, TruthLine
from benchmarks.table import Part, Row, Table, Verdict
from vedette.simulator.render import simulate

MOST = 0.4
IDLE = 0.25
"""A clip has idle time when looking at whole frames follows nothing in so large a part of them."""
SCENES = {"fence-line": 4, "shop-entrance": 15}
"""Simulated scenes, and a seed with which about half of the time nobody is in view when few people come."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One clip looked at in both ways."""

    clip: Clip
    gated: Run
    whole: Run

    @property
    def ratio(self) -> float:
        """Inferences when gated over those of whole frames."""
        return self.gated.summary.performance.inferences / max(self.whole.summary.performance.inferences, 1)

    @property
    def idle(self) -> float:
        """Part of the frames in which looking at whole frames follows nothing."""
        return 1.0 - self.whole.followed / max(self.whole.summary.performance.frames_analyzed, 1)

    @property
    def lost(self) -> list[Event]:
        """Events of whole frames that gating does not have within a second."""
        return unmatched(self.whole.events, self.gated.events)

    @property
    def extra(self) -> list[Event]:
        """Events that only gating has."""
        return unmatched(self.gated.events, self.whole.events)


def unmatched(these: Sequence[Event], those: Sequence[Event]) -> list[Event]:
    """Those of `these` that have no partner of the same rule, kind and direction within a second, one to one."""
    choices = [
        [
            j
            for j, b in enumerate(those)
            if (a.rule, a.kind, a.direction) == (b.rule, b.kind, b.direction)
            and abs(a.t_s - b.t_s) <= scoring.TOLERANCE_S + 1e-9
        ]
        for a in these
    ]
    matched = scoring.pairs(choices)
    return [event for i, event in enumerate(these) if i not in matched]


def measure(runs: Runs, *, quick: bool, say: Callable[[str], None]) -> Part:
    """Public clips and two simulated scenes with few people."""
    limit_s = 12.0 if quick else None
    (known, missing), (empty, missing_too) = clips.public_clips(limit_s), clips.empty_clips(limit_s)
    with tempfile.TemporaryDirectory() as folder:
        drawn = [_draw(name, seed, Path(folder) / name, 20.0 if quick else 90.0, say) for name, seed in SCENES.items()]
        pairs = []
        for clip in [*known, *empty, *drawn]:
            say(clip.name)
            pairs.append(Pair(clip, runs.of(clip), runs.of(clip, None, "whole")))
    note = (
        "Both at the native rate. A clip has idle time when whole frames show nothing to follow in at least "
        f"{IDLE:.0%} of them. Lost and extra are events with no partner of the same rule, kind and direction within a "
        "second on the other side; error is that of counting where the truth is known. The simulated scenes have few "
        "people and pauses."
    )
    formats = {"idle": ".0%", "ratio": ".0%", "gated error": ".1%", "whole error": ".1%"}
    table = Table("Inferences and events, gated against whole frames", [_row(pair) for pair in pairs], note, formats)
    details = {
        pair.clip.name: {"lost": list(map(asdict, pair.lost)), "extra": list(map(asdict, pair.extra))} for pair in pairs
    }
    return Part([table], _verdicts([pair for pair in pairs if pair.idle >= IDLE]), [*missing, *missing_too], details)


def _draw(name: str, seed: int, folder: Path, seconds: float, say: Callable[[str], None]) -> Clip:
    """A simulated scene as a clip: its own lines, and a zone that catches everybody in the middle of the picture."""
    say(f"drawing {name}")
    truth = simulate(name, folder, seed=seed, seconds=seconds, fps=10.0, people=1)
    record = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    lines = tuple(
        TruthLine(
            name, line, (tuple(facts["points"][0]), tuple(facts["points"][1])), tuple(facts["labels"]), "oblique",
            tuple(Crossing(c.direction, c.t_s, c.t_s) for c in truth.crossings if c.line == line),
        )
        for line, facts in record["lines"].items()
    )  # fmt: skip
    area = [[0.2, 0.3], [0.8, 0.3], [0.8, 0.9], [0.2, 0.9]]
    zone: dict[str, object] = {"id": "middle", "type": "intrusion", "zone": area, "labels": ["person", "vehicle"]}
    rules = (*(clips.line_rule(line) for line in lines), zone)
    return Clip(f"sim:{name}", folder / "video.mp4", rules, lines)


def _row(pair: Pair) -> Row:
    gated, whole = pair.gated, pair.whole
    row: dict[str, str | int | float | bool | None] = {
        "clip": pair.clip.name,
        "idle": pair.idle,
        "frames": whole.summary.performance.frames_analyzed,
        "gated": gated.summary.performance.inferences,
        "whole": whole.summary.performance.inferences,
        "ratio": pair.ratio,
        "gated events": len(gated.events),
        "whole events": len(whole.events),
        "lost": len(pair.lost),
        "extra": len(pair.extra),
    }
    if any(line.crossings for line in pair.clip.lines):
        row |= {
            "gated error": gated.score(pair.clip.lines).count_error,
            "whole error": whole.score(pair.clip.lines).count_error,
        }
    return row


def _verdicts(idle: Sequence[Pair]) -> list[Verdict]:
    share, events = (
        "Gated inferences on clips with idle time",
        "Events of whole frames lost by gating, clips with idle time",
    )
    if not idle:
        return [Verdict(share, f"at most {MOST:.0%}"), Verdict(events, "none")]
    ratios = ", ".join(f"{pair.clip.name} {pair.ratio:.0%}" for pair in idle)
    lost = ", ".join(f"{pair.clip.name} {len(pair.lost)} of {len(pair.whole.events)}" for pair in idle)
    return [
        Verdict(share, f"at most {MOST:.0%}", ratios, all(pair.ratio <= MOST for pair in idle)),
        Verdict(events, "none", lost, all(not pair.lost for pair in idle)),
    ]
