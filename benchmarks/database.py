"""The database when it has grown: what to delete among a million segments, a time line over ten million events.

SQLite always; PostgreSQL where VEDETTE_BENCH_POSTGRESQL holds the URL of an empty database. Rows are written by the
database itself, so that filling takes seconds; all that is timed goes through the same classes as in the product.
"""

from __future__ import annotations

import os
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from sqlalchemy import text

from benchmarks.clips import Runs
from benchmarks.database_rows import (
    CAMERAS,
    EVENTS_SQL,
    GEOMETRY,
    INDEX,
    SEGMENT_S,
    SEGMENTS_SQL,
    START,
    SUMS_SQL,
    YEAR_NS,
    example_segment,
    locks_of,
    series_rows,
)
from benchmarks.table import Part, Row, Table, Verdict
from vedette.clock import SystemClock
from vedette.model.incidents import Wanted
from vedette.model.recording import Keep, Segment
from vedette.model.time import NS_PER_S
from vedette.store.database import Database
from vedette.store.events import SqlEventStore
from vedette.store.ledger import SqlLedger
from vedette.store.locks import SqlLocks
from vedette.store.recordings import SqlRecordings
from vedette.store.retention import SqlRetention
from vedette.store.schema import series

MOST_DELETE_S: Final = 5.0
MOST_QUERY_MS: Final = 50.0
DELETED: Final = 1_000
URL: Final = "VEDETTE_BENCH_POSTGRESQL"
HOUR_NS: Final = 3600 * NS_PER_S


@dataclass(frozen=True, slots=True)
class Size:
    """How many rows are written, and how often each question is asked."""

    segments: int
    events: int
    rounds: int


FULL: Final = Size(1_000_000, 10_000_000, 60)
QUICK: Final = Size(100_000, 100_000, 10)


def measure(runs: Runs, *, quick: bool, say: Callable[[str], None]) -> Part:  # noqa: ARG001 - all parts alike
    """Segments and events in SQLite, and in PostgreSQL where there is one."""
    size, tables, rows = QUICK if quick else FULL, [], {}
    skipped = [] if os.environ.get(URL) else [f"database: {URL} names no PostgreSQL"]
    for kind in ("SQLite", *([] if skipped else ["PostgreSQL"])):
        with _filled(kind, size, say) as database:
            say(f"{kind}: deleting")
            deleting = delete_rows(database, size)
            say(f"{kind}: asking")
            rows[kind] = (deleting, query_rows(database, size.rounds))
        tables.append(Table(f"{kind}: {size.segments:,} segments, a hundred locks", deleting, _DELETE_NOTE))
        tables.append(Table(f"{kind}: {size.events:,} events of a year, ten cameras", rows[kind][1], _QUERY_NOTE))
    return Part(tables, [verdict for kind, pair in rows.items() for verdict in _verdicts(kind, size, *pair)], skipped)


def run(quick: bool) -> dict[str, object]:
    """The figures as plain values."""
    return measure(Runs(), quick=quick, say=lambda what: print(what, file=sys.stderr, flush=True)).to_json()


_DELETE_NOTE = "Ten cameras, one disk, a fragment index of 2 kB per segment; limits that ask for a thousand to go."
_QUERY_NOTE = (
    "Through the classes of `vedette.store`, cameras and times drawn by chance, caches warm from one another. "
    "Processor: median of this process, without what PostgreSQL uses."
)


def _verdicts(kind: str, size: Size, deleting: Sequence[Row], asking: Sequence[Row]) -> list[Verdict]:
    whole = size == FULL
    taken = sum(float(row["s"] or 0) for row in deleting if row["counts"])
    worst = max(asking, key=lambda row: float(row["p95 ms"] or 0))
    slowest = float(worst["p95 ms"] or 0)
    return [
        Verdict(
            f"{kind}: deciding among 10^6 segments and deleting {DELETED}", f"under {MOST_DELETE_S:g} s",
            f"{taken:.2f} s", taken < MOST_DELETE_S if whole else None,
        ),
        Verdict(
            f"{kind}: time-line queries over 10^7 events", f"p95 under {MOST_QUERY_MS:g} ms",
            f"{slowest:.1f} ms ({worst['question']})", slowest < MOST_QUERY_MS if whole else None,
        ),
    ]  # fmt: skip


