"""The OpenAPI document and its page; the page's files are vendored, nothing is loaded from elsewhere."""

import base64
import re
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import msgspec
from litestar import Request
from litestar.openapi.plugins import SwaggerRenderPlugin

from market.http.wire.access import PUBLIC
from market.http.wire.endpoint import Answer, Call, Nothing, endpoint, not_found
from market.http.wire.openapi import document

TAG: Final = "Documentation"
VENDORED: Final = Path(__file__).parent / "vendored"
MEDIA_TYPES: Final = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui-standalone-preset.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon-32x32.png": "image/png",
}


class _Page(SwaggerRenderPlugin):
    """Litestar's page; its own JSON encoder is that of a route, and this path is found without one."""

    @staticmethod
    def render_json(_request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        return msgspec.json.encode(openapi_schema)


_PAGE: Final = _Page(
    js_url="/schema/files/swagger-ui-bundle.js",
    standalone_preset_js_url="/schema/files/swagger-ui-standalone-preset.js",
    css_url="/schema/files/swagger-ui.css",
    favicon='<link rel="icon" type="image/png" href="/schema/files/favicon-32x32.png">',
)
_INLINE_SCRIPT: Final = re.compile(rb"<script type='text/javascript'>(.*?)</script>", re.DOTALL)


@cache
def _vendored(name: str) -> bytes:
    return (VENDORED / name).read_bytes()


@endpoint(
    "GET",
    "/schema/openapi.json",
    roles=PUBLIC,
    summary="This document",
    tag=TAG,
    answer=dict[str, Any],
)
async def openapi(call: Call[Nothing, Nothing]) -> Answer:
    return Answer(body=msgspec.json.encode(_document(call)))


def _document(call: Call[Any, Any]) -> dict[str, Any]:
    """Made once per app."""
    state = call.state
    if "openapi" not in state:
        state.openapi = document(state.endpoints)
    found: dict[str, Any] = state.openapi
    return found


@endpoint(
    "GET",
    "/schema",
    roles=PUBLIC,
    summary="This document as a page",
    tag=TAG,
    answer=bytes,
    media_type="text/html",
)
async def page(call: Call[Nothing, Nothing]) -> Answer:
    content = _PAGE.render(Request(call.scope), _document(call))
    return Answer(
        body=content,
        media_type="text/html",
        headers={"Content-Security-Policy": _policy(content)},
    )


def _policy(content: bytes) -> str:
    script = _INLINE_SCRIPT.search(content)
    digest = base64.b64encode(sha256(script[1] if script else b"").digest()).decode()
    return (
        f"default-src 'none'; script-src 'self' 'sha256-{digest}'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


@endpoint(
    "GET",
    "/schema/files/{file}",
    roles=PUBLIC,
    summary="A vendored file of the page",
    tag=TAG,
    answer=bytes,
    media_type="*/*",
)
async def file(call: Call[Nothing, Nothing]) -> Answer:
    name = call.text_parameter["file"]
    if name not in MEDIA_TYPES:
        raise not_found()
    return Answer(body=_vendored(name), media_type=MEDIA_TYPES[name])


HANDLERS: Final = (openapi, page, file)
