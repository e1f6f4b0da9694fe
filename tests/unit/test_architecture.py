"""What holds for the whole house: public names, help with examples, links that lead somewhere, no unnoticed skips."""

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import vedette
from conftest import allowed_reasons, unlisted
from vedette.cli import main as cli

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "vedette"
MODULES = sorted(module.name for module in pkgutil.walk_packages(vedette.__path__, "vedette."))
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")


@pytest.mark.parametrize("name", MODULES)
def test_every_module_can_be_imported_first(name: str) -> None:
    assert importlib.import_module(name).__doc__, "a module says what it is for"


def test_the_public_names() -> None:
    assert vedette.__all__ == ["__version__", "analyze"]
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", vedette.__version__)
    assert callable(vedette.analyze)
    with pytest.raises(AttributeError, match="no attribute 'analyse'"):
        vedette.analyse  # noqa: B018


@pytest.mark.parametrize("name", MODULES)
def test_what_a_module_says_is_public_is_there(name: str) -> None:
    module = importlib.import_module(name)
    assert not [public for public in getattr(module, "__all__", ()) if not hasattr(module, public)]


def test_help_answers_at_once_because_nothing_heavy_is_imported() -> None:
    script = (
        "import sys; from vedette.cli.main import application; application()\n"
        "heavy = {'av', 'cv2', 'numpy', 'onnxruntime', 'pydantic', 'matplotlib', 'yaml', 'jinja2'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def commands() -> Iterator[str]:
    def below(command: Any, path: str) -> Iterator[str]:  # noqa: ANN401 - typer's own classes
        yield path
        for name, inner in getattr(command, "commands", {}).items():
            yield from below(inner, f"{path} {name}".strip())

    yield from below(typer.main.get_command(cli.application()), "")


COMMANDS = list(commands())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([*command.split(), "--help"]) == 0
    said = capsys.readouterr().out
    assert re.search(r"Examples?:\s+vedette ", said)
    assert f"vedette {command}".strip() in said.partition("Example")[2]


def test_the_commands_of_the_contract_are_there() -> None:
    assert {
        "demo",
        "analyze",
        "simulate",
        "check-config",
        "models list",
        "models fetch",
        "models verify",
        "plan",
    } <= set(COMMANDS)


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as the usual renderers make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_links_of_the_pages_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in (match["target"] for match in LINK.finditer(text)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        found = (page.parent / name).resolve() if name else page
        assert found.exists(), target
        assert found.is_relative_to(ROOT), target
        if anchor:
            assert anchor in anchors(found), target


def test_every_page_of_the_documentation_can_be_reached() -> None:
    linked = {
        (page.parent / match["target"].partition("#")[0]).resolve()
        for page in PAGES
        for match in LINK.finditer(page.read_text(encoding="utf-8"))
    }
    assert not [str(page.relative_to(ROOT)) for page in PAGES if page not in linked and page.name != "README.md"]


def test_only_the_clock_asks_for_the_time() -> None:
    """Except a live source that nobody handed a clock: rooms on one floor do not know each other."""
    asking = re.compile(r"\btime\.(time|monotonic|time_ns|monotonic_ns|sleep)\(|datetime\.now\(|datetime\.utcnow\(")
    found = [path for path in SOURCE.rglob("*.py") if asking.search(path.read_text(encoding="utf-8"))]
    assert {path.name for path in found} <= {"clock.py"}


@pytest.mark.parametrize("name", ["ports.py", "recording_ports.py"])
def test_the_seams_are_small(name: str) -> None:
    tree = ast.parse((SOURCE / "model" / name).read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and any("Protocol" in ast.unparse(base) for base in node.bases):
            joins_others = len(node.bases) > 1
            methods = sum(isinstance(inner, ast.FunctionDef) for inner in node.body)
            assert methods <= 4, node.name
            assert methods > 0 or joins_others, node.name


class TestSkips:
    def test_a_reason_has_to_be_listed(self) -> None:
        skipped = {"test_a": "no camera", "test_b": "no footage x.mp4"}
        assert list(unlisted(skipped, [re.compile("no camera")])) == ["test_b: no footage x.mp4"]

    def test_missing_footage_is_no_excuse_in_ci(self) -> None:
        assert list(unlisted({"test_a": "no footage video/vtest.avi"}, allowed_reasons()))

    @pytest.mark.parametrize(("ci", "status"), [("true", 1), ("", 0)])
    def test_ci_fails_on_a_skip_that_is_not_listed(self, ci: str, status: int, tmp_path: Path) -> None:
        for name in ("conftest.py", "skips.txt"):
            (tmp_path / name).write_text((ROOT / "tests" / name).read_text(encoding="utf-8"), encoding="utf-8")
        (tmp_path / "test_skipping.py").write_text(
            "import pytest\ndef test_a(): pytest.skip('felt like it')\ndef test_b(): pass\n", encoding="utf-8"
        )
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
        environment = {"CI": ci, "PATH": "/usr/bin:/bin"}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == status, done.stdout
        assert ("tests/skips.txt does not list" in done.stdout) == bool(status)
