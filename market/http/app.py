"""The door: a Litestar app of declared endpoints, wrapped in what every answer needs."""

from collections.abc import Iterator, Sequence
from time import perf_counter
from typing import Any, Final

from litestar import Litestar
from litestar.datastructures import State
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from market.http.agreements import (
    agreement_history,
    agreement_steps,
    agreements,
    assays,
    contests,
    deliveries,
    indices,
    invoice_references,
    invoice_totals,
    lot_returns,
    nominations,
    non_arrivals,
    open_contests,
    own_ageing,
    own_deliveries,
    own_invoices,
    own_nominations,
    own_payments,
    payments,
    settlements,
    statements,
    weighings,
)
from market.http.files import import_reports, imports
from market.http.materials import (
    crma,
    crma_statement,
    declared_volumes,
    initiative_figures,
    labels,
    lineage,
    passport_exports,
    passport_reads,
    passports,
    product_twins,
    returns,
    rex_routes,
    transformations,
    twins,
)
from market.http.orders import order_explanations, policies, recovered_lots, requirements, supply_offers
from market.http.parties import (
    closings,
    facilities,
    initiatives,
    keys,
    organisations,
    papers,
    partners,
    whoami,
)
from market.http.proofs import agreement_proofs, audit_runs, checkpoints, match_proofs, receipt_proofs
from market.http.rounds import (
    book,
    clearings,
    failings,
    funnel,
    halts,
    inputs,
    markets,
    matches,
    members,
    quotes,
    rehearsals,
    rule_sets,
)
from market.http.streams import feed, streams, webhook_healths, webhook_messages, webhooks
from market.http.wire import documents, health
from market.http.wire.access import PUBLIC
from market.http.wire.door import Door
from market.http.wire.endpoint import Answer, Call, Endpoint, Nothing, Route, endpoint
from market.http.wire.loading import BookLoads
from market.http.wire.logs import Trace, begin_trace, canonical_lines, write_line, write_unhandled
from market.http.wire.problems import exception_to_response
from market.http.wire.rounds import RoundBooks
from market.http.wire.routing import WholePaths, of_litestar
from market.http.wire.statuses import unmapped

HANDLERS: Final[tuple[Route, ...]] = (
    *initiatives.HANDLERS,
    *partners.HANDLERS,
    *initiative_figures.HANDLERS,
    *policies.HANDLERS,
    *organisations.HANDLERS,
    *closings.HANDLERS,
    *facilities.HANDLERS,
    *papers.HANDLERS,
    *keys.HANDLERS,
    *whoami.HANDLERS,
    *streams.HANDLERS,
    *feed.HANDLERS,
    *webhooks.HANDLERS,
    *webhook_messages.HANDLERS,
    *webhook_healths.HANDLERS,
    *markets.HANDLERS,
    *halts.HANDLERS,
    *members.HANDLERS,
    *failings.HANDLERS,
    *inputs.HANDLERS,
    *rule_sets.HANDLERS,
    *rehearsals.HANDLERS,
    *supply_offers.HANDLERS,
    *recovered_lots.HANDLERS,
    *requirements.HANDLERS,
    *matches.HANDLERS,
    *agreement_proofs.HANDLERS,
    *match_proofs.HANDLERS,
    *receipt_proofs.HANDLERS,
    *checkpoints.HANDLERS,
    *audit_runs.HANDLERS,
    *agreements.HANDLERS,
    *agreement_steps.HANDLERS,
    *agreement_history.HANDLERS,
    *contests.HANDLERS,
    *open_contests.HANDLERS,
    *deliveries.HANDLERS,
    *assays.HANDLERS,
    *weighings.HANDLERS,
    *own_deliveries.HANDLERS,
    *non_arrivals.HANDLERS,
    *lot_returns.HANDLERS,
    *passports.HANDLERS,
    *passport_reads.HANDLERS,
    *labels.HANDLERS,
    *passport_exports.HANDLERS,
    *lineage.HANDLERS,
    *transformations.HANDLERS,
    *product_twins.HANDLERS,
    *twins.HANDLERS,
    *crma.HANDLERS,
    *crma_statement.HANDLERS,
    *rex_routes.HANDLERS,
    *declared_volumes.HANDLERS,
    *returns.HANDLERS,
    *settlements.HANDLERS,
    *own_invoices.HANDLERS,
    *invoice_totals.HANDLERS,
    *invoice_references.HANDLERS,
    *own_ageing.HANDLERS,
    *payments.HANDLERS,
    *own_payments.HANDLERS,
    *indices.HANDLERS,
    *imports.HANDLERS,
    *import_reports.HANDLERS,
    *nominations.HANDLERS,
    *own_nominations.HANDLERS,
    *statements.HANDLERS,
    *funnel.HANDLERS,
    *clearings.HANDLERS,
    *order_explanations.HANDLERS,
    *quotes.HANDLERS,
    *book.HANDLERS,
    *health.HANDLERS,
    *documents.HANDLERS,
)

