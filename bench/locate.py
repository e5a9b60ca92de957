"""How fast geofences are found, as ratios to one bare H3 call in the same run, and what they cost in memory.

Geofences stand in cities: 70 % circles of 50 to 500 m, 30 % outlines of 5 to 24 corners. Pings are 90 % people in those
cities and 10 % anywhere on the same map; hot pings are aimed at geofences, half of them inside one.
"""

import argparse
import gc
import random
import resource
import statistics
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import cos, exp, log, pi, radians, sin

import h3.api.basic_int as h3

from geo_service.geofences.feature import parse_geometry
from geo_service.geofences.geodesy import LocalFrame
from geo_service.geofences.geometry import Circle, Shape
from geo_service.geofences.index import GeofenceIndex

SIZES = (1_000, 100_000)
_CITIES = 2_000
_POINTS = 20_000
_ROUNDS = 7
_BATCH = 1_000
_SEED = 20_240


@dataclass(frozen=True)
class LocateRow:
    """One measurement. `ratio` is the cost against one bare `h3.latlng_to_cell` at resolution 9 in the same rounds."""

    fences: int
    what: str
    value: float
    unit: str
    ratio: float | None = None


def measure_locate(sizes: Sequence[int] = SIZES) -> list[LocateRow]:
    """All figures for indexes of these numbers of geofences. At 100,000 it takes about a minute."""
    rows: list[LocateRow] = []
    for size in sizes:
        rng = random.Random(_SEED)
        cities = _cities(rng)
        shapes = [_shape(rng, *_in_a_city(rng, cities)) for _ in range(size)]
        index, build_s = _build(shapes)
        rows.append(LocateRow(size, "built, per geofence", build_s / size * 1e6, "µs"))
        rows += _lookups(rng, index, cities, shapes)
        rows += _edits(rng, index, shapes)
        rows.append(LocateRow(size, "memory of the index beside the shapes, per geofence", _bytes_each(shapes), "B"))
    return rows


def _build(shapes: Sequence[Shape]) -> tuple[GeofenceIndex, float]:
    index = GeofenceIndex()
    start_s = time.perf_counter()
    for i, shape in enumerate(shapes):
        index.upsert(f"fence-{i}", shape)
    return index, time.perf_counter() - start_s


def _lookups(
    rng: random.Random, index: GeofenceIndex, cities: Sequence[tuple[float, float, float]], shapes: Sequence[Shape]
) -> list[LocateRow]:
    kinds = {
        "ping": [_ping(rng, cities) for _ in range(_POINTS)],
        "hot": [_hot(rng, rng.choice(shapes)) for _ in range(_POINTS)],
    }
    rows = []
    for kind, points in kinds.items():
        lats, lngs = [lat for lat, _ in points], [lng for _, lng in points]
        ways: dict[str, Callable[[], object]] = {
            "bare h3": lambda points=points: [h3.latlng_to_cell(lat, lng, 9) for lat, lng in points],  # type: ignore[misc]  # bound now
            "single": lambda points=points: [index.containing(lat, lng) for lat, lng in points],  # type: ignore[misc]  # bound now
            f"batch of {_BATCH}": lambda lats=lats, lngs=lngs: [  # type: ignore[misc]  # bound now
                index.containing_many(lats[i : i + _BATCH], lngs[i : i + _BATCH]) for i in range(0, _POINTS, _BATCH)
            ],
            "near 250 m": lambda points=points: [index.near(lat, lng, 250.0) for lat, lng in points[:1_000]],  # type: ignore[misc]  # bound now
        }
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(_ROUNDS):
            for way, run in ways.items():
                start_s = time.perf_counter()
                run()
                seconds[way].append(time.perf_counter() - start_s)
        counts = dict.fromkeys(ways, _POINTS) | {"near 250 m": 1_000}
        each = {way: statistics.median(seconds[way]) / counts[way] * 1e6 for way in ways}
        rows += [LocateRow(len(index), f"{way}, {kind}", each[way], "µs", each[way] / each["bare h3"]) for way in ways]
        hits = sum(map(len, index.containing_many(lats, lngs)))
        rows.append(LocateRow(len(index), f"geofences found per point, {kind}", hits / _POINTS, ""))
    return rows


def _edits(rng: random.Random, index: GeofenceIndex, shapes: Sequence[Shape]) -> list[LocateRow]:
    """Geofences moved by a few metres, one after the other."""
    took: list[float] = []
    for _ in range(min(2_000, len(shapes))):
        i = rng.randrange(len(shapes))
        moved = _shape(rng, *shapes[i].centre)
        start_s = time.perf_counter()
        index.upsert(f"fence-{i}", moved)
        took.append((time.perf_counter() - start_s) * 1e6)
    took.sort()
    return [
        LocateRow(len(index), "one changed, median", took[len(took) // 2], "µs"),
        LocateRow(len(index), "one changed, p99", took[len(took) * 99 // 100], "µs"),
        LocateRow(len(index), "one changed, worst", took[-1], "µs"),
    ]


def _bytes_each(shapes: Sequence[Shape]) -> float:
    """What Python allocates for an index, ids included, shapes not (they are there before, and warmed up)."""
    some = shapes[:100_000]
    gc.collect()
    tracemalloc.start()
    index, _ = _build(some)
    gc.collect()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(index) == len(some)
    return size / len(some)


def _cities(rng: random.Random) -> list[tuple[float, float, float]]:
    """(lat, lng, sigma in metres) in a box of the size of Europe, the first ones the largest."""
    return [(rng.uniform(36, 60), rng.uniform(-10, 30), 15_000 / (1 + rank) ** 0.25 + 500) for rank in range(_CITIES)]


def _in_a_city(rng: random.Random, cities: Sequence[tuple[float, float, float]]) -> tuple[float, float]:
    # Zipf: the chance of a city falls with its rank.
    lat, lng, sigma_m = cities[min(int(exp(rng.random() * log(_CITIES + 1))) - 1, _CITIES - 1)]
    return LocalFrame.at(lat, lng).to_degrees(rng.gauss(0, sigma_m), rng.gauss(0, sigma_m))


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


def _ping(rng: random.Random, cities: Sequence[tuple[float, float, float]]) -> tuple[float, float]:
    return _in_a_city(rng, cities) if rng.random() < 0.9 else (rng.uniform(36, 60), rng.uniform(-10, 30))


def _hot(rng: random.Random, shape: Shape) -> tuple[float, float]:
    lat, lng = shape.centre
    reach_m, angle = shape.bounding_radius_m * 2**0.5 * rng.random() ** 0.5, radians(rng.uniform(0, 360))
    return LocalFrame.at(lat, lng).to_degrees(reach_m * cos(angle), reach_m * sin(angle))


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=list(SIZES), help="numbers of geofences")
    for row in measure_locate(parser.parse_args().sizes):
        ratio = "" if row.ratio is None else f"   {row.ratio:6.2f} x bare h3"
        print(f"{row.fences:>9,}  {row.what:<52} {row.value:10.2f} {row.unit}{ratio}")
    print(f"peak memory of this process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
