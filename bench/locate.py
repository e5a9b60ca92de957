"""How fast geofences are found: the index beside bare H3, Shapely's STRtree and PostGIS in one run, as ratios.

Every map and number of geofences is measured in a process of its own, so that no size inherits the memory of another.
"""

import gc
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import TypeAlias

import asyncpg
import h3.api.basic_int as h3

from bench.agreement import all_pairs, check_agreement
from bench.fence_map import KINDS, MAPS, MapName, Points, make_changes, make_fences, make_points
from bench.locate_figures import BATCHES, H3, NEAR, NEAR_M, OURS, POSTGIS, STRTREE, Case, Figures, Upkeep
from bench.lookup_engines import Engine, Ours, STRtree
from bench.memory import bytes_from_malloc, bytes_held
from bench.outlines import Geometries, outlines
from bench.postgis import PostGIS
from bench.postgis_server import PostgisUnavailableError, find_or_fetch, running
from geo_service.shapes.geometry import Area, Circle, Shape

Tell: TypeAlias = Callable[[str], None]

_NEAR_POINTS = 200


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    sizes: tuple[int, ...] = (1_000, 10_000, 100_000, 1_000_000)
    maps: tuple[MapName, ...] = MAPS
    points: int = 20_000
    rounds: int = 7
    changes: int = 500


FULL = Plan()
# Takes some 20 seconds.
QUICK = Plan(sizes=(1_000, 10_000), points=10_000, rounds=3, changes=100)


