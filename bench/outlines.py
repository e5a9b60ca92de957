"""Geofences as planar polygons, for the engines that know no circles: a circle becomes the 64-gon drawn inside it.

For the geofences of `fence_map` only: one part, no holes, far from the antimeridian and the poles.
"""

from collections.abc import Sequence
from math import cos, pi
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from geo_service.shapes.geodesy import Floats, LocalFrame
from geo_service.shapes.geometry import Area, Circle, Shape

CORNERS = 64
# What a 64-gon leaves of a circle's radius in the middle of its sides, so that much of it the other engines miss.
SHARE_LOST = 1 - cos(pi / CORNERS)

# Arrays of shapely geometries; shapely has no types.
Geometries = npt.NDArray[np.object_]

_BLOCK = 50_000


def outlines(shapes: Sequence[Shape]) -> Geometries:
    """A shapely polygon (x = lng, y = lat) per shape."""
    polygons: Geometries = np.empty(len(shapes), np.object_)
    for start in range(0, len(shapes), _BLOCK):
        some = shapes[start : start + _BLOCK]
        circles = [i for i, shape in enumerate(some) if isinstance(shape, Circle)]
        areas = [i for i, shape in enumerate(some) if isinstance(shape, Area)]
        polygons[[start + i for i in circles]] = _circles([some[i] for i in circles])
        polygons[[start + i for i in areas]] = _areas([some[i] for i in areas])
    return polygons


def _circles(circles: Sequence[Any]) -> Geometries:
    """As `LocalFrame.to_degrees`, for many frames at once."""
    if not circles:
        return np.empty(0, np.object_)
    frames = [LocalFrame.at(circle.lat, circle.lng) for circle in circles]
    columns = np.array([(f.lat, f.lng, f.east_0, f.east_1, f.east_2, f.north_0, f.north_1) for f in frames])
    lat, lng, east_0, east_1, east_2, north_0, north_1 = columns.T[:, :, np.newaxis]
    angles = np.arange(CORNERS) * (2 * pi / CORNERS)
    radii_m: Floats = np.array([circle.radius_m for circle in circles])[:, np.newaxis]
    east_m, north_m = radii_m * np.cos(angles), radii_m * np.sin(angles)
    d = north_m / north_0
    d = north_m / (north_0 + d * north_1)
    corners = np.stack((lng + east_m / (east_0 + d * (east_1 + d * east_2)), lat + d), axis=-1)
    polygons: Geometries = shapely.polygons(corners)
    return polygons


def _areas(areas: Sequence[Any]) -> Geometries:
    if not areas:
        return np.empty(0, np.object_)
    rings = [area.parts[0][0] for area in areas]
    assert all(len(area.parts) == len(area.parts[0]) == 1 for area in areas), "one part without holes"
    corners = np.column_stack(
        (np.concatenate([ring.lngs for ring in rings]), np.concatenate([ring.lats for ring in rings]))
    )
    owners = np.repeat(np.arange(len(rings)), [len(ring.lngs) for ring in rings])
    polygons: Geometries = shapely.polygons(shapely.linearrings(corners, indices=owners))
    return polygons
