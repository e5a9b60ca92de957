"""`geo-service bench`: all measurements in one run, as tables; ratios first, because they outlive the machine."""

import asyncio
import os
import platform
import subprocess
import sys

from rich.console import Console
from rich.table import Table

from bench.locate import measure_locate
from bench.pings import BATCH, PingFigures, measure_pings

PHONES = 1_000_000


def _table(console: Console, title: str, columns: list[str], rows: list[list[str]]) -> None:
    table = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right")
    for row in rows:
        table.add_row(*row)
    console.print(table)


def bench_locate(console: Console, *, quick: bool) -> None:
    """Single, batched and nearby lookups, beside one bare H3 call."""
    rows = [
        [f"{row.fences:,}", row.what, f"{row.value:,.2f} {row.unit}", "" if row.ratio is None else f"{row.ratio:.1f} ×"]
        for row in measure_locate((1_000,) if quick else (1_000, 100_000))
    ]
    _table(console, "Lookups (ratio: against one bare h3.latlng_to_cell)", ["fences", "what", "cost", "ratio"], rows)


async def bench_pings(console: Console, *, quick: bool) -> None:
    """The whole way of a ping over HTTP, beside the bare server."""
    figures = await measure_pings(
        fences=1_000 if quick else 10_000, phones=1_000 if quick else 4_000, duration_s=2.0 if quick else 8.0
    )
    _table(
        console,
        "Pings over HTTP, server on one core (bare: the same server, the same body decoded, nothing else)",
        ["", "bare, requests/s", "service, requests/s", "pings/s", "ratio by wall", "ratio by server CPU"],
        [_throughput_row("one by one", figures, 1), _throughput_row(f"batches of {BATCH}", figures, BATCH)],
    )
    _table(
        console,
        f"At half load ({figures.half_load_per_s:,.0f} pings/s one by one, 1 % transitions with a push)",
        ["", "p50", "p99"],
        [
            ["HTTP answer", f"{figures.http_p50_ms:.1f} ms", f"{figures.http_p99_ms:.1f} ms"],
            [
                f"ping received → asked the provider ({figures.handed_over} pushes)",
                f"{figures.hand_over_p50_ms:.1f} ms",
                f"{figures.hand_over_p99_ms:.1f} ms",
            ],
        ],
    )


def _throughput_row(what: str, figures: PingFigures, batch: int) -> list[str]:
    bare, own = (figures.bare_singles, figures.singles) if batch == 1 else (figures.bare_batches, figures.batches)
    return [
        what,
        f"{bare.per_s:,.0f}",
        f"{own.per_s:,.0f}",
        f"{own.per_s * batch:,.0f}",
        f"{own.per_s / bare.per_s:.0%}",
        f"{own.per_cpu_s / bare.per_cpu_s:.0%}",
    ]


def bench_memory(console: Console, *, quick: bool) -> None:
    """What a known phone costs; measured in a process of its own."""
    count = PHONES // 10 if quick else PHONES
    done = subprocess.run(
        [sys.executable, "-m", "bench.phones_memory", str(count)], check=True, capture_output=True, text=True
    )
    per_phone = float(done.stdout)
    told = f"{per_phone:,.0f} B a phone; {per_phone * PHONES / 1e9:.2f} GB for a million"
    _table(console, "Phones known", ["phones", "memory"], [[f"{count:,}", told]])


async def run_bench(what: str, *, quick: bool) -> None:
    """`what` is locate, pings, memory or all."""
    console = Console()
    processor = platform.processor() or platform.machine()
    console.print(
        f"{os.cpu_count()} cores ({processor}), Python {platform.python_version()}. Trust ratios, not figures."
    )
    if what in ("locate", "all"):
        await asyncio.to_thread(bench_locate, console, quick=quick)
    if what in ("pings", "all"):
        await bench_pings(console, quick=quick)
    if what in ("memory", "all"):
        await asyncio.to_thread(bench_memory, console, quick=quick)
