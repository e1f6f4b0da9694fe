"""annotated.mp4: the video with everything the analysis saw drawn into it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from vedette.model.events import RuleEvent
from vedette.model.media import Image, StreamInfo
from vedette.model.observations import Subjects
from vedette.model.step import Step
from vedette.model.time import NS_PER_S
from vedette.reports.drawing import Canvas, Layer, paste, printable, tag, text_size
from vedette.reports.geometry_layer import geometry_layer, text_px, to_pixels
from vedette.reports.inside import Inside
from vedette.reports.palette import INK, PAPER, Colour, bgr, object_colour, rule_colour
from vedette.reports.rule_view import RuleView
from vedette.reports.words import clock_time
from vedette.video.writer import VideoWriter

TRACE_S: Final = 1.0
FLASH_NS: Final = NS_PER_S // 2
_TAGS: Final = 512
_PANEL_RULES: Final = 8


class Painter:
    """Draws a step: boxes, ids, labels, the last second of every path, the rules, running counts and the time."""

    def __init__(self, rules: Sequence[RuleView], width: int, height: int) -> None:
        self._rules = tuple(rules)
        self._size = (width, height)
        self._px = text_px(height)
        self._thick = max(1, round(height / 540))
        self._anchor = rules[0].anchor if rules else "bottom"
        self._geometry = geometry_layer(self._rules, width, height)
        self._tags: dict[tuple[str, int, Colour], Image] = {}
        self._panel = Panel(self._rules, self._px, width, height)
        self._flash_until: dict[int, int] = {}
        self._position = {rule.id: position for position, rule in enumerate(self._rules)}

    def take(self, step: Step) -> None:
        """Take in the events of `step`, so that counts and flashes are right in the next picture."""
        for event in step.events:
            self._panel.count(event)
            if event.rule in self._position:
                self._flash_until[self._position[event.rule]] = step.frame.at.stream_ns + FLASH_NS

    def paint(self, step: Step) -> Image:
        """The picture of `step`, drawn on a copy. It has the size the painter was made for."""
        width, height = self._size
        image: Image = np.array(step.frame.image, np.uint8)
        if image.shape[:2] != (height, width):
            image = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        self._geometry.lay_on(image)
        self._paint_flashes(image, step.frame.at.stream_ns)
        self._paint_subjects(image, step.now.subjects)
        self._panel.lay_on(image, step)
        return image

    def _paint_flashes(self, image: Image, now_ns: int) -> None:
        for position, until in list(self._flash_until.items()):
            if now_ns > until:
                del self._flash_until[position]
                continue
            rule = self._rules[position]
            points = rule.line or rule.zone
            if points:
                place = to_pixels(points, *self._size).reshape(-1, 1, 2)
                closed = not rule.line
                cv2.polylines(image, [place], closed, bgr(PAPER), 4 * self._thick, cv2.LINE_AA)
                tone = bgr(rule_colour(position, rule.severity))
                cv2.polylines(image, [place], closed, tone, 2 * self._thick, cv2.LINE_AA)

    def _paint_subjects(self, image: Image, subjects: Subjects) -> None:
        rows = np.flatnonzero(subjects.confirmed & ~subjects.gone)
        size = np.array([self._size[0], self._size[1]] * 2, float)
        boxes = np.clip(np.rint(subjects.box * size), -32000, 32000).astype(int)
        order = rows[np.argsort(boxes[rows, 3], kind="stable")].tolist()
        for row in order:
            self._paint_trace(image, subjects, row)
        for row in order:
            self._paint_box(image, subjects, row, boxes[row].tolist())

    def _paint_trace(self, image: Image, subjects: Subjects, row: int) -> None:
        path = subjects.trace(int(subjects.slot[row]), self._anchor, TRACE_S)
        if len(path) < 2:
            return
        place = to_pixels([(x, y) for _, x, y in path], *self._size)
        tone = bgr(self._colour(subjects, row))
        cv2.polylines(image, [place.reshape(-1, 1, 2)], False, bgr(INK), self._thick + 2, cv2.LINE_AA)
        cv2.polylines(image, [place.reshape(-1, 1, 2)], False, tone, self._thick, cv2.LINE_AA)
        cv2.circle(image, tuple(place[-1].tolist()), 2 * self._thick + 1, tone, -1, cv2.LINE_AA)

    def _paint_box(self, image: Image, subjects: Subjects, row: int, box: list[int]) -> None:
        colour = self._colour(subjects, row)
        left, top, right, bottom = box
        if not subjects.seen[row]:
            self._paint_corners(image, box, colour)
            return
        cv2.rectangle(image, (left, top), (right, bottom), bgr(INK), self._thick + 2)
        cv2.rectangle(image, (left, top), (right, bottom), bgr(colour), self._thick)
        plate = self._tag(self._name(subjects, row), int(subjects.track[row]), colour)
        if plate.shape[1] > 2 * (right - left):
            plate = self._tag("", int(subjects.track[row]), colour)
        above = top - plate.shape[0]
        paste(image, plate, min(left, self._size[0] - plate.shape[1]), above if above >= 0 else top)

    def _paint_corners(self, image: Image, box: list[int], colour: Colour) -> None:
        """Four corners instead of a box: expected there, not seen in this picture."""
        left, top, right, bottom = box
        arm = max(3, min(right - left, bottom - top) // 5)
        for x, dx in ((left, arm), (right, -arm)):
            for y, dy in ((top, arm), (bottom, -arm)):
                cv2.line(image, (x, y), (x + dx, y), bgr(colour), self._thick)
                cv2.line(image, (x, y), (x, y + dy), bgr(colour), self._thick)

    def _name(self, subjects: Subjects, row: int) -> str:
        return subjects.names[int(subjects.label[row])] if subjects.names else ""

    def _colour(self, subjects: Subjects, row: int) -> Colour:
        return object_colour(self._name(subjects, row))

    def _tag(self, name: str, track: int, colour: Colour) -> Image:
        key = (name, track, colour)
        plate = self._tags.pop(key, None)
        if plate is None:
            plate = tag(f"{printable(name, 16)} {track}".strip(), self._px * 0.85, colour)
            if len(self._tags) >= _TAGS:
                del self._tags[next(iter(self._tags))]
        self._tags[key] = plate
        return plate


class Panel:
    """Running counts in the upper left corner, the time in the upper right. Redrawn only when the words change."""

    def __init__(self, rules: Sequence[RuleView], px: float, width: int, height: int) -> None:
        self._rules = tuple(rules)
        self._px = px
        self._room = (width, height)
        self._counts: dict[str, dict[str, int]] = {rule.id: {} for rule in rules}
        self._inside = Inside(rules)
        self._shown: tuple[tuple[int, str], ...] = ()
        self._layer: Layer | None = None

    def count(self, event: RuleEvent) -> None:
        """One more event."""
        self._inside.hear(event)
        if event.rule in self._counts:
            counts, sort = self._counts[event.rule], event.direction or event.kind
            counts[sort] = counts.get(sort, 0) + 1

    def lay_on(self, image: Image, step: Step) -> None:
        """Draw the panel and the time into `image`."""
        self._inside.look(step.now.subjects)
        said = ((position, self._line(rule)) for position, rule in enumerate(self._rules))
        lines = tuple((position, line) for position, line in said if line)[:_PANEL_RULES]
        if lines != self._shown:
            self._shown, self._layer = lines, self._drawn(lines)
        if self._layer is not None:
            self._layer.lay_on(image)
        clock = tag(clock_time(step.frame.at.stream_s, tenths=True), self._px, INK)
        margin = round(self._px * 0.5)
        paste(image, clock, self._room[0] - clock.shape[1] - margin, margin)

    def _line(self, rule: RuleView) -> str:
        counts = self._counts[rule.id]
        name = printable(rule.id, 20)
        if rule.type == "line_crossing":
            parts = [
                f"{printable(rule.direction_name(way), 16)} {counts.get(way, 0)}" for way in ("forward", "backward")
            ]
        else:
            parts = [
                f"{printable(sort, 12)} {number}" for sort, number in list(counts.items())[:3] if sort != "cleared"
            ]
            if rule.id in self._inside.now:
                parts.insert(0, f"inside {self._inside.now[rule.id]}")
        return f"{name}:  " + "   ".join(parts) if parts else ""

    def _drawn(self, lines: Sequence[tuple[int, str]]) -> Layer | None:
        if not lines:
            return None
        widest = max(text_size(line, self._px)[0] for _, line in lines)
        px = self._px * min(1.0, max(0.7, 0.6 * self._room[0] / widest))
        pad, row, swatch = round(px * 0.6), round(px * 1.6), round(px * 0.55)
        width = min(max(text_size(line, px)[0] for _, line in lines) + 3 * pad + swatch, self._room[0])
        height = min(row * len(lines) + pad, self._room[1])
        canvas = Canvas(width, height)
        canvas.plate((0, 0, width, height))
        for place, (position, line) in enumerate(lines):
            baseline = pad // 2 + row * place + round(row * 0.5 + px * 0.32)
            top = baseline - round(px * 0.32) - swatch // 2
            colour = rule_colour(position, self._rules[position].severity)
            canvas.plate((pad, top, swatch, swatch), colour, 1.0)
            canvas.text(line, 2 * pad + swatch, baseline, px)
        margin = round(px * 0.5)
        return canvas.layer(margin, margin)


class AnnotatedVideo:
    """Writes annotated.mp4, one picture per analysed frame, timed from the first one."""

    def __init__(self, path: Path, info: StreamInfo, rules: Sequence[RuleView]) -> None:
        self._path = path
        self._fps = info.fps
        self._rules = tuple(rules)
        self._writer: VideoWriter | None = None
        self._painter: Painter | None = None
        self._start_s = 0.0
        self._last_frame = -1

    def take(self, step: Step) -> None:
        """Draw and append the picture of `step`; a step that repeats the frame before adds only its events.

        Raises OutputError.
        """
        if self._writer is None or self._painter is None:
            width, height = step.frame.width, step.frame.height
            self._painter = Painter(self._rules, width, height)
            self._writer = VideoWriter(self._path, width, height, self._fps)
            self._start_s = step.frame.at.stream_s
        self._painter.take(step)
        if step.frame.index == self._last_frame:
            return
        self._last_frame = step.frame.index
        self._writer.write(self._painter.paint(step), step.frame.at.stream_s - self._start_s)

    def close(self) -> None:
        """Finish the file; may be called twice. Without any step there is no file. Raises OutputError."""
        if self._writer is not None:
            self._writer.close()