def tell_on_stderr(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def measure_locate(plan: Plan, tell: Tell, *, may_fetch: bool) -> Figures:
    """All figures of a plan; `tell` gets the progress. PostGIS is fetched if it is not here and `may_fetch`.

    Raises WrongAnswersError if engines disagree."""
    figures = Figures()
    with ExitStack() as stack:
        dsn = None
        try:
            dsn = stack.enter_context(running(find_or_fetch(tell, may_fetch=may_fetch)))
        except PostgisUnavailableError as error:
            figures.skipped.append(str(error))
            tell(str(error))
        for fence_map in plan.maps:
            for size in plan.sizes:
                with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
                    figures.add(process.submit(measure_size, plan, fence_map, size, dsn, tell).result())
    return figures


def measure_size(plan: Plan, fence_map: MapName, size: int, dsn: str | None, tell: Tell) -> Figures:
    """One map with one number of geofences. Without `dsn` PostGIS is left out."""
    figures = Figures()
    where = f"{fence_map}, {size:,} geofences"
    tell(f"{where}: drawing the map")
    shapes = make_fences(fence_map, size)
    with ExitStack() as stack:
        tell(f"{where}: building")
        built = _build(shapes)
        if dsn is not None:
            tell(f"{where}: loading PostGIS")
            try:
                built.postgis = stack.enter_context(PostGIS(dsn))
                built.took_s[POSTGIS] = built.postgis.load(built.tree.polygons)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                built.postgis = None
                figures.skipped.append(f"PostGIS is left out at {where}: {error}")
        gc.collect()
        gc.freeze()  # as the service does when it has loaded
        for kind in KINDS:
            tell(f"{where}: looking up {kind} points")
            points = make_points(fence_map, kind, shapes, plan.points)
            case = Case(fence_map, size, kind)
            figures.found[case] = _check(built, shapes, points) / len(points)
            _time_lookups(figures, case, plan.rounds, built, points)
        tell(f"{where}: changing geofences")
        changes = make_changes(fence_map, shapes, plan.changes)
        figures.upkeep = _measure_upkeep(fence_map, built, changes)
        # The changes must have reached the answers.
        for i, shape in changes:
            shapes[i] = shape
        _check(built, shapes, make_points(fence_map, "hot", shapes, plan.points // 10))
    return figures


@dataclass
class _Built:
    """The engines of one size, the seconds that building them took, and what the tree allocated."""

    ours: Ours
    tree: STRtree
    took_s: dict[str, float]
    tree_bytes: int | None
    postgis: PostGIS | None = None

    @property
    def peers(self) -> list[Engine]:
        return [self.tree] if self.postgis is None else [self.tree, self.postgis]


def _build(shapes: Sequence[Shape]) -> _Built:
    start_s = time.perf_counter()
    ours = Ours(shapes)
    ours_s = time.perf_counter() - start_s
    polygons = outlines(shapes)
    before = bytes_from_malloc()
    start_s = time.perf_counter()
    tree = STRtree(polygons)
    tree_s = time.perf_counter() - start_s
    after = bytes_from_malloc()
    tree_bytes = None if before is None or after is None else after - before
    return _Built(ours, tree, {OURS: ours_s, STRTREE: tree_s}, tree_bytes)


def _check(built: _Built, shapes: Sequence[Shape], points: Points) -> int:
    """That all agree; the number of hits."""
    reference = all_pairs(built.ours, BATCHES, points)
    for peer in built.peers:
        check_agreement(shapes, points, reference, all_pairs(peer, BATCHES, points), peer.name)
    return len(reference)


def _time_lookups(figures: Figures, case: Case, rounds: int, built: _Built, points: Points) -> None:
    """Every engine and batch once per round, so that all suffer the same noise; other points in every round where a
    round does not take all."""

    def bare(some: Points) -> object:
        return [h3.latlng_to_cell(lat, lng, 9) for lat, lng in zip(some.lats, some.lngs, strict=True)]

    def near(some: Points) -> object:
        return [built.ours.index.near(lat, lng, NEAR_M) for lat, lng in zip(some.lats, some.lngs, strict=True)]

    ways: list[tuple[str, int, int, Callable[[Points], object]]] = [(H3, 1, len(points), bare)]
    for engine in (built.ours, *built.peers):
        for batch in BATCHES:
            count = engine.points_per_round(batch, len(points))
            ways.append((engine.name, batch, count, partial(engine.find, batch=batch)))
    ways.append((OURS, NEAR, min(_NEAR_POINTS, len(points)), near))
    for number in range(rounds):
        for name, batch, count, run in ways:
            some = points.part(number * count, count)
            start_s = time.perf_counter()
            run(some)
            took_s = time.perf_counter() - start_s
            figures.rounds_us.setdefault((case, name, batch), []).append(took_s / count * 1e6)


def _measure_upkeep(fence_map: MapName, built: _Built, changes: Sequence[tuple[int, Shape]]) -> list[Upkeep]:
    """Changes all engines alike, and tells what that and the rest cost."""
    size, took_s = len(built.tree.polygons), built.took_s
    # After the lookups, so that what they leave behind is counted.
    held = bytes_held(built.ours.index, without=(Circle, Area)) / size
    change_ms = _timed([built.ours.changer(i, shape) for i, shape in changes])
    upkeep = [Upkeep(fence_map, size, OURS, took_s[OURS], *change_ms, held, "its objects, shapes apart")]

    changed: Geometries = outlines([shape for _, shape in changes])
    built.tree.polygons[[i for i, _ in changes]] = changed
    rebuild_ms, _ = _timed([built.tree.rebuild])
    tree_bytes = None if built.tree_bytes is None else built.tree_bytes / size
    how = "" if tree_bytes is None else "allocated, polygons apart"
    upkeep.append(Upkeep(fence_map, size, STRTREE, took_s[STRTREE], rebuild_ms, None, tree_bytes, how))

    if built.postgis is not None:
        taken = built.postgis.bytes_taken() / size
        change_ms = _timed([built.postgis.changer(i, shape) for i, shape in changes])
        upkeep.append(Upkeep(fence_map, size, POSTGIS, took_s[POSTGIS], *change_ms, taken, "on disk, with polygons"))
    return upkeep


def _timed(calls: Sequence[Callable[[], object]]) -> tuple[float, float]:
    """(median, 99th percentile) in milliseconds."""
    took_ms = []
    for call in calls:
        start_s = time.perf_counter()
        call()
        took_ms.append((time.perf_counter() - start_s) * 1e3)
    took_ms.sort()
    return took_ms[len(took_ms) // 2], took_ms[len(took_ms) * 99 // 100]