@contextmanager
def _filled(kind: str, size: Size, say: Callable[[str], None]) -> Iterator[Database]:
    say(f"{kind}: writing {size.segments:,} segments and {size.events:,} events")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vedette.db"
        url = f"sqlite:///{path}" if kind == "SQLite" else os.environ[URL]
        with closing(Database.open(url, clock=SystemClock(), role="recorder")) as database:
            with database.writing() as connection:
                connection.execute(series.insert(), series_rows())
            if kind == "SQLite":
                database.close()
                _fill_file(path, size)
            else:
                with database.writing() as connection:
                    _fill(lambda statement: connection.execute(text(statement)), "postgresql", size)
                with database.writing() as connection:
                    connection.execute(text("ANALYZE"))
            locks = SqlLocks(database)
            for lock in locks_of(size.segments):
                locks.put(lock)
            yield database


def _fill_file(path: Path, size: Size) -> None:
    # Without a journal, and with indexes made at the end: a tenth of the time.
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -500000", "foreign_keys = OFF"):
            connection.execute(f"PRAGMA {pragma}")
        indexes = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL "
            "AND tbl_name IN ('events', 'segments')"
        ).fetchall()
        for name, _ in indexes:
            connection.execute(f"DROP INDEX {name}")
        connection.execute("BEGIN")
        _fill(connection.execute, "sqlite", size)
        connection.execute("COMMIT")
        for _, statement in indexes:
            connection.execute(statement)


def _fill(execute: Callable[[str], object], dialect: str, size: Size) -> None:
    sqlite = dialect == "sqlite"
    exactly = "X'{}'" if sqlite else "decode('{}', 'hex')"
    facts = {
        "segments": size.segments, "events": size.events, "step": YEAR_NS // size.events,
        "hash": "randomblob(32)" if sqlite else "decode(md5(n::text) || md5(n::text), 'hex')",
        "index": exactly.format(INDEX), "geometry": exactly.format(GEOMETRY),
    }  # fmt: skip
    for statement in (*SEGMENTS_SQL, *EVENTS_SQL, *SUMS_SQL):
        execute(statement.format(**facts))


def delete_rows(database: Database, size: Size) -> list[Row]:
    """How long each step of getting rid of a thousand segments takes."""
    ledger, retention = SqlLedger(database), SqlRetention(database)
    each = size.segments // len(CAMERAS)
    now = START + each * SEGMENT_S * NS_PER_S
    old = [Keep(camera, "main", (each - 1000) * SEGMENT_S) for camera in CAMERAS]
    much = [Keep(camera, "main", None, (each - 1000) * 7_000_000) for camera in CAMERAS]
    rows: list[Row] = []

    def timed(what: str, work: Callable[[], object], *, counts: bool) -> None:
        began = time.perf_counter()
        answer = work()
        rows.append({"step": what, "s": time.perf_counter() - began, "counts": counts, "answer": str(answer)})

    timed("bytes used and locked", lambda: retention.used("disk"), counts=True)
    timed("oldest of a full disk", lambda: len(retention.oldest("disk", 2**62, DELETED)), counts=True)
    timed("more than may be kept", lambda: len(retention.expired(much, now, DELETED)), counts=True)
    doomed = retention.expired(old, now, DELETED)
    timed("older than may be kept", lambda: len(retention.expired(old, now, DELETED)), counts=True)
    numbers = [one.id for one in doomed]
    timed("condemn", lambda: ledger.condemn(numbers), counts=True)
    timed("list garbage", lambda: len(list(ledger.garbage("disk"))), counts=True)
    timed("forget", lambda: ledger.forget(numbers), counts=True)
    timed("list what is known", lambda: sum(1 for _ in ledger.known("disk")), counts=False)
    written = [replace(example_segment(), id=10**18 + n) for n in range(100)]
    timed("commit 100 segments, one by one", lambda: _commit(ledger, written), counts=False)
    return rows


