"""A progress bar in seconds of video, on stderr, and only where somebody sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from vedette.model.media import StreamInfo


@contextmanager
def following(
    what: str, start_s: float = 0.0, end_s: float | None = None
) -> Iterator[Callable[[float, StreamInfo], None]]:
    """Yields a function to call with the second reached and what is known of the source."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[reached]}"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task: TaskID | None = None

        def reached(second: float, info: StreamInfo) -> None:
            nonlocal task
            last = min((s for s in (info.duration_s, end_s) if s is not None), default=None)
            if task is None:
                task = bar.add_task(what, total=None if last is None else max(last - start_s, 0.1), reached="")
            told = f"{second:.0f} s" if last is None else f"{second:.0f} of {last:.0f} s"
            bar.update(task, completed=second - start_s, reached=told)

        yield reached


@contextmanager
def share(what: str) -> Iterator[Callable[[float], None]]:
    """Yields a function to call with the share that is done, 0..1."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=1.0)
        yield lambda done: bar.update(task, completed=done)
