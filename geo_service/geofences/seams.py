"""Polygons drawn on a flat map of the whole globe, their seam sewn up.

RFC 7946 (3.1.9) has an area round a pole, or a belt round the globe, drawn as on a map that is 360° wide: with edges
down its left and right side, and along ±90. Those edges are no boundary. Taken off, the rest closes round the globe.
"""

from array import array
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, TypeAlias

from geo_service.geofences.polygon import Ring

_Corner: TypeAlias = tuple[float, float]
_Edge: TypeAlias = tuple[_Corner, _Corner]


def is_flat_map(rings: Sequence[Sequence[_Corner]]) -> bool:
    """Whether a polygon, its positions (lng, lat) taken as they are, has edges down both sides of a map 360° wide."""
    lngs = [lng for lng, _ in rings[0]]
    west, east = min(lngs), max(lngs)
    if east - west != 360:
        return False
    down = {lng for (lng, _), (next_lng, _) in pairwise(rings[0]) if lng == next_lng}
    return west in down and east in down


def sewn(part: Sequence[Ring]) -> tuple[Ring, ...]:
    """The same area without its seam, from a flat polygon whose outer ring runs against the clock and its holes with it.
    Nothing is left of a polygon that covers the globe."""
    west = min(part[0].lngs)
    following = _following(_without_seam(part, west), west)
    rings = []
    while following:
        rings.append(_walk(following, west))
    northward = [ring for ring in rings if ring.pole == "north"]
    southward = [ring for ring in rings if ring.pole == "south"]
    others = [ring for ring in rings if ring.pole is None]
    if northward and southward:
        # A belt: all that is north of its southern rim, without what is north of its northern rim.
        southward = [ring._replace(pole="north") for ring in southward]
    elif not northward and not southward:
        others.sort(key=lambda ring: min(ring.lngs))
    return (*northward, *southward, *others)


def _without_seam(part: Sequence[Ring], west: float) -> list[_Edge]:
    """All edges but those along a pole, and those down one side that the other side has too."""
    edges: list[_Edge] = []
    sides: dict[float, list[_Edge]] = {west: [], west + 360: []}
    for ring in part:
        for a, b in pairwise(zip(ring.lngs, ring.lats, strict=True)):
            if abs(a[1]) == 90 and a[1] == b[1]:
                continue
            (sides[a[0]] if a[0] == b[0] and a[0] in sides else edges).append((a, b))
    heights = sorted({lat for side in sides.values() for edge in side for _, lat in edge})
    steps = {lng: {step for edge in side for step in _steps(edge, heights)} for lng, side in sides.items()}
    for lng, other in ((west, west + 360), (west + 360, west)):
        edges += [((lng, low), (lng, high)) for low, high in steps[lng] if (high, low) not in steps[other]]
    return edges


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
    start = next(iter(following))
    place, shift = start, 0.0
    lngs, lats = array("d"), array("d")
    while True:
        leaving = following[place]
        (lng, lat), (end_lng, end_lat) = leaving.pop()
        if not leaving:
            del following[place]
        if lngs:
            shift = lngs[-1] - lng
        else:
            lngs.append(lng)
            lats.append(lat)
        lngs.append(end_lng + shift)
        lats.append(end_lat)
        place = _place((end_lng, end_lat), west)
        if place == start:
            break
    turns = round((lngs[-1] - lngs[0]) / 360)
    pole: Literal["north", "south"] | None = {1: "north", -1: "south"}.get(turns)  # type: ignore[assignment]  # as typed
    turn = 360 * (((lngs[0] if pole else min(lngs)) + 180) // 360)
    return Ring(array("d", [lng - turn for lng in lngs]), lats, pole)


def _place(corner: _Corner, west: float) -> _Corner:
    return (west if corner[0] == west + 360 else corner[0], corner[1])
