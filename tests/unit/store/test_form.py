"""Telling a database's form without Alembic."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from sqlalchemy import text

from vedette.clock import SimulatedClock
from vedette.store import form, upgrading
from vedette.store.connecting import address, engine
from vedette.store.database import Database


def test_the_newest_revision_is_the_one_that_is_known() -> None:
    assert upgrading.revisions()[-1] == form.HEAD


def test_an_empty_database_and_one_of_another_form_are_not_current(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'vedette.db'}"
    made = engine(address(url), "writer", 5.0, upgrading=True)
    assert not form.is_current(made)
    Database.open(url, clock=SimulatedClock()).close()
    assert form.is_current(made)
    with made.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    assert not form.is_current(made)
    made.dispose()


def test_a_database_that_is_current_is_opened_without_alembic(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'vedette.db'}"
    Database.open(url, clock=SimulatedClock()).close()
    program = (
        "import sys; from vedette.clock import SimulatedClock; from vedette.store.database import Database; "
        f"Database.open({url!r}, clock=SimulatedClock()).close(); sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
