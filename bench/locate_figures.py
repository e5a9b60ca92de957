"""What a run of `bench locate` has measured, and the ratios in it."""

from dataclasses import dataclass, field
from statistics import median

from bench.fence_map import Kind, MapName

H3, OURS, STRTREE, POSTGIS = "bare h3", "ours", "STRtree", "PostGIS"
ENGINES = (H3, OURS, STRTREE, POSTGIS)
BATCHES = (1, 100, 1_000, 10_000)
# Stands where a batch does: one point, everything within 250 m.
NEAR = 0
NEAR_M = 250.0


@dataclass(frozen=True)
class Case:
    """A map with so many geofences, and a kind of points."""

    fence_map: MapName
    fences: int
    kind: Kind


@dataclass(frozen=True)
class Upkeep:
    """What an engine costs beside lookups. `how` says how the bytes were counted; empty where they were not."""

    fence_map: MapName
    fences: int
    engine: str
    build_s: float
    change_median_ms: float
    change_p99_ms: float | None
    bytes_each: float | None
    how: str = ""


@dataclass
class Figures:
    """`rounds_us` holds, for each case, engine and batch, the microseconds per point of every round; the rounds of all
    engines of a case were interleaved. `found` is the number of geofences found per point."""

    rounds_us: dict[tuple[Case, str, int], list[float]] = field(default_factory=dict)
    found: dict[Case, float] = field(default_factory=dict)
    upkeep: list[Upkeep] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def add(self, other: "Figures") -> None:
        self.rounds_us |= other.rounds_us
        self.found |= other.found
        self.upkeep += other.upkeep
        self.skipped += [text for text in other.skipped if text not in self.skipped]

    def us(self, case: Case, engine: str, batch: int) -> float | None:
        """Median of the rounds; None if not measured."""
        rounds = self.rounds_us.get((case, engine, batch))
        return median(rounds) if rounds else None

    def ratio(self, case: Case, engine: str, to: str, batch: int, *, to_batch: int | None = None) -> float | None:
        """How many times the cost of `to` is that of `engine`: the median over the rounds, so that what disturbed a
        round disturbed both. None if one was not measured."""
        upper = self.rounds_us.get((case, engine, batch))
        lower = self.rounds_us.get((case, to, batch if to_batch is None else to_batch))
        if not upper or not lower:
            return None
        return median(a / b for a, b in zip(upper, lower, strict=True))

    def upkeep_of(self, fence_map: MapName, fences: int, engine: str) -> Upkeep | None:
        return next(
            (u for u in self.upkeep if (u.fence_map, u.fences, u.engine) == (fence_map, fences, engine)),
            None,
        )