def _commit(ledger: SqlLedger, written: Sequence[Segment]) -> int:
    for one in written:
        ledger.commit(one)
    return len(written)


def query_rows(database: Database, rounds: int) -> list[Row]:
    """What a time line and a list of events ask for, how long the answers take, in milliseconds."""
    chance, store, recordings = random.Random(4), SqlEventStore(database), SqlRecordings(database)  # noqa: S311 - no secret
    day = 24 * HOUR_NS

    def moment(lasts: int) -> int:
        return START + chance.randrange((YEAR_NS - lasts) // HOUR_NS) * HOUR_NS

    def timeline(cameras: Sequence[str] | None, lasts: int, bucket: int) -> object:
        start = moment(lasts)
        return store.timeline(cameras, start, start + lasts, bucket)

    def camera() -> str:
        return chance.choice(CAMERAS)

    def before() -> int:
        return (START + chance.randrange(YEAR_NS)) // 1_000_000 << 22

    def listed(**wanted: object) -> object:
        return store.events(Wanted(**wanted), before(), 100)  # type: ignore[arg-type]

    def window() -> object:
        start = moment(day)
        return store.events(
            Wanted(camera=camera(), kind="crossed", start_utc_ns=start, end_utc_ns=start + day), None, 100
        )

    def covered(lasts: int, resolution: int) -> object:
        return recordings.coverage(camera(), "main", START, START + lasts, resolution)

    questions: dict[str, Callable[[], object]] = {
        "a year by days, all cameras": lambda: store.timeline(None, START, START + YEAR_NS // day * day, day),
        "a year by days, nine cameras": lambda: store.timeline(CAMERAS[:9], START, START + YEAR_NS // day * day, day),
        "a year by hours, one camera": lambda: timeline([camera()], YEAR_NS // HOUR_NS * HOUR_NS - HOUR_NS, HOUR_NS),
        "a month by hours, all cameras": lambda: timeline(None, 30 * day, HOUR_NS),
        "a week in 288 stretches, one camera": lambda: timeline([camera()], 7 * day, 7 * day // 288),
        "a day by 5 minutes, all cameras": lambda: timeline(None, day, HOUR_NS // 12),
        "a day by minutes, one camera": lambda: timeline([camera()], day, HOUR_NS // 60),
        "the newest 100 events": lambda: store.events(Wanted(), None, 100),
        "100 events from somewhere": listed,
        "100 events of a camera": lambda: listed(camera=camera()),
        "100 events of a class of all cameras": lambda: listed(label="person"),
        "100 events of a rule that fires once a month": lambda: listed(rule="rare"),
        "100 crossings of a camera in a day": window,
        "a day of recordings": lambda: covered(day, NS_PER_S),
        "a month of recordings": lambda: covered(30 * day, HOUR_NS),
    }  # fmt: skip
    return [_asked(question, ask, rounds) for question, ask in questions.items()]


def _asked(question: str, ask: Callable[[], object], rounds: int) -> Row:
    times, cpu, answer = [], [], None
    for _ in range(rounds):
        began, used = time.perf_counter(), time.process_time()
        answer = ask()
        times.append(1e3 * (time.perf_counter() - began))
        cpu.append(1e3 * (time.process_time() - used))
    p95 = sorted(times)[max(0, -(-len(times) * 95 // 100) - 1)]
    rows = len(answer) if isinstance(answer, Sequence) else len(getattr(answer, "spans", ()))
    return {
        "question": question, "rows": rows, "first ms": times[0], "median ms": statistics.median(times), "p95 ms": p95,
        "processor ms": statistics.median(cpu),
    }  # fmt: skip


if __name__ == "__main__":
    found = measure(Runs(), quick="--quick" in sys.argv[1:], say=lambda what: print(what, file=sys.stderr, flush=True))
    print("\n\n".join(table.markdown() for table in found.tables))
    print("\n".join(str(verdict.row()) for verdict in found.verdicts))
