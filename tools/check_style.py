"""Measures the source against the house's numbers, prints them, and fails on a breach.

Files: 90 % have at most 400 lines, none over 500. Functions: 90 % have at most 35 lines, none over 60. No import cycle,
neither of modules nor of packages. A broad `except` only at a border listed in `tools/borders.txt`, or where it raises
again. Every reason for skipping a test in CI is explained in `tests/skips.txt`.

Usage: python tools/check_style.py
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
FOLDERS: Final = ("src", "tests", "benchmarks", "tools")
PACKAGE: Final = "vedette"
FILE_P90, FILE_MAX = 400, 500
FUNCTION_P90, FUNCTION_MAX = 35, 60
BROAD: Final = {"Exception", "BaseException"}


@dataclass(slots=True)
class Report:
    """Lines to print, and what is not as it has to be."""

    lines: list[str] = field(default_factory=list)
    breaches: list[str] = field(default_factory=list)

    def limit(self, what: str, value: float, most: float) -> None:
        """Print `value` beside its limit."""
        self.lines.append(f"{what:<44} {value:>6g}   limit {most:g}")
        if value > most:
            self.breaches.append(f"{what}: {value:g} is over {most:g}")


@dataclass(frozen=True, slots=True)
class Module:
    """One parsed file."""

    path: str
    lines: int
    tree: ast.Module


def modules(root: Path) -> list[Module]:
    """Every Python file of the repository's own folders."""
    found = []
    for path in sorted(path for folder in FOLDERS for path in (root / folder).rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        found.append(Module(path.relative_to(root).as_posix(), len(text.splitlines()), ast.parse(text)))
    return found


def percentile_90(values: Iterable[int]) -> int:
    """The value that 90 % do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * 9 // 10) - 1)] if ordered else 0


def functions(module: Module) -> Iterator[tuple[str, int]]:
    """`path:line name` and number of lines, from `def` to the last line, of each function."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{module.path}:{node.lineno} {node.name}", (node.end_lineno or node.lineno) - node.lineno + 1


def check_sizes(found: list[Module], report: Report) -> None:
    """Lengths of files and functions."""
    lengths = [module.lines for module in found]
    report.limit("lines of a file, 90th percentile", percentile_90(lengths), FILE_P90)
    report.limit("lines of a file, longest", max(lengths, default=0), FILE_MAX)
    report.breaches += [f"{m.path} has {m.lines} lines" for m in found if m.lines > FILE_MAX]
    sizes = [size for module in found for size in functions(module)]
    report.limit("lines of a function, 90th percentile", percentile_90(size for _, size in sizes), FUNCTION_P90)
    report.limit("lines of a function, longest", max((size for _, size in sizes), default=0), FUNCTION_MAX)
    report.breaches += [f"{name} has {size} lines" for name, size in sizes if size > FUNCTION_MAX]
    report.lines.insert(0, f"{len(found)} files with {sum(lengths)} lines, {len(sizes)} functions")


def imports(tree: ast.AST, known: set[str]) -> Iterator[str]:
    """Modules of the package that a file needs when it is imported: not those for type checkers or inside functions."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                below = f"{node.module}.{alias.name}"
                yield from (name for name in (below if below in known else node.module,) if name in known)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        elif isinstance(node, ast.If | ast.Try | ast.With | ast.ClassDef):
            yield from imports(node, known)


def check_cycles(found: list[Module], report: Report) -> None:
    """Import cycles of modules, and of the packages below the top one that they lie in."""
    source = {
        module.path.removeprefix("src/").removesuffix(".py").removesuffix("/__init__").replace("/", "."): module
        for module in found
        if module.path.startswith(f"src/{PACKAGE}/")
    }
    needs = {name: set(imports(module.tree, set(source))) - {name} for name, module in source.items()}
    rooms: dict[str, set[str]] = {}
    for name, needed in needs.items():
        if name != PACKAGE:
            rooms.setdefault(room(name), set()).update({room(other) for other in needed} - {room(name), PACKAGE})
    for what, graph in (("modules", needs), ("packages", rooms)):
        cycle = first_cycle(graph)
        report.limit(f"import cycles of {what}", 1 if cycle else 0, 0)
        if cycle:
            report.breaches.append(f"cycle of {what}: {' -> '.join(cycle)}")


def room(module: str) -> str:
    """`vedette.video` for `vedette.video.sources.file`."""
    return ".".join(module.split(".")[:2])


def first_cycle(graph: dict[str, set[str]]) -> list[str]:
    """One cycle of `graph`, or nothing."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [str(name) for name in error.args[1]]
    return []


def broad_excepts(module: Module) -> Iterator[tuple[str, bool]]:
    """`path::function` and whether it raises again, of each handler that catches everything."""
    owners: dict[ast.AST, str] = {}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            owners.update(dict.fromkeys(ast.walk(node), node.name))
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ExceptHandler) and catches_everything(node.type):
            again = any(isinstance(inner, ast.Raise) and inner.exc is None for inner in node.body)
            yield f"{module.path}::{owners.get(node, 'module')}", again


def catches_everything(kind: ast.expr | None) -> bool:
    """Whether an `except` with that expression is a broad one."""
    if kind is None:
        return True
    names = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(isinstance(name, ast.Name) and name.id in BROAD for name in names)


def check_borders(found: list[Module], allowed: dict[str, str], report: Report) -> None:
    """Broad excepts against the borders that are allowed to have one."""
    places = [place for module in found for place in broad_excepts(module)]
    for place, again in places:
        reason = "raises again" if again else allowed.get(place)
        report.lines.append(f"broad except in {place}: {reason or 'NOT ALLOWED'}")
        if reason is None:
            report.breaches.append(
                f"{place} catches everything: name the errors, or list the border in tools/borders.txt"
            )
    swallowing = {place for place, again in places if not again}
    report.breaches += [
        f"tools/borders.txt lists {place}, which is gone" for place in sorted(set(allowed) - swallowing)
    ]


def borders(text: str) -> dict[str, str]:
    """Place to reason of each line `path::function  reason`."""
    rows = [line.split(maxsplit=1) for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return {row[0]: row[1] if len(row) > 1 else "" for row in rows}


def check_skips(text: str, report: Report) -> None:
    """Every reason for a skip has a comment above it."""
    explained = False
    reasons = 0
    for line in text.splitlines()[1:]:
        if line.startswith("#"):
            explained = True
        elif line.strip():
            reasons += 1
            if not explained:
                report.breaches.append(f"tests/skips.txt does not say why '{line}' is there")
            explained = False
    report.lines.append(f"{'reasons for which CI may skip a test':<44} {reasons:>6}")


def main() -> int:
    """Print the numbers; 1 when one of them is over its limit."""
    report = Report()
    found = modules(ROOT)
    check_sizes(found, report)
    check_cycles(found, report)
    check_borders(found, borders((ROOT / "tools" / "borders.txt").read_text(encoding="utf-8")), report)
    check_skips((ROOT / "tests" / "skips.txt").read_text(encoding="utf-8"), report)
    sys.stdout.write("\n".join(report.lines) + "\n")
    for breach in report.breaches:
        sys.stderr.write(f"check_style: {breach}\n")
    return 1 if report.breaches else 0


if __name__ == "__main__":
    sys.exit(main())
