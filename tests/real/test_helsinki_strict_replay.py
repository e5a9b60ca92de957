"""Real walks past real shops: the strict replay against geometry done by somebody else's code."""

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from geographiclib.geodesic import Geodesic

from geo_service.presence.policy import DEFAULT, STRICT, AdmissionPolicy
from geo_service.replay.fence_file import read_fence_file
from geo_service.replay.readers import read_trace
from geo_service.replay.runner import ReplayedTransition, replay
from geo_service.replay.trace import Trace, ordered

RADIUS_M = 60.0
# Beyond this many degrees nothing is within 60 m at the latitude of Helsinki: spares the slow oracle.
NEAR_LAT, NEAR_LNG = 0.0007, 0.0014


def shop_fences(real_data: Path) -> dict[str, Any]:
    """A fence of 60 m round each shop of the town."""
    shops = json.loads((real_data / "helsinki" / "shops.geojson").read_text(encoding="utf-8"))
    features = [
        {
            "type": "Feature",
            "id": shop["properties"]["osm"].replace("/", ":"),
            "geometry": shop["geometry"],
            "properties": {"radius_m": RADIUS_M},
        }
        for shop in shops["features"]
    ]
    return {"type": "FeatureCollection", "features": features}


def walks(real_data: Path) -> list[Trace]:
    return [read_trace(path) for path in sorted((real_data / "helsinki" / "traces").glob("*.ndjson"))]


def inside_by_oracle(lat: float, lng: float, shops: dict[str, tuple[float, float]]) -> set[str]:
    return {
        name
        for name, (shop_lat, shop_lng) in shops.items()
        if abs(lat - shop_lat) < NEAR_LAT
        and abs(lng - shop_lng) < NEAR_LNG
        and Geodesic.WGS84.Inverse(lat, lng, shop_lat, shop_lng)["s12"] <= RADIUS_M
    }


@pytest.fixture
def fence_file(real_data: Path, tmp_path: Path) -> Path:
    path = tmp_path / "shops.geojson"
    path.write_text(json.dumps(shop_fences(real_data)), encoding="utf-8")
    return path


def test_strict_replay_says_exactly_what_the_geometry_says(real_data: Path, fence_file: Path) -> None:
    registry = read_fence_file(fence_file)
    features = json.loads(fence_file.read_text(encoding="utf-8"))["features"]
    shops = {f["id"]: (f["geometry"]["coordinates"][1], f["geometry"]["coordinates"][0]) for f in features}
    confirmed_enters = 0
    for trace in walks(real_data):
        fixes = ordered(trace.fixes)
        inside = [inside_by_oracle(fix.lat, fix.lng, shops) for fix in fixes]
        expected = []
        for fix, before, now in zip(fixes, [set(), *inside[:-1]], inside, strict=True):
            expected += [(fix.recorded_at_s, name, "exit") for name in sorted(before - now)]
            expected += [(fix.recorded_at_s, name, "enter") for name in sorted(now - before)]
        seen = list(replay(trace, registry, STRICT, AdmissionPolicy(), Counter()))
        assert [(line.geofence_id, line.kind) for line in seen] == [(name, kind) for _, name, kind in expected]
        entered = {line.geofence_id for line in seen if line.kind == "enter"}
        twice = set().union(*(one & other for one, other in pairwise(inside)))
        assert twice <= entered
        confirmed_enters += len(twice)
    assert confirmed_enters > 500, "the walks were not read, or nobody came near a shop"


def lines(real_data: Path, fence_file: Path) -> list[ReplayedTransition]:
    registry = read_fence_file(fence_file)
    return [
        line for trace in walks(real_data) for line in replay(trace, registry, DEFAULT, AdmissionPolicy(), Counter())
    ]


def test_the_same_input_gives_the_same_output(real_data: Path, fence_file: Path) -> None:
    assert lines(real_data, fence_file) == lines(real_data, fence_file)


def test_the_default_policy_enters_fewer_and_only_where_a_fix_was_near(real_data: Path, fence_file: Path) -> None:
    """Vague and jumping fixes lose their enters; what is left was inside by geometry, or within the fix's own error."""
    registry = read_fence_file(fence_file)
    strict = [
        line for trace in walks(real_data) for line in replay(trace, registry, STRICT, AdmissionPolicy(), Counter())
    ]
    default = lines(real_data, fence_file)
    enters = [line for line in default if line.kind == "enter"]
    assert 0 < len(enters) < sum(line.kind == "enter" for line in strict)
    assert all(line.confidence >= DEFAULT.confirm_probability for line in enters)
