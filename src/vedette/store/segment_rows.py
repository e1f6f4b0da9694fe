"""Segments as rows, and back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, case, select

from vedette.model.media import Codec
from vedette.model.recording import Segment
from vedette.store import statements
from vedette.store.packing import pack_fragments, unpack_fragments
from vedette.store.schema import codecs, recorded, segment_index, segments

_PLAIN = (
    "id", "run", "camera", "stream", "storage", "path", "start_utc_ns", "start_stream_ns", "duration_ns", "wall_ns",
    "size", "sha256", "header",
)  # fmt: skip


def put_segment(connection: Connection, segment: Segment) -> bool:
    """Add a segment with its fragments and to the sums; whether it was not there before."""
    row = {name: getattr(segment, name) for name in _PLAIN}
    row["codec"] = _codec_number(connection, segment.codec)
    row["audio"] = None if segment.audio is None else _codec_number(connection, segment.audio)
    if not statements.put_new(connection, segments, row):
        return False
    index = {"segment": segment.id, "fragments": pack_fragments(segment.fragments)}
    connection.execute(segment_index.insert().values(**index))
    _add_up(connection, segment)
    return True


def _add_up(connection: Connection, segment: Segment) -> None:
    keys = {"storage": segment.storage, "camera": segment.camera, "stream": segment.stream}
    statement = statements.insert(connection, recorded).values(
        **keys, segments=1, size=segment.size, longest_ns=segment.duration_ns
    )
    new, old = statement.excluded, recorded.c
    changed: dict[str, Any] = {
        "segments": old.segments + new.segments,
        "size": old.size + new.size,
        "longest_ns": case((new.longest_ns > old.longest_ns, new.longest_ns), else_=old.longest_ns),
    }
    connection.execute(statement.on_conflict_do_update(index_elements=list(keys), set_=changed))


def read_segments(connection: Connection, query: Select[Any]) -> list[Segment]:
    """Segments with their fragments that `query` (over `segments`) selects, in its order."""
    whole = query.with_only_columns(segments, segment_index.c.fragments).outerjoin_from(segments, segment_index)
    rows = connection.execute(whole).all()
    known = _codecs(connection, {number for row in rows for number in (row.codec, row.audio) if number is not None})
    return [_segment(row, known) for row in rows]


def _segment(row: Row[Any], known: dict[int, Codec]) -> Segment:
    plain = {name: getattr(row, name) for name in _PLAIN}
    plain["sha256"] = bytes(row.sha256)
    return Segment(
        **plain,
        codec=known[row.codec],
        audio=None if row.audio is None else known[row.audio],
        fragments=() if row.fragments is None else unpack_fragments(bytes(row.fragments)),
    )


def _codec_number(connection: Connection, codec: Codec) -> int:
    facts = f"{codec.name}\n{codec.width}\n{codec.height}\n{codec.rate}\n{codec.channels}\n"
    fingerprint = hashlib.sha256(facts.encode("utf-8", "replace") + codec.extradata).digest()
    query = select(codecs.c.id).where(codecs.c.fingerprint == fingerprint)
    found = connection.execute(query).scalar()
    if found is None:
        row = {name: getattr(codec, name) for name in ("name", "extradata", "width", "height", "rate", "channels")}
        statements.put_new(connection, codecs, {"fingerprint": fingerprint, **row})
        found = connection.execute(query).scalar_one()
    return int(found)


def _codecs(connection: Connection, numbers: Iterable[int]) -> dict[int, Codec]:
    found: dict[int, Codec] = {}
    for some in statements.chunks(numbers):
        for row in connection.execute(select(codecs).where(codecs.c.id.in_(some))):
            found[row.id] = Codec(row.name, bytes(row.extradata), row.width, row.height, row.rate, row.channels)
    return found


def one_segment(connection: Connection, number: int) -> Segment | None:
    """The committed segment with that id."""
    found: Sequence[Segment] = read_segments(connection, select(segments).where(segments.c.id == number))
    return found[0] if found else None
