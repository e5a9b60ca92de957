"""The client's own types against the service's: what one writes the other reads."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from geo_service.presence.admit import Rejection
from geo_service.presence.fix import Ping
from geo_service.presence.next_ping import NextPing, WatchedFence
from geo_service.presence.pings import PingsAnswer, SeenTransition
from sdk_stub.wire import Fix, PingAnswer

numbers = st.floats(allow_nan=True, allow_infinity=True)
fixes = st.builds(
    Fix,
    recorded_at_s=st.floats(0, 4e9),
    lat=st.floats(-90, 90),
    lng=st.floats(-180, 180),
    accuracy_m=st.floats(0, 1e6),
    speed_mps=st.none() | numbers,
    heading_deg=st.none() | numbers,
    altitude_m=st.none() | numbers,
    activity=st.sampled_from([None, "still", "walking", "running", "cycling", "vehicle"]),
    mocked=st.booleans(),
)


@given(fixes)
def test_the_service_reads_every_usable_fix(fix: Fix) -> None:
    assert fix.is_usable()
    ping = msgspec.json.decode(msgspec.json.encode(fix.as_ping("id-1")), type=Ping)
    assert abs(ping.recorded_at.timestamp() - fix.recorded_at_s) < 0.0011
    assert abs(ping.lat - fix.lat) <= 1e-7
    assert abs(ping.lng - fix.lng) <= 1e-7
    assert ping.accuracy_m > 0
    assert ping.heading_deg is None or 0 <= ping.heading_deg < 360
    assert ping.speed_mps is None or ping.speed_mps >= 0
    assert (ping.activity, ping.mocked, ping.ping_id) == (fix.activity, fix.mocked, "id-1")


def test_the_client_reads_the_services_answer() -> None:
    answer = PingsAnswer(
        accepted=1,
        rejected=[Rejection(1, "too_old", "drop such pings")],
        transitions=[SeenTransition("g", "enter", "2026-05-28T20:26:40.000Z", 0.9)],
        next=NextPing(5.0, 12.5, [WatchedFence("g", 50.0, 8.0, 100.0)]),
    )
    read = msgspec.json.decode(msgspec.json.encode(answer), type=PingAnswer)
    assert (read.accepted, read.rejected[0].index, read.rejected[0].reason) == (1, 1, "too_old")
    assert (read.transitions[0].geofence_id, read.transitions[0].kind) == ("g", "enter")
    assert (read.next.interval_s, read.next.safe_radius_m) == (5.0, 12.5)
    assert read.next.geofences[0].radius_m == 100.0
