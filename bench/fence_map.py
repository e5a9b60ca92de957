"""The maps on which lookups are measured: geofences, points, and changes to geofences, the same in every run.

City: 2,000 cities in a box of the size of Europe, the sizes by Zipf's law, geofences and people gathered in them.
Uniform: the same geofences, spread evenly over the box. 70 % of the geofences are circles of 50 to 500 m, 30 % are
outlines of 5 to 24 corners. Pings are 90 % people in the cities and 10 % anywhere (on the uniform map: all anywhere);
hot pings are aimed at geofences, about half of them inside one.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, exp, log, pi, radians, sin
from typing import Literal, TypeAlias

from geo_service.shapes.geodesy import LocalFrame
from geo_service.shapes.geojson import parse_geometry
from geo_service.shapes.geometry import Circle, Shape

MapName: TypeAlias = Literal["city", "uniform"]
Kind: TypeAlias = Literal["ping", "hot"]
MAPS: tuple[MapName, ...] = ("city", "uniform")
KINDS: tuple[Kind, ...] = ("ping", "hot")

_CITIES = 2_000
_SOUTH, _NORTH, _WEST, _EAST = 36.0, 60.0, -10.0, 30.0
_SEED = 20_240


@dataclass(frozen=True)
class Points:
    """Places in degrees, as plain lists: so they come out of a decoded request, and every engine gets them so."""

    lats: list[float]
    lngs: list[float]

    def __len__(self) -> int:
        return len(self.lats)

    def part(self, start: int, count: int) -> "Points":
        """`count` points from `start` on, going round at the end."""
        twice = slice(start % len(self), start % len(self) + count)
        return Points((self.lats * 2)[twice], (self.lngs * 2)[twice])


@dataclass(frozen=True)
class City:
    lat: float
    lng: float
    sigma_m: float


def make_fences(fence_map: MapName, count: int) -> list[Shape]:
    """Geofences; a longer list begins with the shorter one."""
    rng, cities = _rng(fence_map, "geofences"), _cities()
    return [_shape(rng, *(_in_a_city(rng, cities) if fence_map == "city" else _anywhere(rng))) for _ in range(count)]


def make_points(fence_map: MapName, kind: Kind, fences: Sequence[Shape], count: int) -> Points:
    """Points of a kind for these geofences."""
    rng, cities = _rng(fence_map, kind), _cities()
    if kind == "hot":
        places = [_hot(rng, rng.choice(fences)) for _ in range(count)]
    else:
        in_cities = 0.9 if fence_map == "city" else 0.0
        places = [_in_a_city(rng, cities) if rng.random() < in_cities else _anywhere(rng) for _ in range(count)]
    return Points([lat for lat, _ in places], [lng for _, lng in places])


def make_changes(fence_map: MapName, fences: Sequence[Shape], count: int) -> list[tuple[int, Shape]]:
    """Geofences to change, by their place in the list, and their new shapes at the old centres."""
    rng = _rng(fence_map, "changes")
    return [(i, _shape(rng, *fences[i].centre)) for i in rng.sample(range(len(fences)), min(count, len(fences)))]


def _rng(*what: str) -> random.Random:
    return random.Random(f"{_SEED} {' '.join(what)}")


def _cities() -> list[City]:
    """The first ones are the largest."""
    rng = _rng("cities")
    return [City(*_anywhere(rng), sigma_m=15_000 / (1 + rank) ** 0.25 + 500) for rank in range(_CITIES)]


def _anywhere(rng: random.Random) -> tuple[float, float]:
    return rng.uniform(_SOUTH, _NORTH), rng.uniform(_WEST, _EAST)


def _in_a_city(rng: random.Random, cities: Sequence[City]) -> tuple[float, float]:
    # Zipf: the chance of a city falls with its rank.
    city = cities[min(int(exp(rng.random() * log(_CITIES + 1))) - 1, _CITIES - 1)]
    return LocalFrame.at(city.lat, city.lng).to_degrees(rng.gauss(0, city.sigma_m), rng.gauss(0, city.sigma_m))


def _shape(rng: random.Random, lat: float, lng: float) -> Shape:
    radius_m = 50 * 10 ** rng.random()
    if rng.random() < 0.7:
        return Circle(lat, lng, radius_m)
    frame, corners = LocalFrame.at(lat, lng), rng.randint(5, 24)
    ring = []
    for i in range(corners):
        angle, reach_m = 2 * pi * i / corners, radius_m * rng.uniform(0.4, 1)
        corner_lat, corner_lng = frame.to_degrees(reach_m * cos(angle), reach_m * sin(angle))
        ring.append([corner_lng, corner_lat])
    shape = parse_geometry({"type": "Polygon", "coordinates": [[*ring, ring[0]]]})
    assert not isinstance(shape, list), shape
    return shape


def _hot(rng: random.Random, shape: Shape) -> tuple[float, float]:
    lat, lng = shape.centre
    reach_m, angle = shape.bounding_radius_m * 2**0.5 * rng.random() ** 0.5, radians(rng.uniform(0, 360))
    return LocalFrame.at(lat, lng).to_degrees(reach_m * cos(angle), reach_m * sin(angle))
