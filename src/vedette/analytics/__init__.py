"""Tracks to facts. Pure: no files, no clock, no threads, no pixels."""
