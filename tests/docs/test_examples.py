"""The YAML and Python of README and guide is what it says it is."""

import ast
import re
from pathlib import Path

import pytest

from vedette.config import load_either

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(language: str) -> list[tuple[str, str]]:
    """`page:number` and text of each fenced block in that language."""
    found = []
    for page in PAGES:
        texts = re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
        found += [(f"{page.relative_to(ROOT)}:{number}", text) for number, text in enumerate(texts, start=1)]
    return found


@pytest.mark.parametrize(("place", "text"), blocks("yaml"), ids=[place for place, _ in blocks("yaml")])
def test_configurations_in_the_documentation_are_sound(place: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / f"{place.rpartition('/')[2]}.yaml"
    path.write_text(text, encoding="utf-8")
    (tmp_path / "door.password").write_text("secret", encoding="utf-8")
    load_either(path)


@pytest.mark.parametrize(("place", "text"), blocks("python"), ids=[place for place, _ in blocks("python")])
def test_python_in_the_documentation_is_python(place: str, text: str) -> None:
    compile(text, place, "exec")


def test_the_example_of_the_readme_is_about_ten_lines() -> None:
    ((_, text),) = [block for block in blocks("python") if block[0].startswith("README")]
    assert len([line for line in text.splitlines() if line.strip()]) <= 10
    assert "from vedette import analyze" in ast.unparse(ast.parse(text))
