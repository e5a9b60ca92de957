"""Exact shapes on the WGS 84 ellipsoid: what is inside, how far the boundary is, and their GeoJSON."""
