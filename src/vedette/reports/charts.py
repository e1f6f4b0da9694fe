"""Charts as inline SVG whose colours are those of the page, in light and in dark.

Matplotlib is imported here only, and this module only once a report is written.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from vedette.reports.timeline import Series
from vedette.reports.words import clock_time

_INK: Final = "#010203"
_RULE: Final = "#020304"
_TONES: Final = ("#030405", "#040506", "#050607")
_CSS: Final = {
    _INK: "currentColor",
    _RULE: "var(--rule)",
    _TONES[0]: "var(--first)",
    _TONES[1]: "var(--second)",
    _TONES[2]: "var(--third)",
}
_WIDE: Final = (8.8, 2.3)
_NARROW: Final = (3.6, 2.1)


@dataclass(frozen=True, slots=True)
class Chart:
    """The same chart twice: for a desk and for a telephone. Both are markup without any text of users."""

    wide: str
    narrow: str


def bars(groups: Sequence[Series]) -> Chart:
    """Whole numbers over time, one to three groups side by side, in the page's colours in order."""
    return Chart(_figure(groups, _WIDE, _draw_bars), _figure(groups, _NARROW, _draw_bars))


def areas(groups: Sequence[Series]) -> Chart:
    """Averages over time, one to three lines with the area below."""
    return Chart(_figure(groups, _WIDE, _draw_areas), _figure(groups, _NARROW, _draw_areas))


def _draw_bars(axes: Axes, groups: Sequence[Series]) -> None:
    width = groups[0].interval_s
    each = 0.78 * width / len(groups)
    for position, (series, tone) in enumerate(zip(groups, _TONES, strict=False)):
        left = [series.first_s + (i + 0.11) * width + position * each for i in range(len(series.values))]
        axes.bar(left, series.values, each, align="edge", color=tone, linewidth=0)
    axes.set_ylim(0, max(1.0, 1.12 * max(max(series.values) for series in groups)))


def _draw_areas(axes: Axes, groups: Sequence[Series]) -> None:
    width = groups[0].interval_s
    for series, tone in zip(groups, _TONES, strict=False):
        edges = [series.first_s + i * width for i in range(len(series.values) + 1)]
        axes.stairs(series.values, edges, color=tone, linewidth=1.6)
        axes.stairs(series.values, edges, color=tone, fill=True, alpha=0.22, linewidth=0)
    axes.set_ylim(0, max(1.0, 1.12 * max(max(series.values) for series in groups)))


def _figure(groups: Sequence[Series], size: tuple[float, float], draw: Callable[[Axes, Sequence[Series]], None]) -> str:
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "vedette", "font.family": "DejaVu Sans"}):
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.add_subplot()
        draw(axes, groups)
        first, width, count = groups[0].first_s, groups[0].interval_s, len(groups[0].values)
        axes.set_xlim(first, first + width * count)
        step = -(-count // (8 if size is _WIDE else 4))
        axes.set_xticks([first + width * i for i in range(0, count + 1, step)])
        axes.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: clock_time(seconds)))
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True, min_n_ticks=1))
        axes.grid(axis="y", color=_RULE, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.tick_params(colors=_INK, labelsize=9, length=0, pad=6)
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        axes.spines["bottom"].set_color(_RULE)
        target = io.StringIO()
        empty = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(target, format="svg", transparent=True, metadata=empty)
    return _inline(target.getvalue())


def _inline(svg: str) -> str:
    """The `<svg>` element alone: no prologue, no metadata, no ids that could meet another chart's, page colours."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    head, rest = svg.split(">", 1)
    box = re.search(r'viewBox="([^"]*)"', head)
    referred = set(re.findall(r"(?:url\(#|href=\"#)([^)\"]+)", rest))
    own = f"c{zlib.crc32(svg.encode()):08x}-"
    rest = re.sub(r' id="([^"]*)"', lambda found: f' id="{own}{found[1]}"' if found[1] in referred else "", rest)
    rest = re.sub(r'(url\(#|xlink:href="#)', lambda found: found[0] + own, rest)
    for placeholder, colour in _CSS.items():
        rest = rest.replace(placeholder, colour)
    rest = re.sub(r"xlink:href", "href", rest)
    frame = f' viewBox="{box[1]}"' if box else ""
    return f'<svg{frame} aria-hidden="true">{rest}'
