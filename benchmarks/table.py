"""Results as tables: plain values in rows, for Markdown and for JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Cell = str | int | float | bool | None
Row = Mapping[str, Cell]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of one measurement.

    formats  column to format specification; other fractions are shown with three digits
    note     what a reader must know to judge the figures
    """

    title: str
    rows: Sequence[Row]
    note: str = ""
    formats: Mapping[str, str] = field(default_factory=dict)

    def markdown(self) -> str:
        """Title, table and note. A column that only some rows have is empty in the others."""
        columns = list(dict.fromkeys(column for row in self.rows for column in row))
        lines = [columns, ["---"] * len(columns)]
        lines += [[self._shown(column, row.get(column)) for column in columns] for row in self.rows]
        body = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        return "\n\n".join(part for part in (f"### {self.title}", body, self.note) if part)

    def _shown(self, column: str, value: Cell) -> str:
        if value is None:
            return ""
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, str):
            return value
        if column in self.formats:
            return format(value, self.formats[column])
        return str(value) if isinstance(value, int) else f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One figure that is asked for, beside what was measured; `met` is None where this run could not tell."""

    what: str
    required: str
    measured: str = "not measured"
    met: bool | None = None

    def row(self) -> Row:
        """As a row of the closing table."""
        met = "not measured" if self.met is None else "yes" if self.met else "**no**"
        return {"what": self.what, "required": self.required, "measured": self.measured, "met": met}


@dataclass(frozen=True, slots=True)
class Part:
    """What one bench found.

    skipped  what it could not do, and why
    details  figures for RESULTS.json alone
    """

    tables: Sequence[Table]
    verdicts: Sequence[Verdict] = ()
    skipped: Sequence[str] = ()
    details: Mapping[str, object] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """As plain values."""
        return {
            "tables": [{"title": table.title, "rows": [dict(row) for row in table.rows]} for table in self.tables],
            "verdicts": [dict(verdict.row()) for verdict in self.verdicts],
            "skipped": list(self.skipped),
            "details": dict(self.details),
        }
