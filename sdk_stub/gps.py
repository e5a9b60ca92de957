"""What a phone's GPS makes of a true position: errors that last, jumps, and claims of accuracy that sometimes lie.

The error is a sum of two Ornstein-Uhlenbeck processes (half a minute and five minutes) whose size itself wanders;
now and then the position jumps for some seconds. The sizes are fitted to 2,874 fixes of phones on walks with a known
path (Android and iOS; suburbs and urban canyon). Everything is a pure function of the seed and the time, so that two
phones with other reporting rules see the very same errors.
"""

import random
from math import cos, exp, pi, sin, sqrt
from typing import Final, NamedTuple

import msgspec

from geo_service.shapes.geodesy import LocalFrame
from sdk_stub.walks import Point, Walk
from sdk_stub.wire import Activity, Fix, Platform


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """How good positioning is somewhere. `sigma_m` is the usual error for each axis, by platform; a jump's size is
    lognormal about `jump_m`, its length exponential about `jump_s`."""

    sigma_m: dict[Platform, float]
    jumps_per_hour: float
    jump_m: float = 80.0
    jump_s: float = 20.0


OPEN_SKY: Final = Environment(sigma_m={"android": 3.5, "ios": 5.0}, jumps_per_hour=0.5)
SUBURB: Final = Environment(sigma_m={"android": 8.5, "ios": 16.5}, jumps_per_hour=4.0)
CITY: Final = Environment(sigma_m={"android": 10.0, "ios": 17.0}, jumps_per_hour=6.0)
URBAN_CANYON: Final = Environment(sigma_m={"android": 19.0, "ios": 21.0}, jumps_per_hour=12.0)
EXACT: Final = Environment(sigma_m={"android": 0.0, "ios": 0.0}, jumps_per_hour=0.0)

_STEP_S: Final = 1.0
_QUICK_S: Final = 30.0
_SLOW_S: Final = 300.0
_QUICK_SHARE: Final = 0.6
_SIZE_S: Final = 90.0
_SIZE_SPREAD: Final[dict[Platform, float]] = {"android": 0.5, "ios": 0.3}
_JUMP_SPREAD: Final = 0.5
_HONEST_JUMPS: Final = 0.8
_BEST_CLAIM_M: Final = 3.0
# Android claims a 68 % radius, 1.51 sigma; on the measured walks only half of the fixes were inside it.
_CLAIMED_SIGMAS: Final = 1.2
_CLAIM_SPREAD: Final = 0.3
# iOS claims exactly this in most fixes on foot
_IOS_USUAL_CLAIM_M: Final = 65.0
_IOS_USUAL_ABOVE: Final = -0.8
_CACHED_WITHIN_S: Final = 3.0


class _Error(NamedTuple):
    east_m: float
    north_m: float
    claim_m: float
    speed_mps: float
    heading_deg: float


