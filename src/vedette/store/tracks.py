"""The lives of tracks, so that a rule drawn today can be run over last week."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Row, delete, func, select

from vedette.model.track_line import TrackLine
from vedette.store import statements
from vedette.store.database import Database
from vedette.store.packing import Line, pack_line, unpack_line
from vedette.store.schema import tracks

_PLAIN: Final = ("id", "camera", "run", "track", "label", "start_utc_ns", "end_utc_ns", "aspect", "ended_ns")


class SqlTracks:
    """Keeping and finding tracks. Raises DatabaseError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, line: TrackLine) -> None:
        """Keep a track. Twice changes nothing. Boxes and scores are kept to half of 1/65535, times exactly."""
        row = {name: getattr(line, name) for name in _PLAIN}
        row["lasting_ns"] = max(0, line.end_utc_ns - line.start_utc_ns)
        row["points"] = len(line.at_ns)
        with self._database.writing() as connection:
            row["line"] = pack_line(Line(line.at_ns, line.box, line.score))
            statements.put_new(connection, tracks, row)

    def between(self, camera: str, start_utc_ns: int, end_utc_ns: int) -> Sequence[TrackLine]:
        """Tracks that were there at some moment in [start, end), those that began first at the front."""
        longest = select(func.coalesce(func.max(tracks.c.lasting_ns), 0)).where(tracks.c.camera == camera)
        query = (
            select(tracks)
            .where(tracks.c.camera == camera, tracks.c.start_utc_ns < end_utc_ns)
            .where(tracks.c.start_utc_ns >= start_utc_ns - longest.scalar_subquery())
            .where((tracks.c.end_utc_ns > start_utc_ns) | (tracks.c.start_utc_ns >= start_utc_ns))
            .order_by(tracks.c.start_utc_ns, tracks.c.id)
        )
        with self._database.reading() as connection:
            return [_track_line(row) for row in connection.execute(query)]

    def forget(self, before_utc_ns: int, limit: int = 10_000) -> int:
        """Delete tracks that ended before that time, at most `limit`; how many went."""
        old = select(tracks.c.id).where(tracks.c.end_utc_ns < before_utc_ns).limit(limit)
        with self._database.writing() as connection:
            return connection.execute(delete(tracks).where(tracks.c.id.in_(old.scalar_subquery()))).rowcount


def _track_line(row: Row[Any]) -> TrackLine:
    line = unpack_line(bytes(row.line))
    plain = {name: getattr(row, name) for name in _PLAIN}
    return TrackLine(**plain, at_ns=line.at_ns, box=line.box, score=line.score)
