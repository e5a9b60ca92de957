"""How a phone moves, from its own word or from two fixes."""

import math

import msgspec

from geo_service.presence.fix import Fix
from geo_service.shapes.geodesy import LocalFrame

# A pair of fixes closer in time than this says more about noise than about speed; one further apart than the other
# bound says where the phone went, not how it moves now.
LEAST_INTERVAL_S = 2.0
LONGEST_INTERVAL_S = 90.0
STILL_BELOW_MPS = 0.4


class Motion(msgspec.Struct, frozen=True, gc=False):
    """Velocity in m/s to the east and to the north."""

    east_mps: float
    north_mps: float

    @property
    def speed_mps(self) -> float:
        return math.hypot(self.east_mps, self.north_mps)

    @property
    def still(self) -> bool:
        return self.speed_mps < STILL_BELOW_MPS


STILL = Motion(0.0, 0.0)


def offset_m(from_lat: float, from_lng: float, to_lat: float, to_lng: float) -> tuple[float, float]:
    """How far east and north, in metres, the second point lies of the first; for points within a few kilometres."""
    return LocalFrame.at(from_lat, from_lng).to_metres(to_lat, to_lng)


def _own_word(fix: Fix) -> Motion | None:
    if fix.speed_mps is None:
        return None
    if fix.speed_mps < STILL_BELOW_MPS:
        return STILL
    if fix.heading_deg is None:
        return None
    heading = math.radians(fix.heading_deg)
    return Motion(fix.speed_mps * math.sin(heading), fix.speed_mps * math.cos(heading))


def motion_after(previous: Fix | None, before: Motion | None, fix: Fix) -> Motion | None:
    """The phone's motion at `fix`; None while it is unknown.

    The phone's own speed and heading count first (Doppler beats differences). Otherwise the displacement since the
    previous fix, where it stands out of the two fixes' error; half of the earlier estimate is kept against noise.
    """
    own = _own_word(fix)
    if own is not None:
        return own
    if previous is None:
        return None
    interval_s = fix.at_s - previous.at_s
    if interval_s < LEAST_INTERVAL_S:
        return before
    if interval_s > LONGEST_INTERVAL_S:
        return None
    east_m, north_m = offset_m(previous.lat, previous.lng, fix.lat, fix.lng)
    moved_m = math.hypot(east_m, north_m)
    if moved_m < max(3.0, 0.3 * min(previous.accuracy_m, fix.accuracy_m)):
        # Not told apart from standing; only a longer interval makes that knowledge.
        return STILL if interval_s >= 10.0 or (before is not None and before.still) else before
    now = Motion(east_m / interval_s, north_m / interval_s)
    if before is None or before.still or interval_s > 30.0:
        return now
    return Motion((now.east_mps + before.east_mps) / 2, (now.north_mps + before.north_mps) / 2)


def closest_approach(motion: Motion, east_m: float, north_m: float) -> tuple[float, float]:
    """When and how near the phone passes a point that lies `east_m`, `north_m` from it: (seconds from now, metres).

    t* = r·v / |v|²; negative: the point is behind. The motion must not be still."""
    speed_squared = motion.east_mps**2 + motion.north_mps**2
    time_s = (east_m * motion.east_mps + north_m * motion.north_mps) / speed_squared
    miss_m = math.hypot(east_m - motion.east_mps * time_s, north_m - motion.north_mps * time_s)
    return time_s, miss_m
