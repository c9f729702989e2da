"""Drills: what breaks on a headnode is broken on purpose, on the whole sandbox, and what then happens is written down."""
