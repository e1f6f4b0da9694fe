"""Revisions: they lead to the tables of `schema`, and rows live through them."""

from __future__ import annotations

import importlib
import pkgutil
from contextlib import closing
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, Connection, Engine, MetaData, Table, inspect, text
from sqlalchemy.types import Boolean, Double, Integer, LargeBinary

from databases import PostgresServer
from vedette.clock import SimulatedClock
from vedette.model.errors import DatabaseError
from vedette.store import upgrading
from vedette.store.connecting import address, engine
from vedette.store.database import Database
from vedette.store.migrations import versions
from vedette.store.schema import metadata

pytest_plugins = ["databases"]
REVISIONS = upgrading.revisions()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Address of a database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path_factory.mktemp('upgrading') / 'vedette.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    name = f"empty_{request.node.callspec.id.replace('-', '_')}_{abs(hash(request.node.name))}"
    server.run(f"CREATE DATABASE {name}")
    return server.url(name)


def connected(url: str) -> Engine:
    return engine(address(url), "writer", 5.0, upgrading=True)


def test_there_is_one_line_of_revisions() -> None:
    names = {module.name for module in pkgutil.iter_modules(versions.__path__)}
    modules = [importlib.import_module(f"{versions.__name__}.{name}") for name in names]
    assert {module.revision for module in modules} == set(REVISIONS)
    assert sorted(str(module.down_revision) for module in modules) == sorted(["None", *REVISIONS[:-1]])


def test_the_revisions_lead_to_the_schema(empty_url: str) -> None:
    Database.open(empty_url, clock=SimulatedClock()).close()
    with connected(empty_url).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def described(connection: Connection) -> dict[str, Any]:
    """Everything that makes a difference between two databases, in the database's own words."""
    if connection.dialect.name == "sqlite":
        rows = connection.execute(text("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE '%alembic%'"))
        return {f"{row.type} {row.name}": sorted(_lines(row.sql or "")) for row in rows}
    looked = inspect(connection)
    found: dict[str, Any] = {}
    for table in sorted(set(looked.get_table_names()) - {"alembic_version"}):
        found[table] = [
            sorted(str(entry) for entry in list_of(table))
            for list_of in (
                looked.get_columns, looked.get_indexes, looked.get_check_constraints, looked.get_unique_constraints,
                looked.get_foreign_keys, lambda name: [looked.get_pk_constraint(name)],
            )
        ]  # fmt: skip
    triggers = "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal"
    found["triggers"] = sorted(str(row) for row in connection.execute(text(triggers)))
    functions = "SELECT proname, prosrc FROM pg_proc WHERE proname LIKE '%append_only'"
    found["functions"] = sorted(str(row) for row in connection.execute(text(functions)))
    return found


def _lines(statement: str) -> list[str]:
    return [line.strip().rstrip(",") for line in statement.splitlines()]


def test_upgraded_from_nothing_and_made_at_once_are_the_same(
    empty_url: str, postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    Database.open(empty_url, clock=SimulatedClock()).close()
    at_once = f"sqlite:///{tmp_path_factory.mktemp('made') / 'at-once.db'}"
    if empty_url.startswith("postgresql"):
        postgres.run("CREATE DATABASE at_once")
        at_once = postgres.url("at_once")
    with connected(at_once).connect() as connection, connection.begin():
        metadata.create_all(connection)
        made = described(connection)
    with connected(empty_url).connect() as connection:
        assert described(connection) == made
    if empty_url.startswith("postgresql"):
        postgres.run("DROP DATABASE at_once WITH (FORCE)")


def fill(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    """A row in every table, made from what the database says of its columns."""
    tables = MetaData()
    tables.reflect(connection)
    for table in tables.sorted_tables:
        if table.name != "alembic_version":
            connection.execute(table.insert().values(**{column.name: _value(column) for column in table.columns}))
    return contents(connection)


_WORDS = {"severity": "alarm", "direction": "", "review": "new"}


def _value(column: Column[Any]) -> object:
    if column.name in _WORDS:
        return _WORDS[column.name]
    if column.name == "start_utc_ns":
        return 0
    if isinstance(column.type, Boolean):
        return False
    if isinstance(column.type, Integer):
        return 1
    if isinstance(column.type, Double):
        return 0.5
    return b"x" * 32 if isinstance(column.type, LargeBinary) else "word"


def contents(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    tables = MetaData()
    tables.reflect(connection)
    return {
        table.name: [tuple(_plain(value) for value in row) for row in connection.execute(table.select())]
        for table in tables.sorted_tables
        if table.name != "alembic_version"
    }


def _plain(value: object) -> object:
    return bytes(value) if isinstance(value, memoryview) else value


@pytest.mark.parametrize("old", REVISIONS)
def test_rows_of_every_revision_live_through_the_upgrade(empty_url: str, old: str) -> None:
    made = connected(empty_url)
    upgrading.upgrade(made, "x", old)
    with made.connect().execution_options(vedette_writing=True) as connection, connection.begin():
        before = fill(connection)
    assert all(len(rows) == 1 for rows in before.values())
    with closing(Database.open(empty_url, clock=SimulatedClock())) as database:
        assert database.integrity(quick=False) == []
        with database.reading() as connection:
            after = contents(connection)
            assert upgrading.revision(connection) == REVISIONS[-1]
    for table, rows in before.items():
        assert len(after[table]) == len(rows), table
        assert set(rows[0]) <= set(after[table][0]), table
    made.dispose()


def test_a_database_of_somebody_else_is_left_alone(empty_url: str) -> None:
    made = connected(empty_url)
    with made.connect().execution_options(vedette_writing=True) as connection, connection.begin():
        connection.execute(text("CREATE TABLE events (theirs integer)"))
    with pytest.raises(DatabaseError):
        Database.open(empty_url, clock=SimulatedClock())
    with made.connect() as connection:
        assert set(inspect(connection).get_table_names()) == {"events"}, "nothing was made beside it"
    made.dispose()


def test_a_table_says_what_it_holds() -> None:
    named: list[Table] = list(metadata.tables.values())
    assert {table.name for table in named} >= {"cameras", "runs", "segments", "gaps", "tracks", "events", "incidents"}
    for table in named:
        for column in table.columns:
            if isinstance(column.type, Integer) and column.name.endswith("_ns"):
                assert column.name.endswith(("_utc_ns", "_stream_ns")) or column.name in {
                    "duration_ns", "wall_ns", "longest_ns", "lasting_ns", "ended_ns",
                }  # fmt: skip
