"""One HTTP call to the service, and the three ways in which it can fail.

Only what the contract says counts as the service's answer: JSON, or a problem document. Cafés' login pages
answer 200 to everything and office proxies 403; neither may empty the queue or sign the phone off.
"""

import ssl
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final, Literal, TypeAlias, TypeVar

import aiohttp
import msgspec

from geo_service.pushes.retry_after import retry_after_s

Method: TypeAlias = Literal["GET", "POST", "PUT", "PATCH"]
Answer = TypeVar("Answer")

ANSWER_WITHIN_S: Final = 15.0
_LARGEST_ANSWER_BYTES: Final = 4 * 1024 * 1024


class CallFailed(Exception):  # noqa: N818  (its three kinds say what happens now)
    """A call did not succeed."""

    def __init__(self, detail: str, *, status: int = 0, retry_after_s: float | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.retry_after_s = retry_after_s


class TryLater(CallFailed):
    """Nothing is known to be wrong with the call: no network, a busy server, or another one that answered."""


class NotAllowed(CallFailed):
    """The credential is not good (401), or not for this, or the customer has not consented (403)."""

    @property
    def lacks_location_consent(self) -> bool:
        return "no_location_consent" in str(self)


class CallRefused(CallFailed):
    """The service understood and says no; the same call will never succeed."""


class Transport:
    """Calls one server. `tls` is for servers with a private certificate authority.

    Never follows a redirect: the credential must not travel to where a network's login page points."""

    def __init__(self, base_url: str, session: aiohttp.ClientSession, *, tls: ssl.SSLContext | None = None) -> None:
        self._base_url = base_url.rstrip("/")
        self._session = session
        self._tls: ssl.SSLContext | bool = tls or True

    async def send(
        self,
        method: Method,
        path: str,
        *,
        credential: str,
        body: object = None,
        query: Mapping[str, str] | None = None,
    ) -> bytes:
        """The content of the answer. Raises `TryLater`, `NotAllowed` or `CallRefused`."""
        call = f"{method} {path}"
        try:
            async with self._session.request(
                method,
                self._base_url + path,
                params=query,
                data=None if body is None else msgspec.json.encode(body),
                headers={"Authorization": f"Bearer {credential}", "Content-Type": "application/json"},
                allow_redirects=False,
                ssl=self._tls,
                timeout=aiohttp.ClientTimeout(total=ANSWER_WITHIN_S),
            ) as response:
                content = await _bounded(response)
                status, kind, headers = response.status, response.content_type, response.headers
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise TryLater(f"{call}: {type(error).__name__}") from error
        if not 200 <= status < 300:
            raise _failure(call, status, kind, headers, content)
        if content and kind != "application/json":
            raise TryLater(f"{call}: the answer is {kind}, not JSON; is there a login page in between?")
        return content

    async def ask(
        self,
        answer: type[Answer],
        method: Method,
        path: str,
        *,
        credential: str,
        body: object = None,
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        """As `send`, with the answer decoded."""
        content = await self.send(method, path, credential=credential, body=body, query=query)
        try:
            return msgspec.json.decode(content, type=answer)
        except (ValueError, RecursionError) as error:
            raise TryLater(f"{method} {path}: the answer is not what the service sends ({error})") from error


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) > _LARGEST_ANSWER_BYTES:
            raise aiohttp.ClientPayloadError("the answer is too large")
    return bytes(content)


class _InputError(msgspec.Struct):
    path: str = ""
    message: str = ""


class _Problem(msgspec.Struct):
    """RFC 9457, as far as a phone needs it."""

    type: str = ""
    title: str = ""
    detail: str = ""
    errors: list[_InputError] = []


def _failure(
    call: str, status: int, kind: str, headers: Mapping[str, str], content: bytes
) -> TryLater | NotAllowed | CallRefused:
    try:
        problem = msgspec.json.decode(content, type=_Problem)
    except (ValueError, RecursionError):
        problem = _Problem()
    told = [problem.type, problem.title, problem.detail]
    told += [f"{error.path}: {error.message}" for error in problem.errors]
    detail = " ".join(text for text in (call, "answered", str(status), *told) if text)
    from_the_service = kind == "application/problem+json"
    if from_the_service and status in (401, 403):
        return NotAllowed(detail, status=status)
    if status == 413 or (from_the_service and status in (400, 404, 409, 410, 422)):
        return CallRefused(detail, status=status)
    return TryLater(
        detail, status=status, retry_after_s=retry_after_s(headers.get("Retry-After"), _server_now_s(headers))
    )


def _server_now_s(headers: Mapping[str, str]) -> float:
    """The server's own time, against which a date in `Retry-After` is meant: the phone's clock may be wrong."""
    try:
        return parsedate_to_datetime(headers.get("Date", "")).timestamp()
    except ValueError:
        return time.time()
