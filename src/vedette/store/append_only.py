"""Tables whose rows are only ever added: the database itself refuses to change or delete one."""

from __future__ import annotations

from sqlalchemy import Connection, Table, event, text

_SQLITE = (
    "CREATE TRIGGER {table}_{verb} BEFORE {verb} ON {table} BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
)
_POSTGRESQL = (
    "CREATE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$",
    "CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
    "FOR EACH STATEMENT EXECUTE FUNCTION {table}_append_only()",
)


def statements(table: str, dialect: str) -> list[str]:
    """What makes `table` append-only."""
    if dialect == "sqlite":
        return [_SQLITE.format(table=table, verb=verb) for verb in ("update", "delete")]
    return [statement.format(table=table) for statement in _POSTGRESQL]


def guard(table: Table) -> None:
    """Make `table` append-only wherever it is created."""

    def create(target: Table, connection: Connection, **_: object) -> None:
        for statement in statements(target.name, connection.dialect.name):
            connection.execute(text(statement))

    event.listen(table, "after_create", create)
