"""`geo-service geofences import|export`: the same code as the API's, straight to the database."""

import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from geo_service.database.database import Database
from geo_service.database.home import postgres_home
from geo_service.geofences.exporting import export_features
from geo_service.geofences.importing import ImportBrokenError, ImportResult, import_features
from geo_service.settings import Settings
from geo_service.tenants.tenants import find_tenant, owner_transaction
from geo_service.web.wire import to_json

_CHUNK_BYTES = 1 << 20


@contextmanager
def _progress(what: str) -> Iterator[tuple[Progress, TaskID]]:
    console = Console(stderr=True)
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        yield progress, progress.add_task(what, total=None)


async def _tenant_id(dsn: str, name: str) -> str:
    async with owner_transaction(dsn) as connection:
        return await find_tenant(connection, name)


async def _chunks(file: Path) -> AsyncIterator[bytes]:
    with file.open("rb") as source:
        while chunk := source.read(_CHUNK_BYTES):
            yield chunk


def _print(result: ImportResult) -> None:
    print(to_json(result).decode())


async def import_file(settings: Settings, file: Path, tenant: str) -> bool:
    """Prints what became of the features; False when one was rejected or the file broke off."""
    async with postgres_home(settings) as dsn:
        tenant_id = await _tenant_id(dsn, tenant)
        database = await Database.connect(dsn, pool_size=4)
        try:
            with _progress("Importing geofences") as (progress, task):
                result = await import_features(
                    database,
                    tenant_id,
                    _chunks(file),
                    time.time(),
                    lambda done: progress.update(task, completed=done),
                    lines=True if file.suffix.lower() in (".ndjson", ".jsonl", ".geojsonl", ".geojsons") else None,
                )
        except ImportBrokenError as broken:
            print(f"{file}: {broken}", file=sys.stderr)
            _print(broken.result)
            return False
        finally:
            await database.close()
    _print(result)
    return not result.rejected_count


async def export_file(settings: Settings, file: Path, tenant: str) -> None:
    """Writes a FeatureCollection for `.json` and `.geojson`, NDJSON otherwise."""
    async with postgres_home(settings) as dsn:
        tenant_id = await _tenant_id(dsn, tenant)
        database = await Database.connect(dsn, pool_size=4)
        try:
            one_document = file.suffix.lower() in (".json", ".geojson")
            with file.open("wb") as target:
                async for chunk in export_features(database, tenant_id, "geojson" if one_document else "ndjson"):
                    target.write(chunk)
        finally:
            await database.close()
