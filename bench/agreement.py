"""Whether the engines answer alike. A benchmark of wrong answers is worth nothing, so it ends where they do not."""

from collections.abc import Sequence

from bench.fence_map import Points
from bench.lookup_engines import Engine, Pair
from bench.outlines import SHARE_LOST
from geo_service.shapes.geometry import Circle, Shape

# Rounding may put a point so near a boundary on either side.
_ROUNDING_M = 1e-3


class WrongAnswersError(Exception):
    """Two engines found different geofences; the text says where."""


def check_agreement(shapes: Sequence[Shape], points: Points, reference: set[Pair], other: set[Pair], name: str) -> None:
    """That the engine `name`, to which circles are 64-gons, found what the exact one did, but for the slivers between
    circle and 64-gon. Raises WrongAnswersError."""
    wrong = [pair for pair in sorted(reference ^ other) if not _is_excused(shapes, points, pair, pair in reference)]
    if wrong:
        n, i = wrong[0]
        found = "missed" if wrong[0] in reference else "found"
        raise WrongAnswersError(
            f"{name} and the index disagree about {len(wrong)} of {len(reference)} hits; the first: {name} {found} "
            f"geofence {i} ({shapes[i]}) at lat {points.lats[n]!r}, lng {points.lngs[n]!r}"
        )


def all_pairs(engine: Engine, batches: Sequence[int], points: Points) -> set[Pair]:
    """The hits of all points, after every way of asking gave the same: all points in the largest batches, a round of
    them in the others. This also warms the engine up. Raises WrongAnswersError."""
    largest = max(batches)
    everything = engine.pairs(engine.find(points, largest), largest)
    for batch in sorted(batches)[:-1]:
        some = points.part(0, engine.points_per_round(batch, len(points)))
        found = engine.pairs(engine.find(some, batch), batch)
        expected = {pair for pair in everything if pair[0] < len(some)}
        if found != expected:
            raise WrongAnswersError(
                f"{engine.name} contradicts itself about {len(found ^ expected)} of {len(expected)} hits, asked in "
                f"batches of {batch} and of {largest}"
            )
    return everything


def _is_excused(shapes: Sequence[Shape], points: Points, pair: Pair, is_missed: bool) -> bool:
    n, i = pair
    shape = shapes[i]
    depth_m = shape.signed_distance_m(points.lats[n], points.lngs[n])
    if is_missed and isinstance(shape, Circle):
        return depth_m <= shape.radius_m * SHARE_LOST + _ROUNDING_M
    return abs(depth_m) <= _ROUNDING_M
