"""What the recorder asks of those who know containers and files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from vedette.model.media import Packet
from vedette.model.news import News
from vedette.model.recording import Fragment, Run, Segment
from vedette.model.recording_ports import Files


@dataclass(frozen=True, slots=True)
class Cut:
    """A fragment that is ready to be written.

    opens     a new file begins with it; it starts on a keyframe then
    size      bytes to be written
    utc_ns    capture time of its first picture by the wall clock
    end_utc_ns  the same for its end
    payload   what `Format` made of it; nobody else looks into it
    """

    opens: bool
    size: int
    utc_ns: int
    end_utc_ns: int
    payload: Any = field(repr=False)


class Fragmenter(Protocol):
    """Makes fragments of the packets of one run."""

    def feed(self, packet: Packet) -> Sequence[Cut]:
        """Take in a packet; the fragments that are complete with it.

        The first packet ever, and the first after `finish`, is a keyframe; the first cut of it `opens`. Begins a new
        file by itself at a keyframe when the codec changed or the file is long enough.
        """
        ...

    def finish(self) -> Sequence[Cut]:
        """What is left, as the last fragments of the file. May be called with nothing left."""
        ...


class SegmentFile(Protocol):
    """A file that is being written."""

    @property
    def segment(self) -> Segment:
        """As it stands: with the fragments that were written so far."""
        ...

    def write(self, cut: Cut) -> Fragment:
        """Append a fragment, and return once it is on the disk.

        Raises StorageError; what was written before stays valid, and `finish` may be tried.
        """
        ...

    def finish(self) -> Segment | None:
        """Close the file with what is whole in it, and return once it is on the disk, ready to be committed.

        None when no fragment is whole: the file is removed then. Raises StorageError.
        """
        ...

    def abandon(self) -> None:
        """Let go of the file as it is; the next recovery deals with it. Never raises StorageError."""
        ...


class Format(Protocol):
    """How recordings are laid out in files."""

    def fragmenter(self, run: Run) -> Fragmenter:
        """For the packets of a run."""
        ...

    def create(self, files: Files, run: Run, cut: Cut) -> SegmentFile:
        """A new file for a cut that `opens`, which is then written as any other. Raises StorageError."""
        ...


class Bus(Protocol):
    """Where packets and news go; never waits, may be called from any thread."""

    def packet(self, packet: Packet) -> None:
        """Send a packet to whoever wants it."""
        ...

    def news(self, news: News) -> None:
        """Send news to whoever wants them."""
        ...
