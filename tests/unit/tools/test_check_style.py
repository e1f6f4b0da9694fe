import ast

import pytest
from tools.check_style import (
    Module,
    Report,
    borders,
    broad_excepts,
    check_borders,
    check_cycles,
    check_sizes,
    check_skips,
    percentile_90,
)


def module(path: str, text: str) -> Module:
    return Module(path, len(text.splitlines()), ast.parse(text))


@pytest.mark.parametrize(
    ("values", "expected"), [([], 0), ([7], 7), (range(1, 11), 9), (range(1, 101), 90), ([1] * 9 + [500], 1)]
)
def test_the_90th_percentile_is_what_90_percent_do_not_exceed(values: list[int], expected: int) -> None:
    assert percentile_90(values) == expected


def test_sizes_over_the_limit_are_breaches() -> None:
    report = Report()
    check_sizes([module("src/a.py", "def f():\n" + "    x = 1\n" * 60), module("src/b.py", "x = 1\n" * 501)], report)
    assert "src/a.py:1 f has 61 lines" in report.breaches
    assert "src/b.py has 501 lines" in report.breaches
    fine = Report()
    check_sizes([module("src/a.py", "def f():\n" + "    x = 1\n" * 30)], fine)
    assert fine.breaches == []


def cycles(**sources: str) -> list[str]:
    report = Report()
    check_cycles([module(f"src/vedette/{name.replace('__', '/')}.py", text) for name, text in sources.items()], report)
    return [breach for breach in report.breaches if breach.startswith("cycle")]


def test_modules_that_need_each_other_are_a_breach() -> None:
    assert cycles(a="from vedette import b", b="from vedette.a import x")
    assert not cycles(a="from vedette import b", b="def f():\n    from vedette.a import x")
    assert not cycles(a="from vedette import b", b="if TYPE_CHECKING:\n    from vedette.a import x")


def test_packages_that_need_each_other_are_a_breach() -> None:
    found = cycles(one__a="import vedette.two.b", one__c="x = 1", two__b="x = 1", two__d="import vedette.one.c")
    assert len(found) == 1
    assert found[0].startswith("cycle of packages")


BROAD = "def f():\n    try:\n        g()\n    except {}:\n        {}\n"


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("Exception", "pass", [("src/a.py::f", False)]),
        ("(ValueError, BaseException)", "pass", [("src/a.py::f", False)]),
        ("Exception", "raise", [("src/a.py::f", True)]),
        ("ValueError", "pass", []),
    ],
)
def test_broad_excepts_are_found(kind: str, body: str, expected: list[tuple[str, bool]]) -> None:
    assert list(broad_excepts(module("src/a.py", BROAD.format(kind, body)))) == expected


def test_a_bare_except_is_broad() -> None:
    assert list(broad_excepts(module("src/a.py", "try:\n    f()\nexcept:\n    pass\n"))) == [
        ("src/a.py::module", False)
    ]


def test_a_border_has_to_be_listed_and_a_listed_one_has_to_be_there() -> None:
    swallowing = [module("src/a.py", BROAD.format("Exception", "pass"))]
    unlisted, listed, gone = Report(), Report(), Report()
    check_borders(swallowing, {}, unlisted)
    check_borders(swallowing, borders("# why\nsrc/a.py::f  border of a thread\n"), listed)
    check_borders([], {"src/a.py::f": "border of a thread"}, gone)
    assert (len(unlisted.breaches), listed.breaches, len(gone.breaches)) == (1, [], 1)


def test_a_reason_for_skipping_has_to_be_explained() -> None:
    silent, told = Report(), Report()
    check_skips("# header\nno camera\n", silent)
    check_skips("# header\n# There is none in the data centre.\nno camera\n", told)
    assert (len(silent.breaches), told.breaches) == (1, [])
