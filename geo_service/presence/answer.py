"""What a phone is answered to its pings."""

from collections.abc import Sequence

import msgspec

from geo_service.geofences.neighbourhood import Neighbourhood
from geo_service.geofences.registry import FenceRegistry
from geo_service.presence.admit import Rejection
from geo_service.presence.next_ping import NextPing

WATCHED_IN_ANSWER = 20


class SeenTransition(msgspec.Struct, frozen=True):
    geofence_id: str
    kind: str
    at: str
    confidence: float


class WatchedFence(msgspec.Struct, frozen=True):
    """A circle for the phone's own geofencing; the service's test stays the exact one."""

    geofence_id: str
    lat: float
    lng: float
    radius_m: float


class Next(msgspec.Struct, frozen=True):
    """Report again after `interval_s`, or sooner once farther than `safe_radius_m` from the last fix."""

    interval_s: float
    safe_radius_m: float
    geofences: list[WatchedFence]


class PingsAnswer(msgspec.Struct, frozen=True):
    """What the phone is told. `accepted` + the rejected are all pings of the delivery."""

    accepted: int
    rejected: list[Rejection]
    transitions: list[SeenTransition]
    next: Next


class _EncodedNext(msgspec.Struct, frozen=True):
    interval_s: float
    safe_radius_m: float
    geofences: msgspec.Raw


class _EncodedAnswer(msgspec.Struct, frozen=True):
    """`PingsAnswer` with its largest part encoded beforehand."""

    accepted: int
    rejected: Sequence[Rejection]
    transitions: Sequence[SeenTransition]
    next: _EncodedNext


_ENCODE = msgspec.json.Encoder().encode


def watch_json(registry: FenceRegistry, around: Neighbourhood) -> bytes:
    """The nearest fences as the JSON of circles, made once for each neighbourhood."""
    if around.watch_json is None:
        watched = []
        for geofence_id in around.fence_ids[:WATCHED_IN_ANSWER]:
            shape = registry.fences[geofence_id].shape
            lat, lng = shape.centre
            watched.append(WatchedFence(geofence_id, round(lat, 6), round(lng, 6), round(shape.bounding_radius_m, 1)))
        around.watch_json = _ENCODE(watched)
    return around.watch_json


def answer_json(
    accepted: int,
    rejected: Sequence[Rejection],
    seen: Sequence[SeenTransition],
    report: NextPing,
    watch: bytes,
) -> bytes:
    """The answer's JSON; `watch` is the JSON of `next.geofences`."""
    following = _EncodedNext(report.interval_s, report.safe_radius_m, msgspec.Raw(watch))
    return _ENCODE(_EncodedAnswer(accepted, rejected, seen, following))
