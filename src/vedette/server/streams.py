"""Live."""

from __future__ import annotations

from collections.abc import Mapping

from vedette.model.media import Codec


class LiveStreams:
    """What is live."""

    def codec(self, camera: str, stream: str) -> Codec | None:
        """Of the latest packet."""
        return None

    def viewers(self) -> Mapping[tuple[str, str], int]:
        """How many."""
        return {}
