"""From the database into memory: a tenant's stores and active geofences, all of them or those that were edited."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias

import structlog

from geo_service.database.database import Connection
from geo_service.database.queries import load_queries
from geo_service.geofences.feature import stored_shape
from geo_service.geofences.registry import Fence
from geo_service.geofences.stores import Store
from geo_service.web.times import UtcTime
from geo_service.web.wire import LatLng

Row: TypeAlias = Mapping[str, Any]
Applied: TypeAlias = Callable[[str, str, Sequence[str]], Awaitable[None]]
"""`await applied(tenant_id, kind, ids)` when rows were written: this process then knows them. Others hear of it
through the change feed."""

_LOG = structlog.get_logger(__name__)
_STORES = load_queries(__file__, "stores.sql")
_FENCES = load_queries(__file__, "fences.sql")

# Rows fetched at a time, and made into fences before the event loop may do something else.
_FETCHED = 1000
_IN_ONE_GO = 20


async def load_stores(conn: Connection, store_ids: Sequence[str] | None) -> list[Store]:
    """The named stores as far as they exist; None: all. `conn` is in a transaction of the tenant."""
    if store_ids is None:
        rows = await conn.fetch(_STORES.all_stores)
    else:
        rows = await conn.fetch(_STORES.stores_by_id, store_ids)
    return [store_of(row) for row in rows]


async def load_fences(conn: Connection, geofence_ids: Sequence[str] | None) -> list[Fence]:
    """The named geofences as far as they exist and are active; None: all. `conn` is in a transaction of the tenant."""
    if geofence_ids is None:
        rows = conn.cursor(_FENCES.all_active_geofences, prefetch=_FETCHED)
    else:
        rows = conn.cursor(_FENCES.active_geofences_by_id, geofence_ids, prefetch=_FETCHED)
    fences = []
    async for row in rows:
        fence = fence_of(row)
        if fence is not None:
            fences.append(fence)
        if len(fences) % _IN_ONE_GO == 0:
            await asyncio.sleep(0)
    return fences


def store_of(row: Row) -> Store:
    """A row of `stores`."""
    return Store(
        store_id=row["store_id"],
        name=row["name"],
        entrance=LatLng(lat=row["entrance_lat"], lng=row["entrance_lng"]),
        time_zone=row["time_zone"],
        opening_hours=row["opening_hours"],
        address=row["address"],
        web_url=row["web_url"],
        languages=row["languages"],
        updated_at=UtcTime.of(row["updated_at"]),
    )


def fence_of(row: Row) -> Fence | None:
    """A row of `geofences`. None, and a line in the log, when its geometry cannot be read: one row that was mended by
    hand must not keep the others out of memory."""
    try:
        shape = stored_shape(row["geometry"], row["radius_m"])
    except (ValueError, TypeError, LookupError) as failure:
        _LOG.error("geofence_unreadable", geofence_id=row["geofence_id"], error=type(failure).__name__)
        return None
    return Fence(
        row["geofence_id"], row["store_id"], row["name"], shape, row["dwell_s"], tuple(row["tags"]), row["schedule"]
    )
