"""Opening, sharing and refusing a database."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from databases import Opener, PostgresServer
from stored import event, segment
from vedette.clock import SimulatedClock, SystemClock
from vedette.model.errors import DatabaseBusy, DatabaseError
from vedette.store.connecting import address
from vedette.store.database import Database, Role
from vedette.store.events import SqlEventStore
from vedette.store.ledger import SqlLedger

pytest_plugins = ["databases"]


def file_url(folder: Path) -> str:
    return f"sqlite:///{folder / 'vedette.db'}"


def one_line(error: BaseException) -> str:
    assert len(str(error).splitlines()) == 1
    return str(error)


@pytest.mark.parametrize(("role", "synchronous"), [("recorder", 2), ("writer", 1), ("reader", 1)])
def test_what_a_connection_promises(tmp_path: Path, role: Role, synchronous: int) -> None:
    database = Database.open(file_url(tmp_path), clock=SimulatedClock(), role=role)
    with closing(database), database.reading() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert found == {"journal_mode": "wal", "synchronous": synchronous, "foreign_keys": 1, "busy_timeout": 5000}


def test_only_its_owner_reads_the_file(tmp_path: Path) -> None:
    Database.open(file_url(tmp_path / "made" / "as needed"), clock=SimulatedClock()).close()
    assert stat.S_IMODE((tmp_path / "made" / "as needed" / "vedette.db").stat().st_mode) == 0o600


def test_a_reader_cannot_write(open_database: Opener) -> None:
    reader = open_database(role="reader")
    with pytest.raises(DatabaseError):
        SqlLedger(reader).commit(segment(1))
    assert list(SqlLedger(reader).known("disk")) == []


def test_one_sees_what_another_committed(open_database: Opener) -> None:
    writer, reader = open_database(), open_database(role="reader")
    SqlLedger(writer).commit(segment(1))
    assert SqlLedger(reader).segment(segment(1).id) == segment(1)


def test_nothing_of_a_transaction_that_failed_stays(open_database: Opener) -> None:
    database = open_database()

    def fail() -> None:
        with database.writing() as connection:
            connection.execute(text("INSERT INTO storages VALUES ('a', 'b', 1)"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM storages")).scalar() == 0


def test_a_locked_file_is_busy_within_the_time_that_was_given(tmp_path: Path) -> None:
    database = Database.open(file_url(tmp_path), clock=SimulatedClock(), busy_timeout_s=0.3)
    with closing(database), closing(sqlite3.connect(tmp_path / "vedette.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        with pytest.raises(DatabaseBusy, match="locked by another program") as caught:
            SqlLedger(database).commit(segment(1))
        assert 0.2 < time.monotonic() - began < 3
        one_line(caught.value)
        assert SqlLedger(database).segment(segment(1).id) is None, "reading goes on"
        other.execute("COMMIT")
        SqlLedger(database).commit(segment(1))
        assert SqlLedger(database).segment(segment(1).id) == segment(1)


def test_a_full_disk_is_said_and_harms_nothing(tmp_path: Path) -> None:
    database = Database.open(file_url(tmp_path), clock=SimulatedClock(), role="recorder")
    with closing(database):
        ledger = SqlLedger(database)
        with database.reading() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 10}")
        committed = 0

        def fill() -> None:
            nonlocal committed
            while True:
                ledger.commit(segment(committed + 1))
                committed += 1

        with pytest.raises(DatabaseError, match="no room left") as caught:
            fill()
        one_line(caught.value)
        assert not isinstance(caught.value, DatabaseBusy)
        assert committed > 0
        assert len(list(ledger.known("disk"))) == committed
        assert database.integrity(quick=False) == []


def test_a_thread_that_holds_the_database_makes_others_wait_no_longer_than_that(tmp_path: Path) -> None:
    database = Database.open(file_url(tmp_path), clock=SimulatedClock(), busy_timeout_s=0.2)
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with database.writing():
            held.set()
            done.wait(20)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(20)
    try:
        with pytest.raises(DatabaseBusy, match="another thread"):
            SqlLedger(database).commit(segment(1))
    finally:
        done.set()
        thread.join()
        database.close()


def test_a_locked_table_of_postgresql_is_busy(open_database: Opener, database_url: str) -> None:
    if database_url.startswith("sqlite"):
        return
    first, second = open_database(), open_database(busy_timeout_s=0.3)
    with first.writing() as connection:
        connection.execute(text("LOCK TABLE events IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(DatabaseBusy, match="busy"):
            SqlEventStore(second).put_event(event(1), None)


def test_numbers_beyond_63_bits_are_refused(open_database: Opener) -> None:
    with pytest.raises(DatabaseError) as caught:
        SqlLedger(open_database()).forget([2**63])
    one_line(caught.value)


@pytest.mark.parametrize("breach", ["INSERT INTO codecs VALUES (1, 'x', 'h264', '', 0, 0, 0, 0)", "SELECT nonsense"])
def test_what_breaks_the_rules_is_refused_in_one_line(open_database: Opener, breach: str) -> None:
    database = open_database()
    with pytest.raises(DatabaseError) as caught, database.writing() as connection:
        connection.execute(text(breach))
    assert "refuses" in one_line(caught.value)
    assert not isinstance(caught.value, DatabaseBusy)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "not understood"), ("nonsense", "not understood"), ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"), ("mysql://root:secret@host/db", "'mysql'"),
        ("postgresql://ann:secret@/x?host=/nowhere/at/all", "does not answer"),
        ("sqlite:////proc/vedette/no.db", "cannot be opened"),
        ("postgresql://ann:secret@host:port/x", "not understood"),
    ],
)  # fmt: skip
def test_addresses_that_lead_nowhere(url: str, says: str) -> None:
    with pytest.raises(DatabaseError, match=says) as caught:
        Database.open(url, clock=SimulatedClock(), busy_timeout_s=1)
    assert "secret" not in one_line(caught.value)


def test_a_password_is_never_shown() -> None:
    where = address("postgresql://ann:hunter2@db.example:5432/vedette")
    assert "hunter2" not in where.name + repr(where) + str(where)


def test_a_folder_in_the_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "vedette.db").mkdir()
    with pytest.raises(DatabaseError, match="cannot be opened"):
        Database.open(file_url(tmp_path), clock=SimulatedClock())


def test_a_newer_database_is_refused(open_database: Opener) -> None:
    database = open_database()
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseError, match=r"newer Vedette \(revision 9999\)") as caught:
        open_database()
    one_line(caught.value)


_START = """
import sys
from vedette.clock import SystemClock
from vedette.store.database import Database
from vedette.store.ledger import SqlLedger
from vedette.model.recording import Storage
for _ in range(3):
    database = Database.open(sys.argv[1], clock=SystemClock(), role="recorder")
    SqlLedger(database).put_storage(Storage(sys.argv[2], "/x"))
    database.close()
