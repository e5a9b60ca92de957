"""Polygons and multipolygons with holes on the WGS 84 ellipsoid, edges straight in lng/lat (RFC 7946).

A ring is kept unwrapped: its longitudes run on past ±180, so that every edge is the short way from vertex to vertex.
A ring that ends 360° from where it began goes round a pole. Build areas with `geojson.parse_geometry`, which
guarantees what this module assumes: closed, simple rings, holes inside, parts apart.
"""

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from math import inf
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import shapely

from geo_service.shapes import ellipsoid_area, nearest
from geo_service.shapes.geodesy import (
    MAX_DISTANCE_M,
    MAX_METRES_PER_DEGREE,
    RADIANS,
    SEMI_MAJOR_M,
    Floats,
    ecef,
    ecef_many,
    geodesic_distance_m,
    longest_geodesic_m,
    wrap_lng,
)
from geo_service.shapes.meridian import TOLERANCE_DEG, Bools, crossings, cut_at_antimeridian, is_inside

# Up to this many vertices a loop in Python beats the cost of calling GEOS.
_FEW_VERTICES = 64
# Lines in lng/lat and geodesics are nearly the same within so many degrees.
_SMALL_DEG = 0.5
# Beyond this radius the far side of the globe may be inside: do not reason about discs any more.
_DISC_LIMIT_M = 8_000_000.0

# The pole that a ring goes round, if any.
Pole: TypeAlias = Literal["north", "south"] | None


class Bounds(NamedTuple):
    """Degrees; `west` is greater than `east` where the shape crosses the antimeridian (RFC 7946, 5.2)."""

    south: float
    west: float
    north: float
    east: float


class Ring(NamedTuple):
    """One closed ring: the last vertex repeats the first, or lies 360° away from it where the ring encloses a pole."""

    lngs: "array[float]"
    lats: "array[float]"
    pole: Pole = None


