"""The service's only source of "now", so that replay, tests and a demo in fast motion run the code of production."""

import time
from typing import Protocol


class Clock(Protocol):
    """Tells the time in Unix seconds (UTC)."""

    def now_s(self) -> float: ...


class SystemClock:
    """The machine's clock."""

    def now_s(self) -> float:
        return time.time()


class ScaledClock:
    """Starts at the machine's time and runs `speed` times as fast: a demo in fast motion."""

    def __init__(self, speed: float) -> None:
        if speed <= 0:
            raise ValueError("speed must be greater than 0; 1 is real time")
        self._speed = speed
        self._wall_start_s = time.time()
        self._monotonic_start_s = time.monotonic()

    def now_s(self) -> float:
        return self._wall_start_s + (time.monotonic() - self._monotonic_start_s) * self._speed


class SimulatedClock:
    """Stands still until it is told the time; never runs backwards."""

    def __init__(self, now_s: float) -> None:
        self._now_s = now_s

    def now_s(self) -> float:
        return self._now_s

    def advance_to(self, now_s: float) -> None:
        self._now_s = max(self._now_s, float(now_s))
