"""The readers against damaged files from the real world: the verdict of the manifest for every file of it.

The data are not part of this repository; GEO_REAL_DATA names the folder that holds `broken/manifest.json`.
"""

import os
import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import gpxpy
import msgspec
import pytest

from geo_service.replay.readers import read_trace
from geo_service.replay.trace import Trace, TraceRejected, ordered

NOW_S = datetime(2026, 11, 21, 23, 59, tzinfo=UTC).timestamp()
"""The day on which the manifest counted what is good."""


class Measured(msgspec.Struct):
    good: int | None = None
    bad: dict[str, int] = {}
    identical_repeats: int = 0


class Case(msgspec.Struct):
    file: str
    verdict: str
    measured: Measured
    also_fine: str | None = None


class Manifest(msgspec.Struct):
    files: list[Case]


DATA = Path(os.environ.get("GEO_REAL_DATA", "."))
BROKEN = DATA / "broken"
MANIFEST = BROKEN / "manifest.json"
CASES = msgspec.json.decode(MANIFEST.read_bytes(), type=Manifest).files if MANIFEST.exists() else []

pytestmark = pytest.mark.skipif(not CASES, reason="real data not here; set GEO_REAL_DATA to their folder")


def cases(*verdicts: str, suffix: str = "") -> pytest.MarkDecorator:
    chosen = [case for case in CASES if case.verdict in verdicts and case.file.endswith(suffix)]
    return pytest.mark.parametrize("case", chosen, ids=[case.file for case in chosen])


@cases("reject")
def test_a_hopeless_file_is_rejected_with_what_to_do(case: Case) -> None:
    with pytest.raises(TraceRejected, match=re.escape(case.file)):
        read_trace(BROKEN / case.file, now_s=NOW_S)


@cases("accept", "skip_points")
def test_the_good_points_are_taken_and_the_bad_ones_told(case: Case) -> None:
    trace = read_trace(BROKEN / case.file, now_s=NOW_S)
    assert len(trace.fixes) == case.measured.good
    assert Counter(point.reason for point in trace.skipped) == case.measured.bad
    assert len(trace.fixes) - len(ordered(trace.fixes)) == case.measured.identical_repeats
    assert (case.verdict == "accept") == (not trace.skipped)


def test_every_file_has_a_verdict_that_is_tested() -> None:
    assert {case.verdict for case in CASES} == {"accept", "skip_points", "reject"}
    assert {case.file for case in CASES} | {MANIFEST.name} == {path.name for path in BROKEN.iterdir()}


@cases("accept", "skip_points", suffix=".gpx")
def test_gpxpy_finds_the_same_points(case: Case) -> None:
    theirs = Counter(
        (point.latitude, point.longitude, point.elevation, _unix_s(point.time))
        for track in gpxpy.parse((BROKEN / case.file).read_bytes()).tracks
        for segment in track.segments
        for point in segment.points
        if point.time is not None
    )
    trace = read_trace(BROKEN / case.file, now_s=NOW_S)
    assert Counter((fix.lat, fix.lng, fix.altitude_m, fix.recorded_at_s) for fix in trace.fixes) <= theirs


def _unix_s(time: datetime) -> float:
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def test_accuracy_of_the_derived_files_is_read_in_metres() -> None:
    phone6 = read_trace(DATA / "helsinki" / "traces" / "phone6.ndjson")
    original = {int(fix.recorded_at_s): fix.accuracy_m for fix in phone6.fixes}
    derived = read_trace(BROKEN / "out_of_order.gpx", now_s=NOW_S).fixes
    compared = [fix for fix in derived if fix.recorded_at_s in original]
    assert len(compared) >= 50
    assert all(fix.accuracy_m == original[int(fix.recorded_at_s)] for fix in compared)


def test_real_walks_are_read_whole() -> None:
    traces: list[Trace] = []
    for folder in ("helsinki", "mobilitynet"):
        traces += [read_trace(path, now_s=NOW_S) for path in sorted((DATA / folder).rglob("*.ndjson"))]
    assert len(traces) == 104
    assert sum(len(trace.fixes) for trace in traces) == 551 + 4969
    assert not any(trace.skipped or trace.warnings for trace in traces)
