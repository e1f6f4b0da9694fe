"""Things to keep in a database: segments, events, incidents of one camera, numbered."""

from __future__ import annotations

import hashlib

from vedette.model.events import RuleEvent
from vedette.model.incidents import Incident, StoredEvent
from vedette.model.media import Codec
from vedette.model.recording import Fragment, Lock, Run, Segment
from vedette.model.time import NS_PER_S, Instant

SECOND = NS_PER_S
HOUR = 3600 * SECOND
UTC = 1_700_000_000 * SECOND + 123_456_789
CODEC = Codec("h264", b"\0\0\0\1\x67\x42", 1920, 1080)
SOUND = Codec("aac", b"\x12\x10", rate=48_000, channels=2)


def fragments(count: int, header: int = 800, start_utc_ns: int = UTC) -> tuple[Fragment, ...]:
    """`count` fragments of a second each, as a camera makes them."""
    found, offset = [], header
    for n in range(count):
        size = 500_000 + 1_000 * (n * 7919 % 100)
        sha256 = hashlib.sha256(bytes([n % 256])).digest()
        found.append(Fragment(offset, size, n * SECOND, SECOND, start_utc_ns + n * SECOND + n % 3, n % 2 == 0, sha256))
        offset += size
    return tuple(found)


def segment(n: int, length_s: int = 10) -> Segment:
    """The `n`th segment of the main stream of `gate`: they follow each other without a hole."""
    start = UTC + n * length_s * SECOND
    parts = fragments(length_s, start_utc_ns=start)
    size = 6_000_000
    return Segment(
        id=n << 22, run=5, camera="gate", stream="main", storage="disk", path=f"gate/main/2023-11-14/{n:08d}.mp4",
        start_utc_ns=start, start_stream_ns=n * length_s * SECOND, duration_ns=length_s * SECOND,
        wall_ns=length_s * SECOND + 7, size=size, sha256=hashlib.sha256(str(n).encode()).digest(), header=800,
        codec=CODEC, audio=SOUND if n % 2 else None, fragments=parts,
    )  # fmt: skip


def run(n: int) -> Run:
    """A run of the main stream of `gate` that has not ended."""
    return Run(n, "gate", "main", UTC + n, "node-1")


def lock(of: Segment) -> Lock:
    """Evidence: the middle of a segment."""
    middle = of.start_utc_ns + of.duration_ns // 2
    return Lock(of.id + 1, of.camera, middle, middle + 1, "case 12", UTC, "ann")


def event(n: int, incident: int | None = None, at_utc_ns: int = UTC) -> StoredEvent:
    """An alarm of the rule `fence`: a person crossed."""
    at = Instant(n * SECOND, at_utc_ns)
    happened = RuleEvent(
        rule="fence", rule_hash="abc", kind="crossed", at=at, frame=n, known_at=at.shifted(SECOND), track=3,
        label="person", score=0.8125, direction="forward", direction_name="in", anchor=(0.1, 0.2),
        box=(0.05, 0.1, 0.15, 0.3), trace=((0.1, 0.3, 0.5), (0.2, 0.31, 0.52)), value=None,
    )  # fmt: skip
    return StoredEvent(n << 22, "gate", 5, happened, "alarm", incident)


def incident(n: int) -> Incident:
    """An incident of one event that may still grow."""
    return Incident(n, "gate", UTC, UTC, None, "alarm", ("fence",), ("person",), 1)
