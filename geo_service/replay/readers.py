"""Opens a trace file: finds its format, bounds its size, and has it read.

A format is a module with `NAME`, `EXTENSIONS`, `sniff(head)` and `read(data, builder)`; to add one, write the
module and list it in `FORMATS`.
"""

import time
from pathlib import Path
from typing import Final, Protocol

from geo_service.replay import gpx, ndjson
from geo_service.replay.trace import Trace, TraceBuilder, TraceRejected

MAX_TRACE_BYTES: Final = 64 * 1024 * 1024
_HEAD_BYTES: Final = 4096


class TraceFormat(Protocol):
    """What a format module offers."""

    @property
    def NAME(self) -> str: ...  # noqa: N802  (a module's constant)

    @property
    def EXTENSIONS(self) -> tuple[str, ...]: ...  # noqa: N802  (a module's constant)

    def sniff(self, head: str) -> bool:
        """Whether the first characters of a file look like this format."""
        ...

    def read(self, data: bytes, builder: TraceBuilder) -> None:
        """Hand each point to the builder, or raise `TraceRejected`."""
        ...


FORMATS: Final[tuple[TraceFormat, ...]] = (gpx, ndjson)


def read_trace(
    path: Path, *, now_s: float | None = None, name: str | None = None, max_bytes: int = MAX_TRACE_BYTES
) -> Trace:
    """Read one trace file. `now_s` judges times in the future (the machine's time when left out); `name` is
    what the trace is called (the file's name when left out).

    Raises `TraceRejected`, with what to do, when nothing can be taken from it; `OSError` when unreadable."""
    with path.open("rb") as file:
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise TraceRejected(f"{path.name} is larger than {max_bytes // 1024**2} MiB; split it into several traces")
    return parse_trace(
        data,
        name=path.name if name is None else name,
        extension=path.suffix.lower(),
        now_s=time.time() if now_s is None else now_s,
    )


def parse_trace(data: bytes, *, name: str, extension: str, now_s: float) -> Trace:
    """Read the content of one trace file; see `read_trace`."""
    if not data.strip():
        raise TraceRejected(f"{name} is empty; export the trace again")
    trace_format = _format_of(data, extension)
    if trace_format is None:
        known = ", ".join(f"{each.NAME} ({', '.join(each.EXTENSIONS)})" for each in FORMATS)
        raise TraceRejected(f"{name} is in no format that is read here; use one of: {known}")
    builder = TraceBuilder(now_s)
    try:
        trace_format.read(data, builder)
    except TraceRejected as rejected:
        raise TraceRejected(f"{name}: {rejected}") from rejected
    return builder.finish(name)


def _format_of(data: bytes, extension: str) -> TraceFormat | None:
    """By extension when the content agrees, else by content, else by extension alone: that reader then says
    best what is wrong."""
    head = _head(data)
    named = [each for each in FORMATS if extension in each.EXTENSIONS]
    for candidates in (named, FORMATS):
        for each in candidates:
            if each.sniff(head):
                return each
    return named[0] if named else None


def _head(data: bytes) -> str:
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    return data[:_HEAD_BYTES].decode(encoding, errors="replace")
