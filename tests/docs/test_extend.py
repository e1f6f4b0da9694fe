"""Runs the recipes of docs/extend: the ```python blocks of a page as one program in an empty folder."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs" / "extend").glob("*.md"))
FENCE = re.compile(r"^```(?P<language>\w*)\s*$")


def program(page: str) -> str:
    """The page with empty lines in place of all that is no Python, so that line numbers stay those of the page."""
    lines, language = [], None
    for line in page.splitlines():
        fence = FENCE.match(line)
        if fence:
            language = None if language is not None else fence["language"]
        lines.append(line if language == "python" and not fence else "")
    return "\n".join(lines) + "\n"


def test_only_python_blocks_run_and_lines_stay() -> None:
    page = "# A\n```yaml\na: 1\n```\ntext\n```python\nx = 1\n```\n```\nplain\n```\n```python\ny = x\n```\n"
    kept = {number: line for number, line in enumerate(program(page).splitlines(), start=1) if line}
    assert kept == {7: "x = 1", 13: "y = x"}


def test_there_are_recipes() -> None:
    assert {page.stem for page in PAGES} >= {"detector", "rule", "source"}


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_a_recipe_runs(page: Path, tmp_path: Path) -> None:
    script = tmp_path / f"{page.stem}_recipe.py"
    script.write_text(program(page.read_text(encoding="utf-8")), encoding="utf-8")
    assert script.read_text(encoding="utf-8").strip(), "no ```python block"
    done = subprocess.run(
        [sys.executable, "-W", "error", script.name],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path), "MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
