"""How a route is found: a path without parameters by its name, any other by Litestar.

Litestar makes a request, arguments and a response object for every call, which takes longer than all gates of
`market.http.wire.gates`. Orders are posted to paths without parameters.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

from litestar import Request, route
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send

from market.http.wire.endpoint import Route
from market.http.wire.gates import respond
from market.http.wire.logs import trace_of
from market.http.wire.problems import MEDIA_TYPE, NO_PATH, DoorError, answer_to
from market.http.wire.rendered import Rendered

_PARAMETER: Final = re.compile(r"\{(\w+)\}")
_SPELT_OTHERWISE: Final = re.compile(r"^/v1/(?:.*/)?(?:/|$)|^//+v1")
"""Addresses that Litestar takes for others: rules of a proxy in front would not."""


class WholePaths:
    """Answers routes whose path is all there is to it; Litestar gets the others, and what there is not."""

    def __init__(self, routes: Sequence[Route], litestar: ASGIApp) -> None:
        self._litestar = litestar
        self._routes = {
            (each.declared.method, each.declared.path): each
            for each in routes
            if _PARAMETER.search(each.declared.path) is None
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        http: Any = scope
        found = self._routes.get((http["method"], http["path"]))
        trace = trace_of(scope)
        if found is None and _SPELT_OTHERWISE.search(http["path"]) is not None:
            await Rendered(*answer_to(trace, DoorError(*NO_PATH)), MEDIA_TYPE)(scope, receive, send)
            return
        if found is None:
            await self._litestar(scope, receive, send)
            return
        trace.route = found.declared.path
        http["path_params"] = {}
        try:
            answer = await respond(found, http, receive)
        except Exception as error:  # noqa: BLE001 - every error is a problem document
            answer = Rendered(*answer_to(trace, error), MEDIA_TYPE)
        await answer(scope, receive, send)


def of_litestar(known: Route) -> HTTPRouteHandler:
    """The route as Litestar takes it."""

    @route(
        _PARAMETER.sub(r"{\1:str}", known.declared.path),
        http_method=known.declared.method,  # type: ignore[arg-type]  # litestar lists them
        status_code=200,
        include_in_schema=False,
    )
    async def handle(request: Request[Any, Any, Any]) -> Rendered:
        trace_of(request.scope).route = known.declared.path
        return await respond(known, request.scope, request.receive)

    return handle
