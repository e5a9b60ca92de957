"""Polygons drawn on a flat map of the whole globe, their seam sewn up.

RFC 7946 (3.1.9) has an area round a pole, or a belt round the globe, drawn as on a map that is 360° wide: with edges
down its left and right side, and along ±90. Those edges are no boundary. Taken off, the rest closes round the globe.
"""

from array import array
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from math import atan2, pi, tau
from typing import TypeAlias

from geo_service.shapes.ellipsoid_area import ring_area_m2
from geo_service.shapes.polygon import Pole, Ring

_Corner: TypeAlias = tuple[float, float]
_Edge: TypeAlias = tuple[_Corner, _Corner]


def is_flat_map(lngs: Sequence[float]) -> bool:
    """Whether an outer ring, its longitudes taken as they are, has edges down both sides of a map 360° wide."""
    west, east = min(lngs), max(lngs)
    if east - west != 360:
        return False
    down = {lng for lng, next_lng in pairwise(lngs) if lng == next_lng}
    return west in down and east in down


def sewn(part: Sequence[Ring]) -> tuple[Ring, ...]:
    """The same area without its seam, from a flat polygon, its outer ring against the clock and its holes with it; the
    outer ring comes first again. Nothing is left of a polygon that goes round both poles: what bounds it would be taken
    for an area of its own."""
    west = min(part[0].lngs)
    if _goes_along(part[0], 90.0) and _goes_along(part[0], -90.0):
        return ()
    following = _following(_without_seam(part, west), west)
    rings = []
    while following:
        rings.append(_walk(following, west))
    northward = [ring for ring in rings if ring.pole == "north"]
    southward = [ring for ring in rings if ring.pole == "south"]
    others = [ring for ring in rings if ring.pole is None]
    if northward and southward:
        # A belt is what lies to one side of its outer rim without what lies to that side of its inner one.
        if ring_area_m2(*northward[0]) <= ring_area_m2(*southward[0]):
            southward = [ring._replace(pole="north") for ring in southward]
        else:
            northward, southward = southward, [ring._replace(pole="south") for ring in northward]
    # The outer ring is round all the others.
    others.sort(key=lambda ring: -ring_area_m2(*ring))
    return (*northward, *southward, *others)


def _without_seam(part: Sequence[Ring], west: float) -> list[_Edge]:
    """All edges but those all along a pole, and those down one side that the other side has too."""
    edges: list[_Edge] = []
    sides: dict[float, list[_Edge]] = {west: [], west + 360: []}
    for ring in part:
        poles = [pole for pole in (90.0, -90.0) if _goes_along(ring, pole)]
        for a, b in pairwise(zip(ring.lngs, ring.lats, strict=True)):
            if a[1] == b[1] and a[1] in poles:
                continue
            (sides[a[0]] if a[0] == b[0] and a[0] in sides else edges).append((a, b))
    heights = sorted({lat for side in sides.values() for edge in side for _, lat in edge})
    steps = {lng: {step for edge in side for step in _steps(edge, heights)} for lng, side in sides.items()}
    for lng, other in ((west, west + 360), (west + 360, west)):
        edges += [((lng, low), (lng, high)) for low, high in steps[lng] if (high, low) not in steps[other]]
    return edges


def _goes_along(ring: Ring, pole: float) -> bool:
    """Whether the ring runs all along the side of the map that is this pole."""
    corners = pairwise(zip(ring.lngs, ring.lats, strict=True))
    return abs(sum(b[0] - a[0] for a, b in corners if a[1] == b[1] == pole)) == 360


def _steps(edge: _Edge, heights: Sequence[float]) -> list[tuple[float, float]]:
    """A vertical edge as (from, to) between neighbouring heights."""
    (_, start), (_, end) = edge
    between = [lat for lat in heights if min(start, end) <= lat <= max(start, end)]
    return list(pairwise(between if start < end else reversed(between)))


def _following(edges: Sequence[_Edge], west: float) -> dict[_Corner, list[_Edge]]:
    """The edges that leave each corner; both sides of the map are one place."""
    following = defaultdict(list)
    for edge in edges:
        following[_place(edge[0], west)].append(edge)
    return dict(following)


def _walk(following: dict[_Corner, list[_Edge]], west: float) -> Ring:
    """Takes one ring out of the edges, unwrapped."""
    first = edge = next(iter(following.values()))[0]
    lngs, lats = array("d", [first[0][0]]), array("d", [first[0][1]])
    while True:
        (lng, _), (end_lng, end_lat) = edge
        lngs.append(lngs[-1] + end_lng - lng)
        lats.append(end_lat)
        # Where rings touch, keep to the outside, which parts them.
        came = _direction(edge) + pi
        _, edge = min(((_direction(leaving) - came) % tau, leaving) for leaving in following[_place(edge[1], west)])
        place = _place(edge[0], west)
        following[place].remove(edge)
        if not following[place]:
            del following[place]
        if edge is first:
            break
    # Against the clock: what lies to the left of a ring that goes east all the way round is north of it.
    turns = round((lngs[-1] - lngs[0]) / 360)
    pole: Pole = "north" if turns == 1 else "south" if turns == -1 else None
    turn = 360 * (((lngs[0] if pole else min(lngs)) + 180) // 360)
    return Ring(array("d", [lng - turn for lng in lngs]), lats, pole)


def _direction(edge: _Edge) -> float:
    (lng, lat), (end_lng, end_lat) = edge
    return atan2(end_lat - lat, end_lng - lng)


def _place(corner: _Corner, west: float) -> _Corner:
    return (west if corner[0] == west + 360 else corner[0], corner[1])
