"""The geofences and stores of one tenant in memory: what every ping is held against."""

import math

from geo_service.geofences.geometry import Shape
from geo_service.geofences.index import GeofenceIndex
from geo_service.geofences.stores import Store


class Fence:
    """One active geofence. Compared by identity: an edited geofence is a new object."""

    __slots__ = ("dwell_s", "geofence_id", "name", "shape", "size_m", "store_id", "tags")

    def __init__(
        self,
        geofence_id: str,
        store_id: str,
        name: str,
        shape: Shape,
        dwell_s: int | None,
        tags: tuple[str, ...],
    ) -> None:
        self.geofence_id = geofence_id
        self.store_id = store_id
        self.name = name
        self.shape = shape
        # The radius of the circle of the same area: how much room there is to be wrong in.
        self.size_m = math.sqrt(shape.area_m2 / math.pi)
        self.dwell_s = dwell_s
        self.tags = tags


class FenceRegistry:
    """Lookups never wait: all calls are synchronous and short, so an edit is seen whole or not at all."""

    def __init__(self) -> None:
        self.index = GeofenceIndex()
        self.fences: dict[str, Fence] = {}
        self.stores: dict[str, Store] = {}
        # Counts the edits of geofences, for those who keep something derived from them.
        self.version = 0

    def put_store(self, store: Store) -> None:
        self.stores[store.store_id] = store

    def remove_store(self, store_id: str) -> None:
        self.stores.pop(store_id, None)

    def put_fence(self, fence: Fence) -> Fence | None:
        """Take a new or edited geofence; answers the one it replaces."""
        replaced = self.fences.get(fence.geofence_id)
        if replaced is None or replaced.shape != fence.shape:
            self.index.upsert(fence.geofence_id, fence.shape)
        self.fences[fence.geofence_id] = fence
        self.version += 1
        return replaced

    def remove_fence(self, geofence_id: str) -> Fence | None:
        """Deleted or no longer active; answers what it was."""
        removed = self.fences.pop(geofence_id, None)
        if removed is not None:
            self.index.remove(geofence_id)
            self.version += 1
        return removed
