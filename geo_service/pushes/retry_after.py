"""The Retry-After header (RFC 9110, 10.2.3): seconds, or a date."""

from datetime import UTC
from email.utils import parsedate_to_datetime

LONGEST_WAIT_S = 3600.0


def retry_after_s(header: str | None, now_s: float) -> float | None:
    """Seconds to wait from `now_s` (Unix seconds), between 0 and an hour; None when the header says nothing
    usable."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        # more than nine digits is longer than the hour that we would wait at most
        return min(float(text[:10]), LONGEST_WAIT_S)
    try:
        at = parsedate_to_datetime(text)
        # a date without a zone means UTC (RFC 5322, 4.3)
        wait_s = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - now_s
    except (ValueError, OverflowError):
        return None
    return min(max(wait_s, 0.0), LONGEST_WAIT_S)
