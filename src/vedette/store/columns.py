"""Kinds of columns that mean the same in SQLite and PostgreSQL."""

from __future__ import annotations

import math
import re
from typing import Any, Final

from sqlalchemy import BigInteger, CheckConstraint, Column, Double, ForeignKey, Integer, LargeBinary, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

Whole = BigInteger().with_variant(Integer(), "sqlite")
"""63 bits and a sign. In SQLite it has to be called INTEGER, so that a primary key is the row's own number."""


_UNFIT: Final = re.compile("[\0\ud800-\udfff]")


class CleanText(TypeDecorator[str]):
    """Any text. What a database cannot hold (NUL, halves of surrogate pairs) becomes U+FFFD."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - alike for all
        """On its way in."""
        return None if value is None else clean(value)


class Real(TypeDecorator[float]):
    """A 64-bit number. What is not finite becomes NULL: SQLite knows no NaN, and nobody can compute with one."""

    impl = Double
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> float | None:  # noqa: ARG002 - alike for all
        """On its way in."""
        return None if value is None or not math.isfinite(value) else float(value)


def clean(text: str) -> str:
    """`text` without what a database cannot hold."""
    if text.isascii() and "\0" not in text:
        return text
    return _UNFIT.sub("\ufffd", text)


def number(name: str, **more: Any) -> Column[int]:
    """A whole number that is always there."""
    return Column(name, Whole, nullable=False, **more)


def maybe(name: str) -> Column[int | None]:
    """A whole number that may be missing."""
    return Column(name, Whole, nullable=True)


def key(name: str = "id") -> Column[int]:
    """A 63-bit id that comes from the caller."""
    return Column(name, Whole, primary_key=True, autoincrement=False)


def own_key() -> Column[int]:
    """A small number that the database gives."""
    return Column("id", Integer, primary_key=True)


def text(name: str, *, nullable: bool = False, **more: Any) -> Column[str]:
    """Text, also the hostile kind."""
    return Column(name, CleanText, nullable=nullable, **more)


def real(name: str, *, nullable: bool = False) -> Column[float]:
    """A fraction."""
    return Column(name, Real, nullable=nullable)


def blob(name: str, *, nullable: bool = False) -> Column[bytes]:
    """Bytes."""
    return Column(name, LargeBinary, nullable=nullable)


def small(name: str) -> Column[int]:
    """A small whole number that is always there."""
    return Column(name, Integer, nullable=False)


def refers(name: str, to: str, *, nullable: bool = False) -> Column[int]:
    """The small number of a row elsewhere."""
    return Column(name, Integer, ForeignKey(to), nullable=nullable)


def key_of(name: str, to: str) -> Column[int]:
    """The id of a row elsewhere that this one belongs to and goes with."""
    return Column(name, Whole, ForeignKey(to, ondelete="CASCADE"), primary_key=True, autoincrement=False)


def check(name: str, condition: str) -> CheckConstraint:
    """A condition that every row fulfils."""
    return CheckConstraint(condition, name=name)
