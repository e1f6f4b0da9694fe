"""Pixels to facts."""
