"""The scenes that can be drawn, one file each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from vedette.simulator.scene import Scene
from vedette.simulator.scenes import fence_line, shop_entrance

SCENES: Final[Mapping[str, Scene]] = MappingProxyType(
    {scene.name: scene for scene in (shop_entrance.SCENE, fence_line.SCENE)}
)
"""Every scene by name."""
