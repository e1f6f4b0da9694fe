"""Which fragments show a span of time, and when each of them is shown. Pure: no file is opened here.

A fragment can be shown only from its keyframe on, so a span is mostly led in by pictures from before it. They are
shown for next to no time (`LEAD_NS` a fragment), so that the wanted moment is where a player starts.

What was not recorded takes no time. Footage of one run is shown in the order in which it was captured, also where the
wall clock was set back and the same time of day comes twice. Where different runs show the same time, the one that
began first is shown, and the others from its end on.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal, NamedTuple

from vedette.model.recording import Fragment, Segment

LEAD_NS: Final = 2_000_000
"""How long a fragment is shown of which nothing was asked for, and which the decoder needs all the same."""
JOIN_NS: Final = 500_000_000
"""Media times further apart than this are a gap in the footage, nearer ones an uneven frame rate."""
STEP_NS: Final = 500_000_000
"""The wall clock differs by more than this from stream time: it was set."""
DRIFT_NS: Final = 20_000_000
"""How exactly `Span.utc_ns` follows a wall clock that is slewed."""
SLIVER_NS: Final = 20_000_000
"""Less than half a frame interval: not worth a change of run."""

Why = Literal["start", "gap", "run", "codec", "clock"]


@dataclass(frozen=True, slots=True)
class Part:
    """A fragment as it is shown.

    media_ns  when its first picture is decoded, since the start of the span
    from_ns   what lies before this, since the start of the fragment, only leads in; 0 when all of it was asked for
    to_ns     pictures from here on are left out
    follows   the part before it is whole and was captured just before, maybe in another file: a decoder goes on
    """

    segment: Segment = field(repr=False)
    fragment: Fragment
    media_ns: int
    from_ns: int
    to_ns: int
    follows: bool

    @property
    def duration_ns(self) -> int:
        """How long it is shown, its lead in included."""
        return (LEAD_NS if self.from_ns else 0) + self.to_ns - self.from_ns

    @property
    def shown_ns(self) -> int:
        """Media time of the first moment that was asked for."""
        return self.media_ns + (LEAD_NS if self.from_ns else 0)

    @property
    def shown_utc_ns(self) -> int:
        """Capture time of that moment."""
        return self.fragment.utc_ns + self.from_ns


@dataclass(frozen=True, slots=True)
class Stretch:
    """Footage in which media time and the wall clock run side by side.

    media_ns, utc_ns  its first moment on both
    why               what made the break before it: nothing was recorded (`gap`), the camera was connected anew
                      (`run`), it sends something else (`codec`), the clock was set or has drifted (`clock`)
    skipped_ns        wall clock time between the stretch before and this one, negative where the clock went back
    """

    media_ns: int
    utc_ns: int
    duration_ns: int
    run: int
    why: Why
    skipped_ns: int = 0


@dataclass(frozen=True, slots=True)
class Hidden:
    """Footage that is not shown because another run shows the same time; `plan(..., run=...)` shows it."""

    run: int
    start_utc_ns: int
    end_utc_ns: int


@dataclass(frozen=True, slots=True)
class Span:
    """A span of time of one stream, ready to be shown.

    start_utc_ns, end_utc_ns  what was asked for
    parts                     fragments in the order in which they are shown
    stretches                 the same, as a map between media time and the wall clock
    hidden                    what other runs hold of the same time
    continues_utc_ns          where the span is cut because another codec begins that one video track cannot hold
    """

    start_utc_ns: int
    end_utc_ns: int
    parts: tuple[Part, ...] = field(default=(), repr=False)
    stretches: tuple[Stretch, ...] = ()
    hidden: tuple[Hidden, ...] = ()
    continues_utc_ns: int | None = None

    @property
    def duration_ns(self) -> int:
        """How long it is shown."""
        return self.parts[-1].media_ns + self.parts[-1].duration_ns if self.parts else 0

    def utc_ns(self, media_ns: int) -> int | None:
        """Capture time of what is shown at `media_ns`; None when nothing was recorded."""
        if not self.stretches:
            return None
        index = max(0, bisect_right(self.stretches, media_ns, key=lambda each: each.media_ns) - 1)
        stretch = self.stretches[index]
        return stretch.utc_ns + min(max(0, media_ns - stretch.media_ns), stretch.duration_ns)

    def media_ns(self, utc_ns: int) -> tuple[int, ...]:
        """Every media time at which `utc_ns` is shown: none in a gap, two where the clock was set back over it."""
        return tuple(
            stretch.media_ns + utc_ns - stretch.utc_ns
            for stretch in self.stretches
            if 0 <= utc_ns - stretch.utc_ns < stretch.duration_ns
        )


def plan(segments: Iterable[Segment], start_utc_ns: int, end_utc_ns: int, *, run: int | None = None) -> Span:
    """What of `segments` shows [start_utc_ns, end_utc_ns).

    segments  of one stream in any order, files that are still being written among them; the same file may come twice
    run       only this run
    """
    takes = [_Take(number, chain) for number, chain in _by_run(segments).items() if run in {None, number}]
    takes.sort(key=lambda take: (take.links[0].fragment.utc_ns, take.run))
    shown: list[tuple[int, int, int]] = []
    hidden: list[Hidden] = []
    wanted: list[_Wanted] = []
    for piece in _ordered(takes):
        clipped = max(piece.start_ns, start_utc_ns), min(piece.end_ns, end_utc_ns)
        if clipped[0] >= clipped[1]:
            continue
        covered = [(first, last) for number, first, last in shown if number != piece.take.run]
        free, taken = _subtract(clipped, covered)
        hidden += [Hidden(piece.take.run, *interval) for interval in taken]
        wanted += [_Wanted(piece, *interval) for interval in free]
        shown += [(piece.take.run, *interval) for interval in free]
    return _Layout(start_utc_ns, end_utc_ns).span(wanted, tuple(hidden))


def plan_all(segments: Iterable[Segment], start_utc_ns: int, end_utc_ns: int, *, run: int | None = None) -> list[Span]:
    """The same as several spans, one after the other, where the codec changes to one that needs a film of its own."""
    known = list(segments)
    spans = [plan(known, start_utc_ns, end_utc_ns, run=run)]
    while (begin_ns := spans[-1].continues_utc_ns) is not None and begin_ns > spans[-1].start_utc_ns:
        spans[-1] = replace(spans[-1], end_utc_ns=begin_ns)
        spans.append(plan(known, begin_ns, end_utc_ns, run=run))
    return [span for span in spans if span.parts]


class _Link(NamedTuple):
    """A fragment with its place in stream time, and whether it decodes on from the one before it in the list."""

    segment: Segment
    fragment: Fragment
    stream_ns: int
    chained: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Take:
    """A run: its fragments in the order in which they were captured."""

    run: int
    links: list[_Link]

    def pieces(self) -> Iterator[_Piece]:
        """Stretches of the run in which nothing is missing and the clock was not set."""
        first = 0
        for index in range(1, len(self.links) + 1):
            if index == len(self.links) or not self._goes_on(self.links[index - 1], self.links[index]):
                yield _Piece(self, first, index)
                first = index

    @staticmethod
    def _goes_on(before: _Link, after: _Link) -> bool:
        stream_ns = after.stream_ns - before.stream_ns
        utc_ns = after.fragment.utc_ns - before.fragment.utc_ns
        return abs(stream_ns - before.fragment.duration_ns) <= JOIN_NS and abs(utc_ns - stream_ns) <= STEP_NS


@dataclass(frozen=True, slots=True)
class _Piece:
    take: _Take
    first: int
    last: int

    @property
    def start_ns(self) -> int:
        return self.take.links[self.first].fragment.utc_ns

    @property
    def end_ns(self) -> int:
        fragment = self.take.links[self.last - 1].fragment
        return fragment.utc_ns + fragment.duration_ns


class _Wanted(NamedTuple):
    piece: _Piece
    start_ns: int
    end_ns: int


def _by_run(segments: Iterable[Segment]) -> dict[int, list[_Link]]:
    newest: dict[int, Segment] = {}
    for segment in segments:
        known = newest.get(segment.id)
        if known is None or len(known.fragments) < len(segment.fragments):
            newest[segment.id] = segment
    runs: dict[int, list[_Link]] = {}
    for segment in sorted(newest.values(), key=lambda each: (each.start_stream_ns, each.id)):
        if segment.fragments:
            _append(runs.setdefault(segment.run, []), segment)
    return {run: links for run, links in runs.items() if links}


def _append(links: list[_Link], segment: Segment) -> None:
    covered_ns = links[-1].stream_ns + links[-1].fragment.duration_ns if links else None
    last = segment.fragments[-1]
    if covered_ns is not None and segment.start_stream_ns + last.start_ns + last.duration_ns <= covered_ns:
        # A file that was indexed twice under two numbers.
        return
    before: Fragment | None = None
    for fragment in segment.fragments:
        chained = before is not None and before.offset + before.size == fragment.offset
        links.append(_Link(segment, fragment, segment.start_stream_ns + fragment.start_ns, chained))
        before = fragment


def _ordered(takes: Sequence[_Take]) -> list[_Piece]:
    """Pieces by capture time, but never before a piece that the same run captured earlier."""
    keyed = []
    for rank, take in enumerate(takes):
        latest_ns = take.links[0].fragment.utc_ns
        for piece in take.pieces():
            latest_ns = max(latest_ns, piece.start_ns)
            keyed.append(((latest_ns, rank, piece.first), piece))
    return [piece for _, piece in sorted(keyed, key=lambda each: each[0])]


def _subtract(
    whole: tuple[int, int], covered: Sequence[tuple[int, int]]
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """What of `whole` no interval of `covered` covers, and what they do; slivers belong to neither."""
    free, taken, at = [], [], whole[0]
    for first, last in sorted(covered):
        first, last = max(first, at), min(last, whole[1])  # noqa: PLW2901
        if first >= last:
            continue
        free.append((at, first))
        taken.append((first, last))
        at = last
    free.append((at, whole[1]))
    return [each for each in free if _wide(each, whole)], [each for each in taken if each[1] - each[0] > SLIVER_NS]


def _wide(interval: tuple[int, int], whole: tuple[int, int]) -> bool:
    return interval[1] > interval[0] and (interval == whole or interval[1] - interval[0] > SLIVER_NS)


class _Layout:
    """Puts fragments one after the other."""

    def __init__(self, start_utc_ns: int, end_utc_ns: int) -> None:
        self._asked = start_utc_ns, end_utc_ns
        self._parts: list[Part] = []
        self._stretches: list[Stretch] = []
        self._last: tuple[_Take, int] | None = None
        self._cursor_ns = 0
        self._codec = ""

    def span(self, wanted: Sequence[_Wanted], hidden: tuple[Hidden, ...]) -> Span:
        continues_utc_ns = None
        for each in wanted:
            continues_utc_ns = self._place(each)
            if continues_utc_ns is not None:
                break
        return Span(*self._asked, tuple(self._parts), tuple(self._stretches), hidden, continues_utc_ns)

    def _place(self, wanted: _Wanted) -> int | None:
        """Lay out one interval; answers where it had to stop because of another codec."""
        take = wanted.piece.take
        for index in self._indices(wanted):
            link = take.links[index]
            fragment, codec = link.fragment, link.segment.codec.name
            if self._codec and codec != self._codec:
                return max(fragment.utc_ns, wanted.start_ns)
            self._codec = codec
            from_ns = min(max(0, wanted.start_ns - fragment.utc_ns), fragment.duration_ns)
            from_ns = from_ns if from_ns > LEAD_NS else 0
            to_ns = min(max(from_ns, wanted.end_ns - fragment.utc_ns), fragment.duration_ns)
            if index < wanted.piece.first:
                from_ns = to_ns = fragment.duration_ns
            self._add(take, index, from_ns, to_ns)
        return None

    def _indices(self, wanted: _Wanted) -> range:
        """Fragments of the interval, from a keyframe on unless the decoder goes on by itself."""
        links, piece = wanted.piece.take.links, wanted.piece
        first, last = piece.first, piece.last
        while first < last and links[first].fragment.utc_ns + links[first].fragment.duration_ns <= wanted.start_ns:
            first += 1
        while last > first and links[last - 1].fragment.utc_ns >= wanted.end_ns:
            last -= 1
        if first < last and links[first].chained and self._goes_on(piece.take, first):
            return range(first, last)
        key = first
        while key > 0 and key < last and links[key].chained and not links[key].fragment.key:
            key -= 1
        if key < last and links[key].fragment.key:
            return range(key, last)
        while first < last and not links[first].fragment.key:
            first += 1
        return range(first, last)

    def _goes_on(self, take: _Take, index: int) -> bool:
        """Whether what was laid out last is the fragment before, to its end."""
        if self._last is None or self._last[0] is not take or self._last[1] != index - 1:
            return False
        return self._parts[-1].to_ns == self._parts[-1].fragment.duration_ns

    def _add(self, take: _Take, index: int, from_ns: int, to_ns: int) -> None:
        link = take.links[index]
        media_ns, follows = self._cursor_ns, self._goes_on(take, index)
        if follows:
            before = take.links[index - 1]
            hole_ns = link.stream_ns - before.stream_ns - before.fragment.duration_ns
            follows = hole_ns <= JOIN_NS
            media_ns += hole_ns if follows and from_ns == 0 and hole_ns > 0 else 0
        part = Part(link.segment, link.fragment, media_ns, from_ns, to_ns, follows)
        if to_ns > from_ns:
            self._note(part, follows)
        self._parts.append(part)
        self._last = take, index
        self._cursor_ns = media_ns + part.duration_ns

    def _note(self, part: Part, follows: bool) -> None:
        """Go on with the last stretch, or begin one."""
        shown_ns, utc_ns = part.shown_ns, part.shown_utc_ns
        duration_ns = part.media_ns + part.duration_ns - shown_ns
        if not self._stretches:
            self._stretches.append(Stretch(shown_ns, utc_ns, duration_ns, part.segment.run, "start"))
            return
        last = self._stretches[-1]
        end_utc_ns = last.utc_ns + last.duration_ns
        skipped_ns = utc_ns - end_utc_ns
        why = self._why(part, last, follows, skipped_ns)
        drift_ns = (utc_ns - last.utc_ns) - (shown_ns - last.media_ns)
        if why == "clock" and abs(drift_ns) <= DRIFT_NS and follows:
            whole_ns = shown_ns + duration_ns - last.media_ns
            self._stretches[-1] = Stretch(last.media_ns, last.utc_ns, whole_ns, last.run, last.why, last.skipped_ns)
        else:
            self._stretches.append(Stretch(shown_ns, utc_ns, duration_ns, part.segment.run, why, skipped_ns))

    def _why(self, part: Part, last: Stretch, follows: bool, skipped_ns: int) -> Why:
        before = next(each.segment for each in reversed(self._parts) if each.to_ns > each.from_ns)
        if (part.segment.codec, part.segment.audio) != (before.codec, before.audio):
            return "codec"
        if part.segment.run != last.run:
            return "gap" if skipped_ns > JOIN_NS else "run"
        return "clock" if follows or skipped_ns <= JOIN_NS else "gap"
