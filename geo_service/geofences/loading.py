"""From the database into memory: a tenant's stores and active geofences, all of them or those that were edited."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import structlog

from geo_service.database.database import Connection, Database
from geo_service.database.queries import load_queries
from geo_service.geofences.footprint import Footprint
from geo_service.geofences.packed import IndexedShape, indexed, is_older, pack, unpack
from geo_service.geofences.registry import Fence
from geo_service.geofences.stores import Store
from geo_service.shapes.geojson import stored_shape
from geo_service.shapes.geometry import Area, Shape
from geo_service.web.times import UtcTime
from geo_service.web.wire import LatLng

Row: TypeAlias = Mapping[str, Any]
Applied: TypeAlias = Callable[[str, str, Sequence[str]], Awaitable[None]]
"""`await applied(tenant_id, kind, ids)` when rows were written: this process then knows them. Others hear of it
through the change feed."""

UnpackedFence: TypeAlias = tuple[str, IndexedShape, str]
"""geofence_id, its shape, and the state of the row from which it was made."""

_LOG = structlog.get_logger(__name__)
_STORES = load_queries(__file__, "stores.sql")
_FENCES = load_queries(__file__, "fences.sql")

# Rows fetched at a time, and made into fences before the event loop may do something else.
_FETCHED = 1000
_IN_ONE_GO = 100
# A shape with more takes milliseconds to be indexed, and to answer its first question; no ping shall wait for that.
_MANY_VERTICES = 500


class LoadedFences(NamedTuple):
    """Geofences with their footprints, and those which should be packed. `written_by`, of those that were read by id:
    the lower 32 bits of the id of the transaction that wrote them last."""

    fences: list[tuple[Fence, Footprint]]
    unpacked: list[UnpackedFence]
    written_by: dict[str, int]


async def load_stores(conn: Connection, store_ids: Sequence[str] | None) -> list[Store]:
    """The named stores as far as they exist; None: all. `conn` is in a transaction of the tenant."""
    if store_ids is None:
        rows = await conn.fetch(_STORES.all_stores)
    else:
        rows = await conn.fetch(_STORES.stores_by_id, store_ids)
    return [store_of(row) for row in rows]


async def load_all_fences(conn: Connection) -> LoadedFences:
    """Every active geofence. `conn` is in a transaction of the tenant."""
    loaded = LoadedFences([], [], {})
    cursor = await conn.cursor(_FENCES.all_active_geofences)
    while rows := await cursor.fetch(_FETCHED):
        if unreadable := await _take(rows, loaded):
            await _from_geometry(conn, unreadable, loaded)
    return loaded


async def load_fences(database: Database, tenant_id: str, geofence_ids: Sequence[str]) -> LoadedFences:
    """The named geofences as far as they exist and are active."""
    loaded = LoadedFences([], [], {})
    if geofence_ids:
        rows = await database.call(_FENCES.active_geofences_by_id, uuid.UUID(tenant_id), geofence_ids)
        loaded.written_by.update((row["geofence_id"], row["written_by"]) for row in rows)
        if unreadable := await _take(rows, loaded):
            async with database.tenant(tenant_id, readonly=True) as conn:
                await _from_geometry(conn, unreadable, loaded)
    return loaded


async def _take(rows: Sequence[Row], loaded: LoadedFences) -> list[Row]:
    """Takes what is packed; answers the rows of which nothing is packed that can be read here."""
    unreadable = []
    for number, row in enumerate(rows, start=1):
        known = unpack(row["packed"]) if row["packed"] else None
        if known is None:
            unreadable.append(row)
        else:
            if isinstance(known.shape, Area) and _is_large(known.shape):
                await asyncio.to_thread(known.shape.warm_up)
            loaded.fences.append(fence_of(row, known))
        if number % _IN_ONE_GO == 0:
            await asyncio.sleep(0)
    return unreadable


async def _from_geometry(conn: Connection, rows: Sequence[Row], loaded: LoadedFences) -> None:
    """Takes geofences from what their managers have sent."""
    found = await conn.fetch(_FENCES.geometries_by_id, [row["geofence_id"] for row in rows])
    geometries = {row["geofence_id"]: row for row in found}
    for row in rows:
        await asyncio.sleep(0)
        geofence_id = row["geofence_id"]
        # Deleted meanwhile.
        if geofence_id not in geometries:
            continue
        try:
            shape = stored_shape(geometries[geofence_id]["geometry"], geometries[geofence_id]["radius_m"])
        except (ValueError, TypeError, LookupError) as failure:
            # One row that was mended by hand must not keep the others out of memory.
            _LOG.error("geofence_unreadable", geofence_id=geofence_id, error=type(failure).__name__)
            continue
        known = await asyncio.to_thread(indexed, shape) if _is_large(shape) else indexed(shape)
        loaded.fences.append(fence_of(row, known))
        if not row["packed"] or is_older(row["packed"]):
            loaded.unpacked.append((geofence_id, known, geometries[geofence_id]["row_state"]))


def _is_large(shape: Shape) -> bool:
    return isinstance(shape, Area) and shape.vertices > _MANY_VERTICES


async def keep_packed(conn: Connection, unpacked: Sequence[UnpackedFence]) -> None:
    """Packs geofences, so that the next start reads them at once. `conn` is in a transaction of the tenant."""
    await conn.execute(_FENCES.derive_only)
    ids = [geofence_id for geofence_id, _, _ in unpacked]
    packed = [pack(known) for _, known, _ in unpacked]
    await conn.execute(_FENCES.keep_packed, ids, packed, [row_state for _, _, row_state in unpacked])


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


def fence_of(row: Row, known: IndexedShape) -> tuple[Fence, Footprint]:
    """A row of `geofences` with its shape."""
    fence = Fence(
        row["geofence_id"],
        row["store_id"],
        row["name"],
        known.shape,
        row["dwell_s"],
        tuple(row["tags"]),
        row["schedule"],
        area_m2=known.area_m2,
    )
    return fence, known.footprint
