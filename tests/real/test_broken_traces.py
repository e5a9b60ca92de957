"""The readers against damaged files from the real world: the verdict of the manifest for every file of it."""

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


class Manifest(msgspec.Struct):
    files: list[Case]


def cases(real_data: Path, *verdicts: str) -> list[Case]:
    manifest = msgspec.json.decode((real_data / "broken" / "manifest.json").read_bytes(), type=Manifest)
    return [case for case in manifest.files if case.verdict in verdicts]


def read(real_data: Path, case: Case) -> Trace:
    return read_trace(real_data / "broken" / case.file, now_s=NOW_S)


def test_every_file_has_a_verdict_that_is_tested(real_data: Path) -> None:
    known = {case.file for case in cases(real_data, "accept", "skip_points", "reject")}
    assert len(known) == 23
    assert known | {"manifest.json"} == {path.name for path in (real_data / "broken").iterdir()}


def test_a_hopeless_file_is_rejected_by_name(real_data: Path, subtests: pytest.Subtests) -> None:
    for case in cases(real_data, "reject"):
        with subtests.test(case.file), pytest.raises(TraceRejected, match=case.file):
            read(real_data, case)


def test_the_good_points_are_taken_and_the_bad_ones_told(real_data: Path, subtests: pytest.Subtests) -> None:
    for case in cases(real_data, "accept", "skip_points"):
        with subtests.test(case.file):
            trace = read(real_data, case)
            assert len(trace.fixes) == case.measured.good
            assert Counter(point.reason for point in trace.skipped) == case.measured.bad
            assert len(trace.fixes) - len(ordered(trace.fixes)) == case.measured.identical_repeats
            assert (case.verdict == "accept") == (not trace.skipped)


def test_gpxpy_finds_the_same_points(real_data: Path, subtests: pytest.Subtests) -> None:
    for case in cases(real_data, "accept", "skip_points"):
        if not case.file.endswith(".gpx"):
            continue
        with subtests.test(case.file):
            theirs = Counter(
                (point.latitude, point.longitude, point.elevation, _unix_s(point.time))
                for track in gpxpy.parse((real_data / "broken" / case.file).read_bytes()).tracks
                for segment in track.segments
                for point in segment.points
                if point.time is not None
            )
            ours = Counter((fix.lat, fix.lng, fix.altitude_m, fix.recorded_at_s) for fix in read(real_data, case).fixes)
            assert ours <= theirs


def _unix_s(time: datetime) -> float:
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def test_accuracy_of_the_derived_files_is_read_in_metres(real_data: Path) -> None:
    phone6 = read_trace(real_data / "helsinki" / "traces" / "phone6.ndjson", now_s=NOW_S)
    original = {int(fix.recorded_at_s): fix.accuracy_m for fix in phone6.fixes}
    derived = read_trace(real_data / "broken" / "out_of_order.gpx", now_s=NOW_S).fixes
    compared = [fix for fix in derived if fix.recorded_at_s in original]
    assert len(compared) >= 50
    assert all(fix.accuracy_m == original[int(fix.recorded_at_s)] for fix in compared)


def test_real_walks_are_read_whole(real_data: Path) -> None:
    traces = [
        read_trace(path, now_s=NOW_S)
        for folder in ("helsinki", "mobilitynet")
        for path in sorted((real_data / folder).rglob("*.ndjson"))
    ]
    assert len(traces) == 104
    assert sum(len(trace.fixes) for trace in traces) == 551 + 4969
    assert not any(trace.skipped or trace.warnings for trace in traces)
