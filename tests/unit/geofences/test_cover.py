"""Covers never miss a point nor call a cell full that is not: tried at edges, cell borders, pentagons and poles."""

import h3.api.basic_int as h3
import pytest
from geographiclib.geodesic import Geodesic
from hypothesis import given
from hypothesis import strategies as st

from geo_service.geofences.cover import FINE, RESOLUTIONS, ancestor_bits, cells_near, cover
from geo_service.geofences.geometry import Circle, Shape
from tests.unit.geofences.fence_strategies import (
    area,
    circles,
    examples,
    floats,
    magnitudes,
    oracle_destination,
    oracle_distance_m,
    places,
    points_at,
    shapes,
)


def _cells_of(shape: Shape, lat: float, lng: float) -> tuple[set[int], set[int]]:
    """The cells under which a point may be looked up: by H3 at each resolution, and by the shifted fine cell."""
    fine = h3.latlng_to_cell(lat, lng, FINE)
    resolutions = cover(shape).resolutions
    return (
        {h3.latlng_to_cell(lat, lng, resolution) for resolution in resolutions},
        {h3.cell_to_parent(fine, resolution) for resolution in resolutions},
    )


def _check(shape: Shape, lat: float, lng: float) -> None:
    cells = cover(shape)
    for looked_up in _cells_of(shape, lat, lng):
        if shape.contains(lat, lng):
            assert looked_up & {*cells.partial, *cells.full}, "missed"
        else:
            assert not looked_up & {*cells.full}, "not full"


@examples(400)
@given(st.data(), shapes())
def test_every_point_is_in_a_cell_and_no_full_cell_holds_an_outsider(data: st.DataObject, shape: Shape) -> None:
    _check(shape, *data.draw(points_at(shape)))


@examples(150)
@given(st.data(), st.one_of(circles(5), shapes()))
def test_the_borders_of_its_cells_are_covered(data: st.DataObject, shape: Shape) -> None:
    """Points within millimetres of the borders and corners of the cells, where the rounding of H3 decides."""
    cells = cover(shape)
    cell = data.draw(st.sampled_from(cells.partial + cells.full))
    corners = h3.cell_to_boundary(cell)
    i = data.draw(st.integers(0, len(corners) - 1))
    (lat_1, lng_1), (lat_2, lng_2) = corners[i], corners[i - 1]
    distance_m = oracle_distance_m(lat_1, lng_1, lat_2, lng_2)
    azimuth_deg = _azimuth_deg(lat_1, lng_1, lat_2, lng_2)
    lat, lng = oracle_destination(lat_1, lng_1, azimuth_deg, distance_m * data.draw(floats(0, 1)))
    lat, lng = oracle_destination(lat, lng, data.draw(floats(0, 360)), data.draw(magnitudes(-4, 1)))
    _check(shape, lat, lng)


def _azimuth_deg(lat_1: float, lng_1: float, lat_2: float, lng_2: float) -> float:
    return float(Geodesic.WGS84.Inverse(lat_1, lng_1, lat_2, lng_2)["azi1"])


@examples(150)
@given(st.data(), st.one_of(circles(6.5), shapes()))
def test_full_cells_are_inside_to_their_corners_and_so_are_their_descendants(data: st.DataObject, shape: Shape) -> None:
    full = cover(shape).full
    if not full:
        return
    cell = data.draw(st.sampled_from(full))
    for lat, lng in h3.cell_to_boundary(cell):
        assert shape.contains(lat, lng)
    # A descendant from which one gets to this cell by shifting bits may stick out of it.
    while h3.get_resolution(cell) < FINE:
        cell = data.draw(st.sampled_from(h3.cell_to_children(cell)))
    for lat, lng in h3.cell_to_boundary(cell):
        assert shape.contains(lat, lng)


@examples(150)
@given(circles(7), shapes())
def test_covers_are_small(circle: Circle, shape: Shape) -> None:
    for some in (circle, shape):
        cells = cover(some)
        found = cells.partial + cells.full
        assert 0 < len(found) == len(set(found)) <= 300
        assert {h3.get_resolution(cell) for cell in found} == set(cells.resolutions) <= set(RESOLUTIONS)


def test_shop_sized_fences_are_covered_where_the_plain_call_finds_nothing() -> None:
    shop = area([[[(24.94, 60.17), (24.9402, 60.17), (24.9402, 60.1701), (24.94, 60.1701), (24.94, 60.17)]]])
    outline = h3.LatLngPoly([(60.17, 24.94), (60.17, 24.9402), (60.1701, 24.9402), (60.1701, 24.94)])
    assert not h3.polygon_to_cells(outline, 9)
    assert 1 <= len(cover(shop).partial) <= 3
    assert cover(shop).full == ()


@pytest.mark.parametrize(("radius_m", "resolution"), [(50, 9), (1_500, 9), (1_600, 7), (20_000, 5), (400_000, 3)])
def test_the_resolution_suits_the_size(radius_m: float, resolution: int) -> None:
    assert cover(Circle(52.5, 13.4, radius_m)).resolutions == (resolution,)


def test_large_fences_have_full_cells() -> None:
    cells = cover(Circle(52.5, 13.4, 1_400))
    assert len(cells.full) > len(cells.partial)


@examples(300)
@given(places(), magnitudes(0, 4), floats(0, 360), floats(0, 1), st.sampled_from([3, 5, 7, 9]))
def test_cells_near_a_point_are_all_of_them(
    place: tuple[float, float], radius_m: float, bearing_deg: float, share: float, resolution: int
) -> None:
    # As many rings of cells at each resolution: the same distances, in edges.
    scaled_m = radius_m * 7 ** ((9 - resolution) / 2)
    near = cells_near(*place, scaled_m, resolution)
    for distance_m in (scaled_m, scaled_m * share):
        lat, lng = oracle_destination(*place, bearing_deg, distance_m)
        assert h3.latlng_to_cell(lat, lng, resolution) in near


@examples(100)
@given(places(), st.sampled_from(RESOLUTIONS))
def test_ancestors_by_bits_are_those_of_h3(place: tuple[float, float], resolution: int) -> None:
    cell = h3.latlng_to_cell(*place, FINE)
    clear, fill = ancestor_bits(resolution)
    assert cell & clear | fill == h3.cell_to_parent(cell, resolution)