SECURITY_HEADERS: Final = ((b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer"))


def create_app(door: Door) -> Litestar:
    """The app; a server needs its `asgi_handler` alone.

    RuntimeError when a route declares no roles or a refusal has no status.
    """
    check_declared(HANDLERS)
    if missing := unmapped():
        raise RuntimeError(f"refusals without an HTTP status in statuses.py: {', '.join(missing)}")
    routes = (*options_handlers(declared(HANDLERS)), *HANDLERS)
    app = Litestar(
        route_handlers=tuple(map(of_litestar, routes)),
        exception_handlers={Exception: exception_to_response},
        state=state_of(door),
        openapi_config=None,
        logging_config=None,
        debug=False,
    )
    app.asgi_handler = Outermost(app, WholePaths(routes, app.asgi_handler), door)
    return app


def state_of(door: Door) -> State:
    """All that the app remembers: nothing of it is kept elsewhere."""
    return State(
        {
            "door": door,
            "endpoints": declared(HANDLERS),
            "books": book.KeptBooks(),
            "loads": BookLoads(),
            "probe": health.Probe(),
            "round_books": RoundBooks(),
        }
    )


def options_handlers(endpoints: Sequence[Endpoint]) -> Iterator[Route]:
    """Every path answers OPTIONS with the methods it takes."""
    methods: dict[str, list[str]] = {}
    for known in endpoints:
        methods.setdefault(known.path, ["HEAD", "OPTIONS"]).append(known.method)
    for path, allowed in methods.items():
        if "GET" not in allowed:
            allowed.remove("HEAD")
        yield _options(path, ", ".join(sorted(allowed)))


def _options(path: str, allow: str) -> Route:
    @endpoint("OPTIONS", path, roles=PUBLIC, summary="Methods of this resource", tag="Methods", status=204)
    async def options(_call: Call[Nothing, Nothing]) -> Answer:
        return Answer(headers={"Allow": allow})

    return options


def declared(handlers: Sequence[Route]) -> tuple[Endpoint, ...]:
    return tuple(handler.declared for handler in handlers)


def check_declared(handlers: Sequence[object]) -> None:
    """RuntimeError naming every route that was not made by `endpoint`, and so declares no roles."""
    bare = [str(handler) for handler in handlers if not isinstance(handler, Route)]
    if bare:
        raise RuntimeError(f"handlers without declared roles: {', '.join(bare)}")


class Outermost:
    """Around every route and every failed routing: canonical line, metrics, HEAD, request id, rate fields.

    It may be given to the server in the app's place, whose own part of a call is to say which app it is.
    """

    def __init__(self, litestar: Litestar, app: ASGIApp, door: Door) -> None:
        self._litestar = litestar
        self._app = app
        self._door = door
        self._lines = canonical_lines()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        scope["app"] = scope["litestar_app"] = self._litestar
        trace = begin_trace(scope, self._door.new_id())
        if trace.method == "HEAD":
            trace.head = True
            scope = {**scope, "method": "GET"}  # the server's own stays: it knows that no body follows
        try:
            await self._app(scope, receive, _Answering(trace, send))
        except Exception as error:  # noqa: BLE001 - nothing leaves the door unlogged
            write_unhandled(trace, error)
        finally:
            seconds = perf_counter() - started
            trace.duration_us = int(seconds * 1_000_000)
            write_line(self._lines, trace)
            method = "HEAD" if trace.head else trace.method
            self._door.metrics.answered(method, trace.route, trace.status, seconds, trace.codes)


class _Answering:
    """`send`, with the fields of every answer; a HEAD's body is left out, its fields stay."""

    __slots__ = ("_send", "_trace")

    def __init__(self, trace: Trace, send: Any) -> None:
        self._trace = trace
        self._send = send

    async def __call__(self, message: Any) -> None:
        trace = self._trace
        if message["type"] == "http.response.start":
            trace.status = message["status"]
            message["headers"] = [
                *message.get("headers", []),
                *SECURITY_HEADERS,
                (b"x-request-id", trace.request_id.encode()),
                *trace.rate_limit,
            ]
        elif message["type"] == "http.response.body":
            if trace.head:
                message = {**message, "body": b""}
            trace.bytes_out += len(message.get("body", b""))
        await self._send(message)
