"""The yardstick: the same HTTP server, the same body decoded, and nothing else. `python -m bench.bare_server PORT`."""

import asyncio
import sys
from typing import Any

import msgspec
import uvicorn
import uvloop

from geo_service.presence.delivery import Delivery

_DECODE = msgspec.json.Decoder(Delivery).decode
_ANSWER = msgspec.json.encode(
    {
        "accepted": 1,
        "rejected": [],
        "transitions": [],
        "next": {"interval_s": 10.0, "safe_radius_m": 0.0, "geofences": []},
    }
)
_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(_ANSWER)).encode())],
}


async def app(_: Any, receive: Any, send: Any) -> None:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    _DECODE(body)
    await send(_START)
    await send({"type": "http.response.body", "body": _ANSWER})


async def main(port: int) -> None:
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=port,
        loop="none",
        http="httptools",
        lifespan="off",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        log_config=None,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn offers no event
        await asyncio.sleep(0.01)
    print("ready", file=sys.stderr, flush=True)
    await serving


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 8099))
