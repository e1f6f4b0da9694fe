"""HOTA, IDF1 and MOTA from given detections, beside the `trackers` package, and what halving the frame rate costs."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import cast

from benchmarks import mot, tracking
from benchmarks.clips import Runs
from benchmarks.table import Part, Row, Table, Verdict

MOST_LOSS = 2.0
_RATES = ("native", "half")


def measure(runs: Runs, *, quick: bool, say: Callable[[str], None]) -> Part:  # noqa: ARG001 - all parts alike
    """All contestants at the native rate and at half of it."""
    what = "HOTA from given detections, half the native rate against the native rate"
    asked = Verdict(what, f"loses at most {MOST_LOSS:g}")
    if not mot.sequences():
        return Part([], [asked], ["tracking_mot: no such footage"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        say("scores from given detections")
        rows = cast("list[Row]", tracking.accuracy_rows())
        formats = {column: ".1f" for column in rows[0] if column.split()[-1] != "switches"}
        tables = [Table("Tracks from given detections", rows, _NOTE, formats)]
        if not quick:
            say("crossings with true boxes")
            tables.append(Table("Crossings by tracks of the true boxes", cast("list[Row]", tracking.crossing_rows())))
    hota = {(row["tracker"], row["frame rate"]): float(row["HOTA"] or 0.0) for row in rows}
    ours = hota["Vedette", "native"], hota["Vedette", "half"]
    best = [max(value for (name, at), value in hota.items() if name != "Vedette" and at == rate) for rate in _RATES]
    measured = f"{ours[0]:.1f} to {ours[1]:.1f} ({ours[1] - ours[0]:+.1f}); best peer {best[0]:.1f} to {best[1]:.1f}"
    return Part(tables, [Verdict(asked.what, asked.required, measured, ours[0] - ours[1] <= MOST_LOSS)])


_NOTE = (
    "The four sequences of tracking_mot from the detections that lie beside them, scored with `trackeval`, pooled over "
    "the sequences; peers are those of the `trackers` package with their defaults. At half the rate every second frame "
    "is given, and those are scored."
)
