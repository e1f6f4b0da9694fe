"""Run by Alembic: the connection comes with the configuration, in a transaction that the caller ends."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection


def run() -> None:
    """Run the revisions that are asked for."""
    connection: Connection = context.config.attributes["connection"]
    # SQLite can take back changes of tables as well; Alembic would commit after each.
    context.configure(connection=connection, transactional_ddl=True, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


# The name under which Alembic loads this file; an import of the package runs nothing.
if __name__ == "env_py":
    run()
