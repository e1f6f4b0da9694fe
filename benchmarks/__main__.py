"""`python -m benchmarks [NAME ...]`: measure, print, and write RESULTS.md with RESULTS.json beside it.

Without names everything is measured and the committed results are replaced. With names, or with --quick, results are
printed, and written only where -o says, so that a glimpse does not replace a full run.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks import (
    accuracy,
    database,
    gating,
    idle,
    kills,
    latency,
    live,
    machine,
    memory,
    recording,
    speed,
    tracking_scores,
)
from benchmarks.clips import Runs
from benchmarks.table import Part, Table

PARTS: dict[str, Callable[..., Part]] = {
    "accuracy": accuracy.measure,
    "tracking": tracking_scores.measure,
    "speed": speed.measure,
    "gating": gating.measure,
    "memory": memory.measure,
    "recording": recording.measure,
    "kills": kills.measure,
    "idle": idle.measure,
    "latency": latency.measure,
    "live": live.measure,
    "database": database.measure,
}
HERE = Path(__file__).parent


def main() -> None:
    """Measure what was asked for."""
    chosen = _arguments()
    names = chosen.names or list(PARTS)
    began, runs = time.monotonic(), Runs()
    parts = {}
    for name, measure in PARTS.items():
        if name in names:
            parts[name] = measure(runs, quick=chosen.quick, say=partial(_say, name, began))
    words = ["python -m benchmarks", *chosen.names, *(["--quick"] if chosen.quick else [])]
    facts = machine.facts(" ".join(words), time.monotonic() - began)
    text = markdown(parts, Table("Measured on", facts))
    print(text)
    folder = chosen.out or (None if chosen.names or chosen.quick else HERE)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "RESULTS.md").write_text(text + "\n", encoding="utf-8")
        record: dict[str, object] = {"measured_on": {str(row[""]): row["is"] for row in facts}}
        record |= {name: part.to_json() for name, part in parts.items()}
        (folder / "RESULTS.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"what to measure: {', '.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="parts of clips and short streams: does everything work?")
    parser.add_argument("-o", "--out", type=Path, metavar="FOLDER", help="folder for RESULTS.md and RESULTS.json")
    chosen = parser.parse_args()
    unknown = [name for name in chosen.names if name not in PARTS]
    if unknown:
        parser.error(f"there is no {', '.join(unknown)}: known are {', '.join(PARTS)}")
    return chosen


def _say(name: str, began: float, what: str) -> None:
    print(f"{time.monotonic() - began:6.0f} s  {name}: {what}", file=sys.stderr, flush=True)


def markdown(parts: dict[str, Part], facts: Table) -> str:
    """Everything as one page: what was found, what was asked for, and on what it was measured."""
    blocks = ["# What Vedette measures", _INTRODUCTION]
    for name, part in parts.items():
        blocks.append(f"## {name.capitalize()}")
        blocks += [table.markdown() for table in part.tables if table.rows]
        if part.skipped:
            blocks.append("Skipped:\n\n" + "\n".join(f"- {line}" for line in part.skipped))
    verdicts = [verdict.row() for part in parts.values() for verdict in part.verdicts]
    blocks += ["## Required and measured", Table("Every figure that is asked for", verdicts).markdown()]
    return "\n\n".join([*blocks, facts.markdown()])


_INTRODUCTION = (
    'Written by `make bench`. "Ours" is `vedette.analyze` with default settings: only the rule, its labels and, for '
    "a camera that looks straight down, `view: overhead` are given. RESULTS.json has the same figures, and every "
    "crossing that was missed or counted too often."
)

if __name__ == "__main__":
    main()
