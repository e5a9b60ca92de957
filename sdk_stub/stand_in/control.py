"""The stand-ins' control endpoint: other processes look at what was pushed and script failures, over plain
JSON.

    GET    /stand-in/pushes                 {"pushes": [...], "next": N}
           ?after=N&token=T&limit=L&wait_s=S   later than N, of one phone, at most L, waiting up to S seconds
    POST   /stand-in/faults                 one fault or a list of them (see faults.Fault)
    DELETE /stand-in/faults                 all goes well again
    PUT    /stand-in/unregistered/{token}   {"since_s": Unix seconds}
    DELETE /stand-in/unregistered/{token}   the token is registered again
"""

import msgspec
from aiohttp import web

from sdk_stub.stand_in.faults import Fault, FaultScript
from sdk_stub.stand_in.received import PushLog

_LARGEST_PAGE = 1_000
_LONGEST_WAIT_S = 60.0


class _Unregistered(msgspec.Struct, forbid_unknown_fields=True):
    since_s: float


def control_routes(log: PushLog, script: FaultScript) -> list[web.RouteDef]:
    """The routes above for one stand-in."""

    async def list_pushes(request: web.Request) -> web.Response:
        try:
            after = int(request.query.get("after", "0"))
            limit = min(max(int(request.query.get("limit", "100")), 1), _LARGEST_PAGE)
            wait_s = min(max(float(request.query.get("wait_s", "0")), 0.0), _LONGEST_WAIT_S)
        except ValueError:
            return _problem("after and limit are whole numbers, wait_s is a number of seconds")
        token = request.query.get("token")
        pushes = log.after(after, token=token, limit=limit)
        if not pushes and wait_s:
            await log.wait_for_more(after, wait_s)
            pushes = log.after(after, token=token, limit=limit)
        return _json({"pushes": pushes, "next": pushes[-1].number if pushes else after})

    async def add_faults(request: web.Request) -> web.Response:
        try:
            faults = msgspec.json.decode(await request.read(), type=Fault | list[Fault])
        except (ValueError, RecursionError) as error:
            return _problem(str(error))
        script.add(*(faults if isinstance(faults, list) else [faults]))
        return _json({}, status=201)

    async def clear_faults(_request: web.Request) -> web.Response:
        script.clear()
        return web.Response(status=204)

    async def unregister(request: web.Request) -> web.Response:
        try:
            body = msgspec.json.decode(await request.read(), type=_Unregistered)
        except (ValueError, RecursionError) as error:
            return _problem(str(error))
        script.unregister(request.match_info["token"], body.since_s)
        return web.Response(status=204)

    async def register(request: web.Request) -> web.Response:
        script.register(request.match_info["token"])
        return web.Response(status=204)

    return [
        web.get("/stand-in/pushes", list_pushes),
        web.post("/stand-in/faults", add_faults),
        web.delete("/stand-in/faults", clear_faults),
        web.put("/stand-in/unregistered/{token}", unregister),
        web.delete("/stand-in/unregistered/{token}", register),
    ]


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(value), content_type="application/json")


def _problem(detail: str) -> web.Response:
    return web.Response(
        status=400,
        body=msgspec.json.encode({"type": "about:blank", "title": "Bad Request", "status": 400, "detail": detail}),
        content_type="application/problem+json",
    )