class Receiver:
    """The GPS of one phone on one walk."""

    def __init__(
        self, walk: Walk, environment: Environment = CITY, *, platform: Platform = "android", seed: int = 0
    ) -> None:
        self.walk = walk
        self.platform: Final = platform
        self._environment = environment
        self._chance = random.Random(f"{seed}/{platform}")
        self._cached = self._cached_fix(random.Random(f"{seed}/cached"))
        self._errors: list[_Error] = []
        self._quick = [_Wander(self._chance, _QUICK_S), _Wander(self._chance, _QUICK_S)]
        self._slow = [_Wander(self._chance, _SLOW_S), _Wander(self._chance, _SLOW_S)]
        self._size = _Wander(self._chance, _SIZE_S)
        self._claim = _Wander(self._chance, _SIZE_S)
        self._jump = (0.0, 0.0)
        self._jump_left_s = 0.0
        self._jump_claim_m = 0.0

    def fix_at(self, at_s: float) -> Fix:
        """What the phone believes at that time."""
        error = self._error_at(at_s)
        truth = self.walk.position_at(at_s)
        true_speed_mps = self.walk.speed_mps(at_s)
        lat, lng = LocalFrame.at(*truth).to_degrees(error.east_m, error.north_m)
        moving = true_speed_mps > 0.3
        return Fix(
            recorded_at_s=at_s,
            lat=lat,
            lng=lng,
            accuracy_m=error.claim_m,
            speed_mps=max(0.0, true_speed_mps + error.speed_mps) if moving else 0.0,
            heading_deg=(self.walk.heading_deg(at_s) + error.heading_deg) % 360 if moving else None,
            activity=_activity(true_speed_mps),
        )

    def fixes_at(self, at_s: float) -> tuple[Fix, ...]:
        """What the OS hands to an app that asks: at the start of a walk iOS first gives its last fix of long ago."""
        fix = self.fix_at(at_s)
        if self.platform == "ios" and 0 <= at_s - self.walk.start_s < _CACHED_WITHIN_S:
            return self._cached, fix
        return (fix,)

    def _cached_fix(self, chance: random.Random) -> Fix:
        start = self.walk.position_at(self.walk.start_s)
        lat, lng = _offset(start, chance.uniform(50, 400), chance.uniform(0, 2 * pi))
        return Fix(
            recorded_at_s=self.walk.start_s - chance.uniform(60, 900),
            lat=lat,
            lng=lng,
            accuracy_m=_IOS_USUAL_CLAIM_M,
        )

    def _error_at(self, at_s: float) -> _Error:
        step = max(0, int((at_s - self.walk.start_s) / _STEP_S))
        while len(self._errors) <= step:
            self._errors.append(self._next_error())
        return self._errors[step]

    def _next_error(self) -> _Error:
        chance, environment = self._chance, self._environment
        sigma_m = environment.sigma_m[self.platform] * exp(_SIZE_SPREAD[self.platform] * self._size.step())
        errors_m = [
            sigma_m * (sqrt(_QUICK_SHARE) * quick.step() + sqrt(1 - _QUICK_SHARE) * slow.step())
            for quick, slow in zip(self._quick, self._slow, strict=True)
        ]
        jump_m, jump_claim_m = self._next_jump()
        claim_m = max(_BEST_CLAIM_M, _CLAIMED_SIGMAS * sigma_m * exp(chance.gauss(0, _CLAIM_SPREAD)))
        if self.platform == "ios" and self._claim.step() > _IOS_USUAL_ABOVE:
            claim_m = max(claim_m, _IOS_USUAL_CLAIM_M)
        noisy = min(1.0, environment.sigma_m[self.platform])
        return _Error(
            east_m=errors_m[0] + jump_m[0],
            north_m=errors_m[1] + jump_m[1],
            claim_m=max(claim_m, jump_claim_m),
            speed_mps=chance.gauss(0, 0.2) * noisy,
            heading_deg=chance.gauss(0, 10) * noisy,
        )

    def _next_jump(self) -> tuple[tuple[float, float], float]:
        """East and north of the jump that is on, if one is, and what the phone admits of it."""
        chance, environment = self._chance, self._environment
        self._jump_left_s -= _STEP_S
        if self._jump_left_s <= 0:
            self._jump, self._jump_claim_m = (0.0, 0.0), 0.0
            if chance.random() < environment.jumps_per_hour / 3600 * _STEP_S:
                size_m = environment.jump_m * exp(chance.gauss(0, _JUMP_SPREAD))
                towards = chance.uniform(0, 2 * pi)
                self._jump = (size_m * sin(towards), size_m * cos(towards))
                self._jump_left_s = 5 + chance.expovariate(1 / environment.jump_s)
                self._jump_claim_m = size_m if chance.random() < _HONEST_JUMPS else 0.0
        return self._jump, self._jump_claim_m


class _Wander:
    """A standard Ornstein-Uhlenbeck process, one step of `_STEP_S` at a time."""

    def __init__(self, chance: random.Random, memory_s: float) -> None:
        self._chance = chance
        self._keep = exp(-_STEP_S / memory_s)
        self._stir = sqrt(1 - self._keep * self._keep)
        self._value = chance.gauss(0, 1)

    def step(self) -> float:
        self._value = self._keep * self._value + self._stir * self._chance.gauss(0, 1)
        return self._value


def _activity(speed_mps: float) -> Activity:
    limits: tuple[tuple[float, Activity], ...] = (
        (0.3, "still"),
        (2.2, "walking"),
        (4.5, "running"),
        (8.5, "cycling"),
    )
    return next((activity for limit_mps, activity in limits if speed_mps <= limit_mps), "vehicle")


def _offset(start: Point, distance_m: float, towards: float) -> tuple[float, float]:
    return LocalFrame.at(*start).to_degrees(distance_m * sin(towards), distance_m * cos(towards))
