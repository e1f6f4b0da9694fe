"""Strict, frozen configuration. It composes each plug-in's own options and refuses whatever it does not know."""

from vedette.config.camera import AnalysisOptions, CameraConfig, from_mapping, load
from vedette.config.definition import rule_hash
from vedette.config.problems import InvalidConfig
from vedette.config.rules import RuleDefinition

__all__ = ["AnalysisOptions", "CameraConfig", "InvalidConfig", "RuleDefinition", "from_mapping", "load", "rule_hash"]
