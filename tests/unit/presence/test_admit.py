"""Admission: each ping alone, in order of time."""

from datetime import UTC, datetime

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from geo_service.presence.admit import Memory, admit
from geo_service.presence.fix import Ping
from geo_service.presence.policy import AdmissionPolicy

POLICY = AdmissionPolicy()
NOW_S = 1_780_000_000.0


def ping(ago_s: float, *, lat: float = 48.1, lng: float = 11.5, accuracy_m: float = 10.0, mocked: bool = False) -> Ping:
    return Ping(datetime.fromtimestamp(NOW_S - ago_s, UTC), lat, lng, accuracy_m, mocked=mocked)


def reasons(*pings: Ping, memory: Memory | None = None) -> list[str | None]:
    admitted = admit(list(enumerate(pings)), memory or Memory(), NOW_S, POLICY)
    found = {rejection.index: str(rejection.reason) for rejection in admitted.rejected}
    return [found.get(index) for index in range(len(pings))]


def test_a_bad_ping_is_refused_alone() -> None:
    assert reasons(
        ping(60),
        ping(50, lat=90.5),
        ping(40, lat=0, lng=0),
        ping(-31),
        ping(86_401),
        ping(30, accuracy_m=201),
        ping(20, accuracy_m=-1),
        ping(15, mocked=True),
        ping(10),
    ) == [
        None,
        "out_of_range",
        "out_of_range",
        "from_the_future",
        "too_old",
        "inaccurate",
        "inaccurate",
        "mocked",
        None,
    ]


def test_pings_are_put_in_order_of_time_and_keep_their_index_in_refusals() -> None:
    admitted = admit([(0, ping(10)), (1, ping(30)), (2, ping(20, lat=91))], Memory(), NOW_S, POLICY)
    assert [fix.at_s for fix in admitted.fixes] == [NOW_S - 30, NOW_S - 10]
    assert [(rejection.index, rejection.reason) for rejection in admitted.rejected] == [(2, "out_of_range")]


def test_a_delivery_that_is_sent_again_is_all_duplicates() -> None:
    delivery = [(index, ping(60 - index)) for index in range(50)]
    first = admit(delivery, Memory(), NOW_S, POLICY)
    again = admit(delivery, first.memory, NOW_S, POLICY)
    assert len(first.fixes) == 50
    assert not again.fixes
    assert [rejection.reason for rejection in again.rejected] == ["duplicate"] * 50


def test_a_speed_that_no_phone_has_is_no_speed() -> None:
    for speed_mps in (1e160, 500.0, -1.0):
        (fix,) = admit([(0, msgspec.structs.replace(ping(5), speed_mps=speed_mps))], Memory(), NOW_S, POLICY).fixes
        assert fix.speed_mps is None


def test_a_late_ping_counts_and_does_not_move_the_state() -> None:
    memory = admit([(0, ping(10))], Memory(), NOW_S, POLICY).memory
    late = admit([(0, ping(20))], memory, NOW_S, POLICY)
    assert late.late == 1
    assert not late.fixes
    assert not late.rejected
    assert late.memory.last == memory.last


def test_a_jump_is_not_believed_until_a_second_fix_agrees() -> None:
    assert reasons(ping(60), ping(50, lat=48.5), ping(40)) == [None, "implausible_speed", None]
    assert reasons(ping(60), ping(50, lat=48.5), ping(40, lat=48.5001)) == [None, "implausible_speed", None]


def test_jitter_within_the_claimed_error_is_no_speed() -> None:
    assert reasons(ping(2, accuracy_m=100), ping(1, lat=48.103, accuracy_m=100)) == [None, None]


@given(st.lists(st.tuples(st.floats(-60, 90_000), st.floats(-91, 91), st.floats(-200, 300)), max_size=30))
def test_every_ping_is_accepted_or_refused_and_fixes_move_forward(raw: list[tuple[float, float, float]]) -> None:
    pings = [(index, ping(ago_s, lat=lat, accuracy_m=acc)) for index, (ago_s, lat, acc) in enumerate(raw)]
    admitted = admit(pings, Memory(), NOW_S, POLICY)
    assert len(admitted.fixes) + admitted.late + len(admitted.rejected) == len(pings)
    times = [fix.at_s for fix in admitted.fixes]
    assert times == sorted(set(times))
    assert [rejection.index for rejection in admitted.rejected] == sorted({r.index for r in admitted.rejected})
