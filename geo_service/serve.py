"""`geo-service serve`: the service in the foreground until a signal."""

import structlog

from geo_service.app import RunningServer, Service
from geo_service.logs import configure_logs
from geo_service.settings import Settings

_LOG = structlog.get_logger(__name__)


async def serve(settings: Settings, host: str, port: int) -> None:
    """Start, serve, and on SIGTERM or SIGINT stop: no new requests, finish what is under way, close. A second signal
    ends it at once."""
    configure_logs(settings.log_level, settings.log_format)
    service = await Service.start(settings)
    try:
        server = RunningServer(service, host, port, handle_signals=True)
        await server.start()
        _LOG.info("serving", url=server.url, docs=f"{server.url}/docs")
        if settings.simulated_clock_start_s is not None:
            _LOG.warning("simulated_clock", hint="time stands still until POST /v1/clock; not for production")
        await server.wait()
    finally:
        await service.stop()
        _LOG.info("stopped")
