"""Moves a phone along a walk: it reports when the client's rule says so, and its OS wakes it when it has moved."""

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from geo_service.clock import Clock
from sdk_stub.gps import Receiver
from sdk_stub.phone import SimulatedPhone
from sdk_stub.policy import next_action
from sdk_stub.sending import StopReason
from sdk_stub.wire import RejectedPing, Transition

LOOK_EVERY_S: Final = 5.0
"""How often the OS notices that the phone has moved, without GPS; also the longest sleep."""


class DriveReport(msgspec.Struct, kw_only=True):
    """What came of a walk: fixes recorded, what the server said to them, and why it ended early, if it did."""

    recorded: int = 0
    transitions: list[Transition] = []
    rejected: list[RejectedPing] = []
    stopped: StopReason | None = None


async def drive(
    phone: SimulatedPhone,
    receiver: Receiver,
    *,
    clock: Clock,
    sleep: Callable[[float], Awaitable[None]],
    until_s: float | None = None,
) -> DriveReport:
    """Walk until `until_s` (the walk's end when left out). Before the walk starts, it waits for it.

    `sleep` waits that many seconds of `clock`: `asyncio.sleep` in real time, divided by the speed in fast motion,
    moving the clock on in a test. Ends early when the service will take no more fixes of this phone."""
    client, walk = phone.client, receiver.walk
    end_s = walk.end_s if until_s is None else until_s
    report = DriveReport()
    while (now_s := clock.now_s()) < end_s:
        if now_s < walk.start_s:
            await sleep(min(walk.start_s, end_s) - now_s)
            continue
        phone.remove_expired()
        here = walk.position_at(now_s)
        if next_action(now_s=now_s, advice=client.advice, last=client.last_report, here=here).report:
            for fix in receiver.fixes_at(now_s):
                if client.record(fix) == "queued":
                    report.recorded += 1
        result = await client.flush()
        report.transitions += result.transitions
        report.rejected += result.rejected
        report.stopped = result.stopped or (None if client.may_record else "no_location_consent")
        if report.stopped is not None:
            break
        wait_s = next_action(now_s=now_s, advice=client.advice, last=client.last_report).check_in_s
        await sleep(min(wait_s or LOOK_EVERY_S, LOOK_EVERY_S, end_s - now_s))
    return report
