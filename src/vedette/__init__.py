"""Vedette: video security that runs on your own machine.

from vedette import analyze

result = analyze("shop.mp4", rules="rules.yaml", out="out")
print(result.rules["door"].counts)
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vedette.app.analysis import analyze

__all__ = ["__version__", "analyze"]
__version__ = version("vedette")


def __getattr__(name: str) -> Any:  # noqa: ANN401 - PEP 562
    """Load the pipeline only when it is asked for, so that `vedette --help` answers at once."""
    if name == "analyze":
        from vedette.app.analysis import analyze  # noqa: PLC0415

        return analyze
    raise AttributeError(f"module 'vedette' has no attribute '{name}'")
