"""Counting across lines against the truth, beside the usual recipe measured in the same run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks import clips, recipe, scoring
from benchmarks.clips import Clip, Run, Runs, rate_name
from benchmarks.scoring import Score, TruthLine
from benchmarks.table import Part, Row, Table, Verdict

REQUIRED = ("vtest.avi", "TUD-Campus.mp4", "traffic_camera.mp4")
OVERHEAD = "car-detection.mp4"
LIMITS: dict[float | None, tuple[float, float]] = {None: (0.05, 0.955), 5.0: (0.06, 0.95)}
"""Rate to the most count error and the least event F1."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What both sides say of one line at one rate; the recipe's by variant."""

    clip: Clip
    line: TruthLine
    fps: float | None
    ours: Sequence[scoring.Happening]
    theirs: dict[str, Sequence[scoring.Happening]]
    run: Run

    def score(self, variant: str | None = None) -> Score:
        """Of ours, or of a variant of the recipe."""
        return scoring.score(self.line, self.ours if variant is None else self.theirs[variant])


def measure(runs: Runs, *, quick: bool, say: Callable[[str], None]) -> Part:
    """Every line of every public clip at every rate."""
    limit_s = 12.0 if quick else None
    rates = (None, 5.0) if quick else clips.RATES
    known, missing = clips.public_clips(limit_s)
    empty, missing_too = clips.empty_clips(limit_s)
    answers = [answer for clip in known for answer in _answers(clip, rates, runs, say)]
    silent = [_listened(clip, fps, runs, say) for clip in empty for fps in rates]
    best = {fps: _best_variant([a for a in answers if a.fps == fps]) for fps in rates}
    tables = [
        Table("Counting across lines, pooled", _pooled(answers, rates, best), _POOLED_NOTE, _FORMATS),
        Table("Counting across lines, each", _each(answers, best), _EACH_NOTE, _FORMATS),
        Table("Events where no person or vehicle is", [_silence(*entry) for entry in silent], _EMPTY_NOTE),
        Table("Set-ups of the recipe", _variants(answers, rates), "", _FORMATS),
    ]
    verdicts = [] if quick else [*_verdicts(answers, best), _overhead(answers), _nothing(silent)]
    details = {"wrong": [wrong for answer in answers for wrong in _wrong(answer)]}
    return Part(tables, verdicts, [*missing, *missing_too], details)


_FORMATS = {"ours error": ".1%", "recipe error": ".1%", "ours F1": ".3f", "recipe F1": ".3f"}
_POOLED_NOTE = (
    "Error is miscounted crossings over true ones, F1 is of events within one second of the truth. The recipe has the "
    "same weights on the whole picture (score 0.3), `trackers` ByteTrackTracker with its defaults and supervision "
    "LineZone; of four set-ups of the zone the best at that rate is shown."
)
_EACH_NOTE = (
    "Counts are forward + backward. A rate at or above the clip's own is its native run. traffic_camera_vfr.mp4 shows "
    "the pictures of traffic_camera.mp4 at irregular times and is in no pool."
)
_EMPTY_NOTE = (
    "A line down the middle, one across, and an intrusion zone over the whole picture, for person and vehicle."
)


def _answers(clip: Clip, rates: Sequence[float | None], runs: Runs, say: Callable[[str], None]) -> list[Answer]:
    say(f"{clip.name} recipe")
    seen = recipe.look(clip)
    answers = []
    for fps in rates:
        say(f"{clip.name} {rate_name(fps)}")
        run, theirs = runs.of(clip, fps), recipe.count(seen, clip.rate(fps))
        answers += [
            Answer(clip, line, fps, run.crossings(line.name), {name: theirs[name][line.name] for name in theirs}, run)
            for line in clip.lines
        ]
    return answers


def _listened(clip: Clip, fps: float | None, runs: Runs, say: Callable[[str], None]) -> tuple[Clip, float | None, Run]:
    say(f"{clip.name} {rate_name(fps)}")
    return clip, fps, runs.of(clip, fps)


def _pool(answers: Sequence[Answer], variant: str | None = None) -> Score:
    return sum((answer.score(variant) for answer in answers), Score())


def _required(answers: Sequence[Answer], fps: float | None) -> list[Answer]:
    return [answer for answer in answers if answer.fps == fps and answer.clip.name in REQUIRED]


def _best_variant(answers: Sequence[Answer]) -> str:
    pooled = [answer for answer in answers if answer.clip.name in REQUIRED]

    def merit(name: str) -> tuple[float, float]:
        return _pool(pooled, name).f1, -_pool(pooled, name).count_error

    return max((variant.name for variant in recipe.VARIANTS), key=merit)


def _beside(ours: Score, theirs: Score) -> Row:
    return {
        "true": ours.crossings,
        "ours wrong": ours.miscounted,
        "ours error": ours.count_error,
        "ours F1": ours.f1,
        "recipe wrong": theirs.miscounted,
        "recipe error": theirs.count_error,
        "recipe F1": theirs.f1,
    }


