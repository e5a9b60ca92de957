"""Logging: one line per event, for people on a terminal and JSON elsewhere. No secrets, tokens or coordinates."""

import logging
import sys

import structlog


def configure_logs(level: str, log_format: str | None) -> None:
    """Set up structlog for the process; `log_format` None chooses by whether stderr is a terminal."""
    console = log_format == "console" or (log_format is None and sys.stderr.isatty())
    renderer: structlog.types.Processor = (
        structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    # Libraries that log by the standard way: warnings and worse only, they know nothing of our rules.
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
