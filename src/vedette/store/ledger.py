"""What the recorder writes down: runs, segments, garbage, gaps and alarms."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, select, text, update

from vedette.model.errors import DatabaseError
from vedette.model.health import Alarm
from vedette.model.recording import Gap, Run, Segment, Storage
from vedette.model.time import NS_PER_S
from vedette.store import statements
from vedette.store.database import Database
from vedette.store.schema import alarms, gaps, garbage, recorded, runs, segment_index, segments, storages
from vedette.store.segment_rows import one_segment, put_segment
from vedette.store.troubles import gap_of

_PAGE: Final = 5_000
_REMEMBERED_NS: Final = 24 * 3600 * NS_PER_S
"""So long a segment that is gone is known, should somebody commit it late."""


class SqlLedger:
    """The `Ledger` in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put_storage(self, storage: Storage) -> None:
        """Note that a storage folder is there, and where."""
        row = {"id": storage.id, "path": storage.path, "seen_utc_ns": self._database.clock.utc_ns()}
        with self._database.writing() as connection:
            statements.put(connection, storages, row)

    def begin_run(self, run: Run) -> None:
        """A camera was connected. Twice changes nothing, also after the run has ended."""
        with self._database.writing() as connection:
            statements.put_new(connection, runs, _run_row(run))

    def end_run(self, run: Run) -> None:
        """`run` has its end and the reason; it need not have been begun here."""
        with self._database.writing() as connection:
            statements.put(connection, runs, _run_row(run))

    def open_runs(self) -> Sequence[Run]:
        """Runs nobody has ended, oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute(select(runs).where(runs.c.end_utc_ns.is_(None)).order_by(runs.c.id))
            return [Run(**row._mapping) for row in rows]

    def commit(self, segment: Segment) -> None:
        """Make `segment` part of the recording. Twice changes nothing, nor does it when it was condemned meanwhile.

        What was condemned is remembered for a day after its file has gone.
        """
        with self._database.writing() as connection:
            if connection.execute(select(garbage.c.id).where(garbage.c.id == segment.id)).first() is None:
                put_segment(connection, segment)

    def known(self, storage: str) -> Iterator[tuple[int, str, int]]:
        """`(id, path, size)` of every committed segment in a storage folder, by id.

        They are read in pages: what is committed or condemned meanwhile may or may not be among them.
        """
        # By their ids: as part of an expression the folder leads SQLite to no index, which it would sort for each page.
        here = segments.c.storage.concat("") == storage
        query = select(segments.c.id, segments.c.path, segments.c.size).where(here)
        after = 0
        while rows := self._page(query.where(segments.c.id > after).order_by(segments.c.id)):
            yield from ((row.id, row.path, row.size) for row in rows)
            after = rows[-1].id

    def segment(self, number: int) -> Segment | None:
        """One committed segment with its fragments."""
        with self._database.reading() as connection:
            return one_segment(connection, number)

    def last_end_utc_ns(self, camera: str, stream: str) -> int | None:
        """When the segment of a stream that began last ends; None when there is none."""
        newest = select(statements.END).where(statements.of_stream(camera, stream))
        with self._database.reading() as connection:
            return connection.execute(newest.order_by(segments.c.start_utc_ns.desc()).limit(1)).scalar()

    def condemn(self, segments: Sequence[int]) -> None:
        """Rows to garbage, in one transaction; numbers that have no row are left out.

        Raises DatabaseError, with nothing changed, when evidence among them has been locked meanwhile.
        """
        with self._database.writing() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("LOCK TABLE locks IN SHARE MODE"))
            for some in statements.chunks(segments):
                _condemn(connection, some)

    def garbage(self, storage: str) -> Iterator[tuple[int, str]]:
        """`(id, path)` of what has been condemned and may still lie on the disk, by id, read in pages."""
        query = select(garbage.c.id, garbage.c.path).where(
            garbage.c.storage == storage, garbage.c.gone_utc_ns.is_(None)
        )
        after = 0
        while rows := self._page(query.where(garbage.c.id > after).order_by(garbage.c.id)):
            yield from ((row.id, row.path) for row in rows)
            after = rows[-1].id

    def forget(self, segments: Sequence[int]) -> None:
        """Drop garbage rows whose files are gone."""
        now = self._database.clock.utc_ns()
        with self._database.writing() as connection:
            for some in statements.chunks(segments):
                gone = garbage.c.id.in_(some) & garbage.c.gone_utc_ns.is_(None)
                connection.execute(update(garbage).where(gone).values(gone_utc_ns=now))
            connection.execute(delete(garbage).where(garbage.c.gone_utc_ns < now - _REMEMBERED_NS))

    def put_gap(self, gap: Gap) -> None:
        """Write a gap down, or its end; by `gap.id`."""
        row = {name: getattr(gap, name) for name in gaps.c.keys()}  # noqa: SIM118 - not a dictionary
        with self._database.writing() as connection:
            statements.put(connection, gaps, row)

    def open_gaps(self) -> Sequence[Gap]:
        """Gaps nobody has ended, oldest first."""
        with self._database.reading() as connection:
            return [gap_of(row) for row in connection.execute(_OPEN_GAPS)]

    def raise_alarm(self, alarm: Alarm) -> None:
        """Write an alarm down, or that it was cleared; by kind, part and the time it was raised."""
        row = {name: getattr(alarm, name) for name in alarms.c.keys()}  # noqa: SIM118 - not a dictionary
        with self._database.writing() as connection:
            statements.put(connection, alarms, row)

    def _page(self, query: Any) -> Sequence[Row[Any]]:  # noqa: ANN401 - any columns
        with self._database.reading() as connection:
            return connection.execute(query.limit(_PAGE)).all()


_OPEN_GAPS: Final = select(gaps).where(gaps.c.end_utc_ns.is_(None)).order_by(gaps.c.id)


def _run_row(run: Run) -> dict[str, Any]:
    return {name: getattr(run, name) for name in runs.c.keys()}  # noqa: SIM118 - not a dictionary


def _condemn(connection: Connection, numbers: Sequence[int]) -> None:
    chosen = segments.c.id.in_(numbers)
    if connection.execute(select(segments.c.id).where(chosen, statements.locked()).limit(1)).first():
        raise DatabaseError("evidence among what was to be deleted has been locked meanwhile; decide anew")
    columns = (
        segments.c.id,
        segments.c.storage,
        segments.c.path,
        segments.c.camera,
        segments.c.stream,
        segments.c.size,
    )
    rows = connection.execute(select(*columns).where(chosen).with_for_update()).all()
    if not rows:
        return
    condemned = [{"id": row.id, "storage": row.storage, "path": row.path, "gone_utc_ns": None} for row in rows]
    connection.execute(statements.insert(connection, garbage).on_conflict_do_nothing(), condemned)
    connection.execute(delete(segment_index).where(segment_index.c.segment.in_([row.id for row in rows])))
    connection.execute(delete(segments).where(segments.c.id.in_([row.id for row in rows])))
    sums: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0])
    for row in rows:
        total = sums[row.storage, row.camera, row.stream]
        total[0] += 1
        total[1] += row.size
    for (storage, camera, stream), (count, size) in sums.items():
        row_of = (recorded.c.storage == storage) & (recorded.c.camera == camera) & (recorded.c.stream == stream)
        less = {"segments": recorded.c.segments - count, "size": recorded.c.size - size}
        connection.execute(update(recorded).where(row_of).values(**less))
