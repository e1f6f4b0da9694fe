"""Every definition that a rule ever had: events say by hash which one they were judged by."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select

from vedette.store import statements
from vedette.store.database import Database
from vedette.store.schema import rule_versions


@dataclass(frozen=True, slots=True)
class RuleVersion:
    """A definition as plain JSON values, under the hash that its events carry."""

    hash: str
    type: str
    definition: Mapping[str, object]
    first_utc_ns: int


class SqlRuleVersions:
    """Keeping and finding definitions. Raises DatabaseError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, version: RuleVersion) -> None:
        """Keep a definition; one that is there already keeps the time at which it was seen first."""
        row = {
            "hash": version.hash, "type": version.type, "first_utc_ns": version.first_utc_ns,
            "definition": json.dumps(version.definition, sort_keys=True),
        }  # fmt: skip
        with self._database.writing() as connection:
            statements.put_new(connection, rule_versions, row)

    def get(self, rule_hash: str) -> RuleVersion | None:
        """The definition with that hash."""
        with self._database.reading() as connection:
            row = connection.execute(select(rule_versions).where(rule_versions.c.hash == rule_hash)).first()
        return None if row is None else RuleVersion(row.hash, row.type, json.loads(row.definition), row.first_utc_ns)
