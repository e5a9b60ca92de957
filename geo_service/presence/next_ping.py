"""What a phone is told after its pings: how far it may go unheard, when to report next, what to watch. Pure."""

import msgspec

from geo_service.geofences.neighbourhood import HORIZON_M
from geo_service.presence.fix import Fix
from geo_service.presence.motion import Motion
from geo_service.presence.policy import TrackPolicy
from geo_service.presence.track import TrackState

# The fastest a phone goes from here on, by what it does now (m/s); unknown counts as on foot, running.
_FASTEST_MPS = {"still": 3.0, "walking": 3.0, "running": 4.0, "cycling": 9.0, "vehicle": 35.0}
LEAST_INTERVAL_S = 5.0
NEAR_INTERVAL_S = 10.0
LONGEST_INTERVAL_S = 900.0
STILL_INTERVAL_S = 600.0
# Within this distance a walker reaches the fence before a slow rhythm notices.
NEAR_M = 200.0


class NextPing(msgspec.Struct, frozen=True):
    """Report again after `interval_s`, or sooner once farther than `safe_radius_m` from the last fix."""

    interval_s: float
    safe_radius_m: float


# For a phone that may not be located: no hurry to come back.
STOP = NextPing(86_400.0, 0.0)


def next_ping(
    state: TrackState,
    nearest_m: float | None,
    dwell_left_s: float | None,
    policy: TrackPolicy,
) -> NextPing:
    """`nearest_m` is the distance to the nearest boundary (None: farther than HORIZON_M), `dwell_left_s` the time to
    the next dwell threshold of a fence that the phone is in."""
    fix, motion = state.last, state.motion
    if fix is None:
        return NextPing(NEAR_INTERVAL_S, 0.0)
    sigma_m = max(fix.accuracy_m, policy.least_accuracy_m) * policy.sigma_per_accuracy
    safe_m = max(0.0, (HORIZON_M if nearest_m is None else nearest_m) - 3 * sigma_m)
    interval_s = _interval_s(fix, motion, nearest_m, safe_m, bool(state.doubts))
    if dwell_left_s is not None:
        interval_s = min(interval_s, max(LEAST_INTERVAL_S, dwell_left_s))
    return NextPing(round(interval_s, 1), round(safe_m, 1))


def _interval_s(fix: Fix, motion: Motion | None, nearest_m: float | None, safe_m: float, doubtful: bool) -> float:
    if doubtful:
        return LEAST_INTERVAL_S
    if motion is not None and motion.still:
        return STILL_INTERVAL_S
    if nearest_m is not None and nearest_m <= NEAR_M:
        return LEAST_INTERVAL_S if motion is not None else NEAR_INTERVAL_S
    fastest_mps = _FASTEST_MPS.get(fix.activity or "unknown", 4.0)
    if motion is not None:
        fastest_mps = max(fastest_mps, motion.speed_mps)
    return min(max(safe_m / fastest_mps, NEAR_INTERVAL_S), LONGEST_INTERVAL_S)
