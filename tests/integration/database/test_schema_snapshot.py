"""`schema.sql` is what the migrations add up to, on every Postgres that we support."""

import asyncio
import re
from pathlib import Path

import pytest

from geo_service.database.database import open_connection
from geo_service.database.embedded import EmbeddedPostgres
from geo_service.database.errors import DatabaseError
from geo_service.database.schema import SCHEMA, describe_schema, schema_after_migrations

DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")
OUTDATED = "run 'python -m geo_service.database.schema' and commit what it writes"


async def test_schema_is_the_sum_of_the_migrations(empty_database_dsn: str) -> None:
    assert await schema_after_migrations(empty_database_dsn) == SCHEMA.read_text(encoding="utf-8"), OUTDATED


@pytest.mark.skipif(not DEBIAN_15.is_dir(), reason="Postgres 15 is not installed here")
async def test_schema_is_the_same_on_postgres_15(tmp_path: Path) -> None:
    postgres = EmbeddedPostgres(tmp_path / "data", binaries=DEBIAN_15, durable=False)
    dsn = await asyncio.to_thread(postgres.start)
    try:
        assert await schema_after_migrations(dsn) == SCHEMA.read_text(encoding="utf-8"), OUTDATED
    finally:
        await asyncio.to_thread(postgres.stop)


async def test_schema_is_sql_that_makes_the_same_schema(empty_database_dsn: str, template_database: str) -> None:
    conn = await open_connection(empty_database_dsn, role=None)
    await conn.execute(SCHEMA.read_text(encoding="utf-8"))
    assert await describe_schema(conn) == SCHEMA.read_text(encoding="utf-8")
    await conn.close()


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ("alter table stores alter name drop not null", "+ name text"),
        ("alter table stores add doubled float8 generated always as (entrance_lat * 2) stored", "stored"),
        ("alter table stores add note text collate \"C\" default 'none'", "collate"),
        ("alter table stores drop constraint stores_entrance_lat_check", "- stores_entrance_lat_check"),
        (
            "alter table geofences drop constraint geofences_tenant_id_store_id_fkey",
            "- geofences_tenant_id_store_id_fkey",
        ),
        ("alter table stores set (fillfactor = 80)", "fillfactor=80"),
        ("alter table stores no force row level security", "- alter table stores force row level security"),
        ("drop policy own_tenant on stores", "- create policy own_tenant on stores"),
        ("drop index geofences_by_store", "- geofences_by_store"),
        ("drop trigger stores_inserted on stores", "- stores_inserted"),
        ("revoke delete on stores from geo_service", "+ grant insert, select, update on stores"),
        ("grant select (name) on stores to public", "+ grant select (name) on stores to public"),
        ("revoke execute on function geo_tenant() from public", "- nothing"),
        (
            "create or replace function geo_tenant() returns uuid language sql as 'select null::uuid'",
            "select null::uuid",
        ),
        ("drop trigger stores_inserted on stores; drop table if exists receipts", "- receipts"),
    ],
)
async def test_every_kind_of_change_shows(database_dsn: str, change: str, shown: str) -> None:
    conn = await open_connection(database_dsn, role=None)
    before = set((await describe_schema(conn)).splitlines())
    await conn.execute(change)
    after = set((await describe_schema(conn)).splitlines())
    await conn.close()
    assert before != after
    difference = "\n".join([*(f"- {line}" for line in before - after), *(f"+ {line}" for line in after - before)])
    words = shown.removeprefix("+ ").removeprefix("- ")
    assert words == "nothing" or re.search(re.escape(words), difference)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("create view v as select 1 as one", "view v"),
        ("create materialized view v as select 1 as one", "materialized view v"),
        ("create table p (id int) partition by range (id)", "partitioned table p"),
        ("create sequence s", "sequence s"),
        ("create type mood as enum ('good', 'bad')", "type mood"),
        ("create domain small as int check (value < 10)", "type small"),
        ("create schema other", "schema other"),
    ],
)
async def test_kind_of_object_that_is_not_described_is_refused(database_dsn: str, change: str, named: str) -> None:
    conn = await open_connection(database_dsn, role=None)
    await conn.execute(change)
    with pytest.raises(DatabaseError, match=named):
        await describe_schema(conn)
    await conn.close()