"""


def start_together(url: str, programs: int) -> None:
    environment = {**os.environ, "PYTHONWARNINGS": "error"}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", _START, url, str(n)], env=environment, stderr=subprocess.PIPE, text=True
        )
        for n in range(programs)
    ]
    failed = [process.communicate(timeout=120)[1] for process in started]
    assert [process.returncode for process in started] == [0] * programs, failed


def test_programs_that_start_together_make_one_database(tmp_path: Path) -> None:
    start_together(file_url(tmp_path), 3)
    database = Database.open(file_url(tmp_path), clock=SystemClock())
    with closing(database), database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM storages")).scalar() == 3
        assert database.integrity(quick=False) == []


def test_programs_that_start_together_make_one_postgresql_database(postgres: PostgresServer) -> None:
    postgres.run("CREATE DATABASE together")
    start_together(postgres.url("together"), 2)
    postgres.run("DROP DATABASE together WITH (FORCE)")


def test_postgresql_keeps_its_own_house(open_database: Opener, database_url: str, tmp_path: Path) -> None:
    database = open_database()
    assert database.integrity() == []
    assert "vedette" in database.name
    if database_url.startswith("sqlite"):
        return
    assert database.path is None
    with pytest.raises(DatabaseError, match="pg_dump"):
        database.backup(tmp_path / "copy")


def test_a_server_that_goes_away_and_comes_back(open_database: Opener, database_url: str) -> None:
    if database_url.startswith("sqlite"):
        return
    database = open_database()
    ledger = SqlLedger(database)
    ledger.commit(segment(1))
    with pytest.raises(DatabaseError), database.reading() as connection:
        connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    assert ledger.segment(segment(1).id) == segment(1), "the next question gets a new connection"
