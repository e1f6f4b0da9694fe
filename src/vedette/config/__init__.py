"""Strict, frozen configuration. It composes each plug-in's own options and refuses whatever it does not know."""

from vedette.config.camera import AnalysisOptions, CameraConfig, from_mapping, load
from vedette.config.definition import rule_hash
from vedette.config.problems import InvalidConfig
from vedette.config.rules import RuleDefinition
from vedette.config.system import Camera, SystemConfig, load_either, load_system, system_from_mapping

__all__ = [
    "AnalysisOptions",
    "Camera",
    "CameraConfig",
    "InvalidConfig",
    "RuleDefinition",
    "SystemConfig",
    "from_mapping",
    "load",
    "load_either",
    "load_system",
    "rule_hash",
    "system_from_mapping",
]
