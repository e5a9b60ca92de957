"""`geo-service serve`: the service in the foreground until a signal."""

import socket

import structlog

from geo_service.app import RunningServer, Service, listen
from geo_service.logs import configure_logs
from geo_service.settings import Settings

_LOG = structlog.get_logger(__name__)


async def serve(settings: Settings, host: str, port: int) -> None:
    """Start, serve, and on SIGTERM or SIGINT stop: no new requests, finish what is under way, close. A second signal
    ends it at once."""
    configure_logs(settings.log_level, settings.log_format)
    with listen(host, port) as listener:
        await _serve(settings, listener)
    _LOG.info("stopped")


async def _serve(settings: Settings, listener: socket.socket) -> None:
    service = await Service.start(settings)
    try:
        server = RunningServer(service, listener, handle_signals=True)
        await server.start()
        _LOG.info("serving", url=server.url, docs=f"{server.url}/docs")
        if settings.simulated_clock_start_s is not None:
            _LOG.warning("simulated_clock", hint="time stands still until POST /v1/clock; not for production")
        await server.wait()
    finally:
        await service.stop()
