"""Compressed video in and out."""
