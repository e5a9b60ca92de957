"""Square metres on the WGS 84 ellipsoid inside rings whose edges are straight in lng/lat."""

from collections.abc import Sequence
from math import pi, sqrt
from typing import Literal

import numpy as np

from geo_service.geofences.geodesy import E2, FLATTENING, RADIANS, SEMI_MAJOR_M, Floats

_E = sqrt(E2)
_SEMI_MINOR_M = SEMI_MAJOR_M * (1 - FLATTENING)
# Gauss-Legendre on [0, 1]: exact for the smooth zone area along an edge of up to a few degrees.
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(5)
_NODES = (_NODES + 1) / 2
_WEIGHTS = _WEIGHTS / 2
# An edge longer than this, in degrees, is integrated in pieces.
_PIECE_DEG = 2.0


def ring_area_m2(lngs: Sequence[float], lats: Sequence[float], pole: Literal["north", "south"] | None = None) -> float:
    """The area inside a closed ring, whatever its direction.

    `lngs` run on past ±180 (unwrapped); a ring round a pole ends 360° from where it began and names that pole.
    By Green's theorem the area is the integral of Z(lat) over the longitude along the ring, with Z the area per radian
    between the equator and a latitude (Snyder, "Map Projections: A Working Manual", 1987, eq. 3-12).
    """
    x = np.asarray(lngs, dtype=np.float64)
    y = np.asarray(lats, dtype=np.float64)
    delta_x, delta_y = np.diff(x), np.diff(y)
    pieces = np.maximum(np.ceil(np.maximum(np.abs(delta_x), np.abs(delta_y)) / _PIECE_DEG), 1).astype(np.int64)
    edges = np.repeat(np.arange(len(pieces)), pieces)
    first = np.cumsum(pieces) - pieces
    starts = (np.arange(len(edges)) - first[edges])[:, None]
    shares = (starts + _NODES[None, :]) / pieces[edges][:, None]
    lat = y[:-1][edges][:, None] + shares * delta_y[edges][:, None]
    # Taken from a latitude of the ring itself, so that a small ring keeps its digits.
    reference = float(y[0])
    zone = _zone_m2(lat) - _zone_m2(np.array(reference))
    integral = float(np.sum(zone * _WEIGHTS[None, :] * (delta_x / pieces)[edges][:, None])) * RADIANS
    if pole is None:
        return abs(integral)
    eastward = integral if x[-1] > x[0] else -integral
    cap = float(_zone_m2(np.array(90.0)) - _zone_m2(np.array(abs(reference)))) * 2 * pi
    if pole == "north":
        return (cap if reference >= 0 else _hemisphere_m2() * 2 - cap) - eastward
    return (cap if reference <= 0 else _hemisphere_m2() * 2 - cap) + eastward


def _hemisphere_m2() -> float:
    return float(_zone_m2(np.array(90.0))) * 2 * pi


def _zone_m2(lat: Floats) -> Floats:
    """Area per radian of longitude between the equator and a latitude."""
    sine = np.sin(lat * RADIANS)
    zone: Floats = _SEMI_MINOR_M**2 / 2 * (sine / (1 - E2 * sine * sine) + np.arctanh(_E * sine) / _E)
    return zone