@dataclass(frozen=True)
class Area:
    """One or more polygons, each an outer ring followed by its holes."""

    parts: tuple[tuple[Ring, ...], ...]

    # -- where a point is ------------------------------------------------------------------------------------------

    def contains(self, lat: float, lng: float) -> bool:
        """Whether the point (degrees, lng in [-180, 180]) is inside; the boundary is inside."""
        plain = self._plain
        if plain is None:
            return bool(self.contains_many(np.array([lat]), np.array([lng]))[0])
        south, west, north, east, chains = plain
        if lat < south or lat > north:
            return False
        if lng < west or lng > east:
            # The same meridian on another turn of the globe.
            lng += 360.0 if lng < west else -360.0
            if lng < west or lng > east:
                return False
        if chains is not None:
            return is_inside(chains, lat, lng)
        return bool(shapely.intersects_xy(self._prepared, lng, lat)) or bool(
            shapely.dwithin(self._prepared, shapely.Point(lng, lat), TOLERANCE_DEG)
        )

    def contains_many(self, lats: Floats, lngs: Floats) -> Bools:
        """`contains` for arrays of points."""
        if self._polar:
            return self._contains_many_polar(lats, lngs)
        south, west, north, east = self._extent
        inside = np.zeros(len(lats), np.bool_)
        lngs = lngs - 360.0 * np.floor((lngs - west) / 360.0)
        while True:
            left = np.flatnonzero(~inside & (lats >= south) & (lats <= north) & (lngs <= east))
            if len(left) == 0:
                return inside
            inside[left] = self._contains_many_unwrapped(lats[left], lngs[left])
            lngs = lngs + 360.0

    def _contains_many_unwrapped(self, lats: Floats, lngs: Floats) -> Bools:
        if self.vertices <= _FEW_VERTICES:
            odd, edge = crossings(self._chains, lats, lngs)
            return odd | edge
        geometry = self._prepared
        inside: Bools = shapely.intersects_xy(geometry, lngs, lats)
        missed = np.flatnonzero(~inside)
        inside[missed] = shapely.dwithin(geometry, shapely.points(lngs[missed], lats[missed]), TOLERANCE_DEG)
        return inside

    def signed_distance_m(self, lat: float, lng: float) -> float:
        """Metres to the nearest point of the boundary: positive inside, negative outside."""
        distance_m = self._outline.distance_m(lat, lng)
        return distance_m if self.contains(lat, lng) else -distance_m

    def boundary_within_m(self, lat: float, lng: float, limit_m: float) -> float:
        """Metres to the nearest point of the boundary; infinite, and found out sooner, if more than `limit_m`."""
        distance_m = self._outline.distance_m(lat, lng, limit_m)
        return distance_m if distance_m <= limit_m else inf

    def _contains_many_polar(self, lats: Floats, lngs: Floats) -> Bools:
        # On a chain that is cut at ±180 both ends of a parallel must be the same meridian.
        odd, edge = crossings(self._chains, lats, np.where(lngs == 180.0, -180.0, lngs))
        seam = np.flatnonzero(np.abs(lngs) == 180.0)
        edge[seam] |= crossings(self._chains, lats[seam], np.full(len(seam), 180.0))[1]
        north, south = self._poles_inside
        inside: Bools = (odd ^ self._north_pole_odd) | edge
        inside[lats >= 90.0] = north
        inside[lats <= -90.0] = south
        return inside

    # -- what it is ------------------------------------------------------------------------------------------------

    @property
    def vertices(self) -> int:
        """How many vertices it has, closing ones not counted."""
        return sum(len(ring.lngs) - 1 for ring in self.rings())

    @cached_property
    def bounds(self) -> Bounds:
        """The box round it."""
        south, west, north, east = self._extent
        if east - west >= 360 or any(ring.pole for ring in self.rings()):
            north_inside, south_inside = self._poles_inside
            return Bounds(-90.0 if south_inside else south, -180.0, 90.0 if north_inside else north, 180.0)
        return Bounds(south, wrap_lng(west), north, wrap_lng(east))

    @property
    def centre(self) -> tuple[float, float]:
        """(lat, lng) of the middle of its box, or the pole that it encloses. It may lie outside the area."""
        poles = {ring.pole for ring in self.rings()} - {None}
        if poles:
            return (90.0 if "north" in poles else -90.0), 0.0
        south, west, north, east = self._extent
        return (south + north) / 2, wrap_lng((west + east) / 2)

    @cached_property
    def bounding_radius_m(self) -> float:
        """No point of the area is farther than this from `centre` (at most about 2 % more than needed)."""
        south, west, north, east = self._extent
        up_deg, across_deg = north - south, east - west
        if self.vertices <= _FEW_VERTICES and max(up_deg, across_deg) <= _SMALL_DEG and not self._polar:
            # Discs are convex: nothing is farther than the farthest corner and the bulge of a line in lng/lat against
            # the geodesic between two corners, which the geodesic equations on a sphere bound.
            lat, lng = self.centre
            corners = (corner for ring in self.rings() for corner in zip(ring.lats, ring.lngs, strict=True))
            farthest_m = max(geodesic_distance_m(lat, lng, *corner) for corner in corners)
            bulge = across_deg * (across_deg / 2 + 2 * up_deg) * RADIANS**2 / 8
            return farthest_m + bulge * SEMI_MAJOR_M * 1.1
        spacing_m = max(up_deg, across_deg) * MAX_METRES_PER_DEGREE / 64
        chords = np.linalg.norm(ecef_many(*self.boundary_points(spacing_m)) - ecef(*self.centre), axis=1)
        radius_m = longest_geodesic_m(float(chords.max()) + spacing_m / 2)
        return radius_m if radius_m < _DISC_LIMIT_M else MAX_DISTANCE_M

    @cached_property
    def area_m2(self) -> float:
        """Square metres on the ellipsoid, holes taken off."""
        return sum(
            ellipsoid_area.ring_area_m2(part[0].lngs, part[0].lats, part[0].pole)
            - sum(ellipsoid_area.ring_area_m2(hole.lngs, hole.lats, hole.pole) for hole in part[1:])
            for part in self.parts
        )

    def rings(self) -> Iterator[Ring]:
        """All rings, outer ones and holes."""
        return chain.from_iterable(self.parts)

    def boundary_points(self, spacing_m: float) -> tuple[Floats, Floats]:
        """(lats, lngs) along the boundary, every vertex among them, such that no point of the boundary is farther
        than `spacing_m / 2` from one of them. Longitudes may exceed ±180."""
        return nearest.points_along(nearest.edges_of(self._outline.chains), spacing_m)

    def warm_up(self) -> None:
        """Derives what follows now, and not with the first question: with thousands of vertices it takes some 20 ms."""
        self.contains(*self.centre)
        self.signed_distance_m(*self.centre)

    # -- derived once, when first needed ---------------------------------------------------------------------------

    @cached_property
    def _extent(self) -> tuple[float, float, float, float]:
        """South, west, north, east of the unwrapped rings; `west` in [-180, 180) unless a pole is enclosed."""
        return (
            min(min(ring.lats) for ring in self.rings()),
            min(min(ring.lngs) for ring in self.rings()),
            max(max(ring.lats) for ring in self.rings()),
            max(max(ring.lngs) for ring in self.rings()),
        )

    @cached_property
    def _plain(self) -> tuple[float, float, float, float, tuple[nearest.Chain, ...] | None] | None:
        """What `contains` needs at once: the extent and, where the vertices are few, the rings. None for an area with a
        pole, or so wide that a point may have to be looked for on two turns of the globe."""
        south, west, north, east = self._extent
        if self._polar or east - west >= 360:
            return None
        return south, west, north, east, self._chains if self.vertices <= _FEW_VERTICES else None

    @property
    def _polar(self) -> bool:
        """Whether a pole is inside or on the boundary: there, every longitude is the same point."""
        south, _, north, _ = self._extent
        return north >= 90.0 or south <= -90.0 or any(ring.pole for ring in self.rings())

    @cached_property
    def _north_pole_odd(self) -> bool:
        return sum(ring.pole == "north" for ring in self.rings()) % 2 == 1

    @cached_property
    def _poles_inside(self) -> tuple[bool, bool]:
        south, _, north, _ = self._extent
        south_odd = sum(ring.pole == "south" for ring in self.rings()) % 2 == 1
        return self._north_pole_odd or north >= 90.0, south_odd or south <= -90.0

    @cached_property
    def _chains(self) -> tuple[nearest.Chain, ...]:
        """(lngs, lats) of open or closed lines whose crossings with a meridian tell inside from outside."""
        if self._polar:
            return tuple(piece for ring in self.rings() for piece in cut_at_antimeridian(ring.lngs, ring.lats))
        return tuple((ring.lngs, ring.lats) for ring in self.rings())

    @cached_property
    def _outline(self) -> nearest.Outline:
        return nearest.Outline(tuple((ring.lngs, ring.lats) for ring in self.rings()) if self._polar else self._chains)

    @cached_property
    def _prepared(self) -> Any:  # a shapely geometry; shapely has no types
        geometry = planar(self.parts)
        shapely.prepare(geometry)
        return geometry


def planar(parts: Iterable[tuple[Ring, ...]]) -> Any:  # a shapely geometry; shapely has no types
    """The same polygons in the lng/lat plane, unwrapped. Not for rings round a pole."""
    polygons = [
        shapely.Polygon(list(zip(*part[0][:2], strict=True)), [list(zip(*hole[:2], strict=True)) for hole in part[1:]])
        for part in parts
    ]
    return polygons[0] if len(polygons) == 1 else shapely.MultiPolygon(polygons)