def _pooled(answers: Sequence[Answer], rates: Sequence[float | None], best: dict[float | None, str]) -> list[Row]:
    pools = {"vtest, TUD-Campus, traffic_camera": REQUIRED, "the same and car-detection": (*REQUIRED, OVERHEAD)}
    rows: list[Row] = []
    for title, names in pools.items():
        for fps in rates:
            mine = [answer for answer in answers if answer.fps == fps and answer.clip.name in names]
            row = _beside(_pool(mine), _pool(mine, best[fps]))
            rows.append({"lines of": title, "frames/s": rate_name(fps), **row, "recipe's zone": best[fps]})
    return rows


def _shown(events: Sequence[scoring.Happening]) -> str:
    ways = [way for way, _ in events]
    return f"{ways.count('forward')} + {ways.count('backward')}"


def _each(answers: Sequence[Answer], best: dict[float | None, str]) -> list[Row]:
    rows: list[Row] = []
    for answer in answers:
        variant = best[answer.fps]
        work, line = answer.run.summary.performance, answer.line
        row: Row = {
            "clip": answer.clip.name,
            "line": line.name,
            "frames/s": rate_name(answer.fps),
            "truth": f"{line.count('forward')} + {line.count('backward')}",
            "ours": _shown(answer.ours),
            "recipe": _shown(answer.theirs[variant]),
        }
        scores = {key: value for key, value in _beside(answer.score(), answer.score(variant)).items() if " " in key}
        inferences = {"inferences/frame": work.inferences / max(work.frames_analyzed, 1)}
        rows.append({**row, **scores, **inferences})
    return rows


def _variants(answers: Sequence[Answer], rates: Sequence[float | None]) -> list[Row]:
    rows: list[Row] = []
    for variant in recipe.VARIANTS:
        for fps in rates:
            score = _pool(_required(answers, fps), variant.name)
            rows.append({
                "zone": variant.name, "frames/s": rate_name(fps), "true": score.crossings,
                "recipe wrong": score.miscounted, "recipe error": score.count_error, "recipe F1": score.f1,
            })  # fmt: skip
    return rows


def _silence(clip: Clip, fps: float | None, run: Run) -> Row:
    work = run.summary.performance
    return {
        "clip": clip.name,
        "frames/s": rate_name(fps),
        "frames": work.frames_analyzed,
        "events": len(run.events),
        "inferences": work.inferences,
    }


def _wrong(answer: Answer) -> list[dict[str, object]]:
    """Crossings that ours missed and events that ours has too many, by the clip's frame numbers."""
    missed, surplus = scoring.differences(answer.line.crossings, answer.ours)
    place = {"clip": answer.clip.name, "line": answer.line.name, "frames/s": rate_name(answer.fps)}
    frames = {(event.direction, event.t_s): event.frame for event in answer.run.events}
    return [
        *({**place, "what": "missed", "direction": c.direction, "t_s": round(c.first_s, 2)} for c in missed),
        *({**place, "what": "surplus", "direction": way, "t_s": round(t_s, 2), "frame": frames[way, t_s]}
          for way, t_s in surplus),
    ]  # fmt: skip


def _verdicts(answers: Sequence[Answer], best: dict[float | None, str]) -> list[Verdict]:
    found = []
    for fps, (most, least) in LIMITS.items():
        mine = _required(answers, fps)
        what = f"Counting on vtest, TUD-Campus and traffic_camera, {rate_name(fps)} frames/s"
        required = f"error at most {most:.0%}, F1 at least {least}, both better than the recipe"
        if {answer.clip.name for answer in mine} != set(REQUIRED):
            found.append(Verdict(what, required))
            continue
        ours, theirs = _pool(mine), _pool(mine, best[fps])
        measured = f"{ours.count_error:.1%}, {ours.f1:.3f}; recipe {theirs.count_error:.1%}, {theirs.f1:.3f}"
        better = ours.count_error < theirs.count_error and ours.f1 > theirs.f1
        found.append(Verdict(what, required, measured, ours.count_error <= most and ours.f1 >= least and better))
    return found


def _overhead(answers: Sequence[Answer]) -> Verdict:
    asked = Verdict("car-detection with view: overhead, at native and 5 frames/s", "4 of 4, nothing else")
    cars = [(answer.fps, answer.score()) for answer in answers if answer.clip.name == OVERHEAD]
    if not cars:
        return asked
    measured = ", ".join(
        f"{rate_name(fps)}: {score.matched} right, {score.found - score.matched} not" for fps, score in cars
    )
    met = all(score.matched == score.crossings == score.found for fps, score in cars if fps in LIMITS)
    return Verdict(asked.what, asked.required, measured, met)


def _nothing(silent: Sequence[tuple[Clip, float | None, Run]]) -> Verdict:
    asked = Verdict("Person and vehicle events on bottle-detection and issue53_brightness_change", "none")
    if {clip.name for clip, _, _ in silent} != set(clips.EMPTY):
        return asked
    events = sum(len(run.events) for _, _, run in silent)
    return Verdict(asked.what, asked.required, f"{events} in {len(silent)} runs", events == 0)
