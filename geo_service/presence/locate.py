"""Locating: which geofences matter to a fix, and how deep inside or far outside of each it lies. No I/O."""

from collections.abc import Mapping, Sequence

from geo_service.geofences.registry import Fence, FenceRegistry
from geo_service.presence.fix import Fix
from geo_service.presence.policy import TrackPolicy
from geo_service.presence.track import Located, Presence
from geo_service.presence.triggers import TriggerBook

# Beyond so many standard deviations outside of it, a fix says nothing about a fence.
_FAR_SIGMAS = 3.0


def locate(
    registry: FenceRegistry,
    book: TriggerBook,
    fix: Fix,
    presences: Mapping[str, Presence],
    policy: TrackPolicy,
) -> Sequence[Located]:
    """What `track.step` needs to know: all fences that may contain the fix, those being approached where a campaign
    asks for it, and those of `presences` that still exist."""
    candidates = registry.index.candidates(fix.lat, fix.lng)
    if not candidates and not presences and not book.wants_approach:
        return ()
    ids = set(candidates)
    ids.update(presences)
    if book.wants_approach:
        near = registry.index.near(fix.lat, fix.lng, policy.approach_reach_m)
        ids.update(geofence_id for geofence_id, _ in near)
    far_m = -_FAR_SIGMAS * max(fix.accuracy_m, policy.least_accuracy_m) * policy.sigma_per_accuracy
    located = []
    for geofence_id in sorted(ids):
        fence = registry.fences.get(geofence_id)
        if fence is None:
            continue
        inside_m = fence.shape.signed_distance_m(fix.lat, fix.lng)
        triggers = book.triggers(fence)
        if inside_m < far_m and geofence_id not in presences and not triggers.wants_approach:
            continue
        lat, lng = entrance_of(registry, fence)
        located.append(
            Located(
                geofence_id,
                inside_m,
                fence.size_m,
                lat,
                lng,
                triggers.dwell_thresholds_s,
                triggers.wants_approach,
            )
        )
    return located


def entrance_of(registry: FenceRegistry, fence: Fence) -> tuple[float, float]:
    """Where the way leads: the store's entrance, or the fence's middle where the store is not known."""
    store = registry.stores.get(fence.store_id)
    if store is not None:
        return store.entrance.lat, store.entrance.lng
    return fence.shape.centre
