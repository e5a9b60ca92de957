"""Geofences: exact shapes, their GeoJSON, the H3 cells that stand for them, and the index that finds them."""
