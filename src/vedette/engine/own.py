"""What this process takes of the machine."""

from __future__ import annotations

import os
import resource
from contextlib import suppress
from pathlib import Path


def own_figures() -> dict[str, float]:
    """`cpu_s`, processor seconds used by all threads, and `rss_bytes`, memory held (where the kernel tells)."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    figures = {"cpu_s": used.ru_utime + used.ru_stime}
    with suppress(OSError, ValueError, IndexError):
        figures["rss_bytes"] = float(int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
    return figures
