"""The maps of the lookup bench are the same in every run, and what they say they are."""

from dataclasses import replace

import pytest

from bench.fence_map import KINDS, MAPS, MapName, Points, make_changes, make_fences, make_points
from geo_service.shapes.geometry import Area, Circle, geodesic_distance_m


@pytest.mark.parametrize("fence_map", MAPS)
def test_a_larger_map_begins_with_the_smaller_one_and_repeats_itself(fence_map: MapName) -> None:
    assert make_fences(fence_map, 60)[:20] == make_fences(fence_map, 20)


def test_the_maps_differ() -> None:
    assert [shape.centre for shape in make_fences("city", 5)] != [shape.centre for shape in make_fences("uniform", 5)]


def test_shapes_are_mixed_as_promised() -> None:
    shapes = make_fences("city", 2_000)
    circles = [shape for shape in shapes if isinstance(shape, Circle)]
    areas = [shape for shape in shapes if isinstance(shape, Area)]
    assert 0.66 < len(circles) / len(shapes) < 0.74
    assert all(50 <= circle.radius_m <= 500 for circle in circles)
    assert {len(area.parts[0][0].lats) - 1 for area in areas} == set(range(5, 25))
    assert all(area.bounding_radius_m <= 1_000 for area in areas)


def test_city_fences_crowd_and_uniform_ones_do_not() -> None:
    def median_to_nearest_m(fence_map: MapName) -> float:
        centres = [shape.centre for shape in make_fences(fence_map, 300)]
        nearest = [min(geodesic_distance_m(*one, *other) for other in centres if other != one) for one in centres]
        return sorted(nearest)[150]

    assert median_to_nearest_m("city") * 3 < median_to_nearest_m("uniform")


def test_about_half_of_the_hot_points_are_inside() -> None:
    fences = make_fences("uniform", 200)
    points = make_points("uniform", "hot", fences, 500)
    inside = sum(any(f.contains(lat, lng) for f in fences) for lat, lng in zip(points.lats, points.lngs, strict=True))
    assert 0.3 < inside / len(points) < 0.6


def test_points_repeat_themselves_and_differ_by_kind() -> None:
    fences = make_fences("city", 10)
    ping, hot = (make_points("city", kind, fences, 50) for kind in KINDS)
    assert ping == make_points("city", "ping", fences, 50)
    assert ping != hot
    assert len(ping) == len(hot) == 50


def test_a_part_goes_round_at_the_end() -> None:
    points = Points([0.0, 1.0, 2.0, 3.0], [0.0, 10.0, 20.0, 30.0])
    assert points.part(3, 3) == Points([3.0, 0.0, 1.0], [30.0, 0.0, 10.0])
    assert points.part(9, 2) == Points([1.0, 2.0], [10.0, 20.0])
    assert points.part(0, 4) == points


def test_changes_move_no_centre_of_a_circle_and_name_no_fence_twice() -> None:
    fences = make_fences("city", 100)
    changes = make_changes("city", fences, 500)
    assert sorted(i for i, _ in changes) == list(range(100))
    assert all(shape != fences[i] for i, shape in changes)
    circles = [(fences[i], shape) for i, shape in changes if isinstance(shape, Circle)]
    assert circles
    assert all(replace(shape, radius_m=1.0) == Circle(*before.centre, 1.0) for before, shape in circles)
