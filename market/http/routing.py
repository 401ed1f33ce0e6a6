"""How Litestar finds the routes: by path, then by method.

Its HTTP routes make a request, arguments and a response object for every call, which takes longer than all
gates of `market.http.endpoint`. So a path without parameters, where orders are posted, has one ASGI handler
instead; one with parameters cannot, since Litestar 2 reads none for ASGI handlers.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from litestar import Request
from litestar import route as litestar_route
from litestar.exceptions import MethodNotAllowedException
from litestar.handlers import ASGIRouteHandler, BaseRouteHandler, HTTPRouteHandler, asgi
from litestar.types import Receive, Scope, Send

from market.http.endpoint import Route
from market.http.exchange import Rendered
from market.http.logs import trace_of

_PARAMETER: Final = re.compile(r"\{(\w+)\}")


def handlers(routes: Iterable[Route]) -> Iterator[BaseRouteHandler]:
    """The routes as Litestar takes them."""
    found: dict[str, dict[str, Route]] = {}
    for route in routes:
        found.setdefault(route.declared.path, {})[route.declared.method] = route
    for path, methods in found.items():
        if _PARAMETER.search(path) is None:
            yield _whole_path(path, methods)
        else:
            yield from map(_with_parameters, methods.values())


def _whole_path(path: str, methods: Mapping[str, Route]) -> ASGIRouteHandler:
    allow = ", ".join(methods)

    @asgi(path, copy_scope=False)
    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        http: Any = scope
        route = methods.get(http["method"])
        if route is None:
            raise MethodNotAllowedException(headers={"allow": allow})
        trace_of(http).route = path
        await (await route.respond(http, receive))(http, receive, send)

    return handle


def _with_parameters(route: Route) -> HTTPRouteHandler:
    path = route.declared.path

    @litestar_route(
        _PARAMETER.sub(r"{\1:str}", path),
        http_method=route.declared.method,  # type: ignore[arg-type]
        status_code=200,
        include_in_schema=False,
    )
    async def handle(request: Request[Any, Any, Any]) -> Rendered:
        trace_of(request.scope).route = path
        return await route.respond(request.scope, request.receive)

    return handle
