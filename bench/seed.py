"""A tenant for load: fences on a grid, phones with tokens, customers; written straight to the database."""

import hashlib
import math
import uuid

import asyncpg
import msgspec

from geo_service.tenants.tenants import create_tenant
from geo_service.web.credentials import new_credential

LAT, LNG = 48.0, 11.0
SPACING_M = 1500.0
RADIUS_M = 100.0
METRES_PER_DEGREE_LAT = 111_200.0
METRES_PER_DEGREE_LNG = 111_320.0 * math.cos(math.radians(LAT))

_STORES = """
insert into stores (tenant_id, store_id, name, entrance_lat, entrance_lng, time_zone, updated_at)
select $1, 's' || n, 'Store ' || n, lat, lng, 'Europe/Berlin', now()
  from unnest($2::int[], $3::float8[], $4::float8[]) as f (n, lat, lng)
"""
_FENCES = """
insert into geofences (tenant_id, geofence_id, store_id, name, geometry, radius_m, centre_lat, centre_lng,
                       min_lat, max_lat, min_lng, max_lng, updated_at)
select $1, 'f' || n, 's' || n, 'Fence ' || n,
       jsonb_build_object('type', 'Point', 'coordinates', jsonb_build_array(lng, lat)), $5, lat, lng,
       lat - 0.002, lat + 0.002, lng - 0.002, lng + 0.002, now()
  from unnest($2::int[], $3::float8[], $4::float8[]) as f (n, lat, lng)
"""
_CUSTOMERS = """
insert into customers (tenant_id, customer_id, created_at, updated_at)
select $1, 'c' || n, now(), now() from unnest($2::int[]) n
"""
_DEVICES = """
insert into devices (tenant_id, device_id, token_hash, platform, push_token, push_token_at, push_environment,
                     app_version, os_version, locale, time_zone, customer_id, consent_location,
                     consent_marketing_push, created_at)
select $1, device_id, token_hash, 'android', 'bench-token-' || n, now(), 'production', '1', '1', 'en', 'Europe/Berlin',
       'c' || n, true, true, now()
  from unnest($2::int[], $3::uuid[], $4::bytea[]) as d (n, device_id, token_hash)
"""
_CAMPAIGN = """
insert into campaigns (tenant_id, campaign_id, document, status, updated_at)
values ($1, 'bench', $2::jsonb, 'live', now())
"""


class Seeded(msgspec.Struct, frozen=True):
    """What the load needs to know: the phones' tokens, and where the fences are."""

    dsn: str
    tokens: list[str]
    fences: list[tuple[float, float]]

    def quiet_place(self, number: int) -> tuple[float, float]:
        """Half-way between fences, where nothing happens."""
        lat, lng = self.fences[number % len(self.fences)]
        return lat + SPACING_M / 2 / METRES_PER_DEGREE_LAT, lng + SPACING_M / 2 / METRES_PER_DEGREE_LNG


def fence_grid(count: int) -> list[tuple[float, float]]:
    side = math.ceil(math.sqrt(count))
    return [
        (
            LAT + (n // side) * SPACING_M / METRES_PER_DEGREE_LAT,
            LNG + (n % side) * SPACING_M / METRES_PER_DEGREE_LNG,
        )
        for n in range(count)
    ]


async def seed(dsn: str, *, fences: int, phones: int) -> Seeded:
    """Fill a migrated database; every customer may be pushed to."""
    tenant = await create_tenant(dsn, f"bench-{uuid.uuid4().hex[:8]}")
    tenant_id = tenant.tenant_id
    places = fence_grid(fences)
    numbers = list(range(fences))
    lats, lngs = [place[0] for place in places], [place[1] for place in places]
    tokens = [new_credential("device", tenant_id).text for _ in range(phones)]
    phone_numbers = list(range(phones))
    campaign = {
        "name": "bench",
        "trigger": {"on": "enter"},
        "messages": {"en": {"title": "{store_name}", "body": "{distance_m} m, {walk_minutes} min"}},
        "limits": {"per_customer_day": 100, "per_customer_week": 500, "store_cooldown_s": 0},
        "status": "live",
    }
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            await connection.execute("select set_config('geo.tenant', $1, true)", tenant_id)
            await connection.execute(_STORES, tenant_id, numbers, lats, lngs)
            await connection.execute(_FENCES, tenant_id, numbers, lats, lngs, RADIUS_M)
            await connection.execute(_CUSTOMERS, tenant_id, phone_numbers)
            hashes = [hashlib.sha256(token.encode()).digest() for token in tokens]
            device_ids = [uuid.uuid4() for _ in tokens]
            await connection.execute(_DEVICES, tenant_id, phone_numbers, device_ids, hashes)
            await connection.execute(_CAMPAIGN, tenant_id, msgspec.json.encode(campaign).decode())
        await connection.execute("analyze")
    finally:
        await connection.close()
    return Seeded(dsn, tokens, places)
