"""Vedette: video security that runs on your own machine."""

from importlib.metadata import version

__version__ = version("vedette")
