"""Everything `vedette analyze -o DIR` leaves behind, behind one door.

    with Outputs(folder, info=stream.info, rules=views) as outputs:
        for step in steps:
            outputs.take(step)
        summary = outputs.close(Ending(source=..., performance=..., model=..., values=...))

`close` may come at any moment, after an interruption too, and leaves valid files. Leaving the block without it (an
error flew through) finishes the lists and the video; summary and report are not written then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np

from vedette.model.errors import OutputError
from vedette.model.media import Image, StreamInfo
from vedette.model.step import Step
from vedette.reports.annotated import AnnotatedVideo
from vedette.reports.disk import make_folder, writing
from vedette.reports.events import EventsFile
from vedette.reports.heat_map import PresenceGrid, draw_heat_map, heat_of_rule, write_png
from vedette.reports.journal import Journal
from vedette.reports.rule_view import RuleView
from vedette.reports.summary import (
    ModelSummary,
    Performance,
    SourceSummary,
    Summary,
    Tally,
    write_summary,
)
from vedette.reports.tracks import TracksFile

__all__ = ["FILES", "Ending", "Outputs", "RuleView", "summarise"]

FILES: Final = ("events.jsonl", "tracks.txt", "annotated.mp4", "summary.json", "heat_map.png", "report.html")
"""Names of all files that may be written. Those of an earlier analysis in the same folder are removed first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What only the caller knows when an analysis is over.

    values    each rule's own last figures (`Rule.values()`), by rule id
    complete  everything that was asked for was analysed
    note      one line for readers, such as why it was not
    """

    source: SourceSummary
    performance: Performance
    model: ModelSummary
    values: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    complete: bool = True
    note: str = ""


def summarise(tally: Tally, ending: Ending) -> Summary:
    """The figures of an analysis, also of one that writes no files."""
    return Summary(
        source=ending.source,
        rules=tally.rules(ending.values),
        performance=ending.performance,
        model=ending.model,
        vedette=version("vedette"),
        complete=ending.complete,
        note=ending.note,
    )


class Outputs:
    """Writes all files of one analysis into `folder`, which is made where it is not there.

    Everything is written while the video runs by, or kept in bounded memory. Raises OutputError, one line that says
    what cannot be written and what to do; the other files stay valid then.
    """

    def __init__(self, folder: Path, *, info: StreamInfo, rules: Sequence[RuleView] = (), video: bool = True) -> None:
        make_folder(folder)
        for name in FILES:
            with writing(folder / name):
                (folder / name).unlink(missing_ok=True)
        self.folder = folder
        self.tally = Tally(rules)
        self._info, self._rules = info, tuple(rules)
        self._events = EventsFile(folder / "events.jsonl")
        self._tracks = TracksFile(folder / "tracks.txt")
        self._video = AnnotatedVideo(folder / "annotated.mp4", info, rules) if video else None
        self._presence = PresenceGrid(rules[0].anchor if rules else "bottom")
        self._journal = Journal(rules)
        self._finished = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Finish the lists and the video. Trouble with that is told only where no error is under way already."""
        if error is None:
            self.abandon()
        else:
            with suppress(OutputError):
                self.abandon()

    def take(self, step: Step) -> None:
        """Take in one analysed frame. The picture is only read, never drawn into. Raises OutputError."""
        self.tally.take(step)
        self._events.take(step)
        self._tracks.take(step)
        self._presence.take(step)
        self._journal.take(step)
        if self._video is not None:
            self._video.take(step)

    def close(self, ending: Ending) -> Summary:
        """Finish all files and write summary.json, heat_map.png and report.html, in this order.

        All are tried, also after one fails; then the first error is raised.
        """
        summary = summarise(self.tally, ending)
        _all(
            self.abandon,
            lambda: write_summary(self.folder / "summary.json", summary),
            lambda: self._picture(summary),
        )
        return summary

    def _picture(self, summary: Summary) -> None:
        """Heat map and report: last, because they take seconds in which an impatient user presses Ctrl-C again."""
        # Matplotlib comes with it and takes 60 MB, which the analysis itself has better use for.
        from vedette.reports.report import write_report  # noqa: PLC0415

        heat = self._heat_picture(summary)
        _all(
            lambda: write_png(self.folder / "heat_map.png", heat),
            lambda: write_report(self.folder / "report.html", self._journal, summary, self._rules, heat),
        )

    def abandon(self) -> None:
        """Finish the lists and the video without a summary; may be called twice. Raises OutputError."""
        if self._finished:
            return
        self._finished = True
        video = () if self._video is None else (self._video.close,)
        _all(self._events.close, self._tracks.close, *video)

    def _heat_picture(self, summary: Summary) -> Image:
        reference = self._journal.scene.picture()
        if reference is None:
            size = (max(self._info.height, 90), max(self._info.width, 160), 3)
            reference = np.full(size, 60, np.uint8)
        told = (heat_of_rule(summary.rules[rule.id].values) for rule in self._rules if rule.type == "heat_map")
        heat = next((heat for heat in told if heat is not None), None) or self._presence.heat()
        return draw_heat_map(heat, reference)


def _all(*steps: Callable[[], None]) -> None:
    """Run every step, then raise the first OutputError that one of them met."""
    first: OutputError | None = None
    for step in steps:
        try:
            step()
        except OutputError as error:
            first = first or error
    if first is not None:
        raise first
