"""Geofences: the H3 cells that stand for their shapes, the index that finds them, and the calls of their managers."""
