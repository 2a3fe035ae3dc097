"""Reeldrop: the watch folder that edits video."""

__version__ = "0.1.0"
