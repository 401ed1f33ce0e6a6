"""What the routes of supply offers and recovered lots share: views and answers."""

from collections.abc import Awaitable
from typing import Any, Final, Self, TypeAlias
from uuid import UUID

from msgspec import Struct

from events import capacity_terms
from events.callers import Caller
from events.capacity_terms import CapacityRule, passes
from events.decision import Request
from events.desk import Desk
from events.market_events import (
    RecoveredLotAmended,
    RecoveredLotGraded,
    RecoveredLotListed,
    SupplyOfferAmended,
    SupplyOffered,
)
from events.market_terms import SupplyTerms as RecordedTerms
from events.vocabulary import ConvertedPrice, MarketBasis
from market.commands.supplies import SupplyCommands
from market.http.orders import candidates, order_explanations
from market.http.orders.claim_warnings import of_claims
from market.http.orders.conversion import ConversionStep, supply_conversion
from market.http.orders.left_warnings import of_left
from market.http.orders.name_warnings import of_names, of_routes
from market.http.orders.order_explanations import RoundQuery
from market.http.orders.order_lists import entry
from market.http.orders.price_warnings import of_price
from market.http.orders.rex_terms import CoreFigures
from market.http.orders.supply_terms import SupplyTerms
from market.http.orders.tolerance_warnings import of_tolerance
from market.http.wire import screening_warnings
from market.http.wire.endpoint import Answer, Call, DryRun, Nothing, not_found
from market.http.wire.ids import MarketId, OrganisationId, SupplyId, to_text, to_uuid
from market.http.wire.judging import draft_of
from market.http.wire.material import Body, ExchangeRate
from market.http.wire.numbers import KILOGRAMS, SIGNED_EUR_PER_KG, TONNES, DecimalText
from market.http.wire.origin_steps import StepShare
from market.http.wire.patching import patch_of, patched
from market.http.wire.reads import Looking, as_caller, as_desk, own, viewer
from market.http.wire.receipts import Accepted, Done, Result, Warned, done, unless_unread, warned
from market.rules.book import OrderStatus, SupplyOrder
from market.rules.full_origins import steps_of
from market.rules.orders.counting import capacity_cautions
from market.rules.orders.forecast_supply import figure_g
from market.rules.orders.offers import SupplyKind
from market.rules.orders.supplies import stated_cautions
from market.rules.orders.unknown_names import names_any
from market.rules.refusing.wording import Code
from market.rules.visibility.visibility import SealedOrder, see_order
from market.store import markets, supplies
from market.store.supplies import SupplyRow

SupplyPosted: TypeAlias = SupplyOffered | SupplyOfferAmended | RecoveredLotListed | RecoveredLotAmended

PATHS: Final[dict[SupplyKind, str]] = {"offer": "/v1/supply-offers", "lot": "/v1/recovered-lots"}

SupplyPatch: Any = patch_of(
    "SupplyPatch",
    SupplyTerms,
    "Members of an offer or lot that change; each replaces the whole member, what is absent stays.",
)


class PostSupply(SupplyTerms, frozen=True, kw_only=True):
    """Material for sale in a market."""

    market: MarketId


class CountedQuarter(Body, frozen=True, kw_only=True):
    """Tonnes of product, or of `element` in it, when the order's capacity was checked."""

    quarter: str
    element: Code | None
    capacity_t: DecimalText
    committed_t: DecimalText
    asked_t: DecimalText
    exceeded: bool

    @classmethod
    def of(cls, value: capacity_terms.CountedQuarter) -> Self:
        return cls(
            quarter=f"{value.year}-Q{value.quarter}",
            element=value.element,
            capacity_t=TONNES.text(value.capacity_g),
            committed_t=TONNES.text(value.committed_g),
            asked_t=TONNES.text(value.asked_g),
            exceeded=passes(value),
        )


class CapacityView(Body, frozen=True, kw_only=True):
    """The check of the order against its facility's capacity; no quarters: the facility states no such
    capacity."""

    rule: CapacityRule
    quarters: tuple[CountedQuarter, ...]

    @classmethod
    def of(cls, value: capacity_terms.CapacityCount) -> Self:
        return cls(rule=value.rule, quarters=tuple(map(CountedQuarter.of, value.quarters)))


class SupplyView(PostSupply, frozen=True, kw_only=True, tag_field="shown", tag="whole"):
    """An offer or lot in its current state, for its owner, with its stated terms converted: `basis_kg`,
    `ask_eur_per_basis_kg`.

    `rank` is the lane position that gives its time priority; `held_kg` is reserved by open matches,
    `filled_kg` sold. `conversion` shows each step from wet mass to basis and from the ask to EUR per kg of
    basis. `capacity`: the capacity check, in a market that requires one. `forecast_figure_kg`: the forecast
    figure of basis for forecast supply, computed again from its return forecast. `steps`: all steps in its
    lot's passport at posting, if its origin does not state all.
    """

    id: SupplyId
    organisation: OrganisationId
    status: OrderStatus
    version: int
    rank: int
    basis_kg: DecimalText
    available_kg: DecimalText
    held_kg: DecimalText
    filled_kg: DecimalText
    ask_eur_per_basis_kg: DecimalText
    exchange_rate: ExchangeRate | None
    conversion: tuple[ConversionStep, ...]
    core_figures: CoreFigures | None = None
    capacity: CapacityView | None = None
    forecast_figure_kg: DecimalText | None = None
    steps: tuple[StepShare, ...] = ()

    @classmethod
    def of(cls, order: SupplyOrder, basis: MarketBasis) -> Self:
        terms = SupplyTerms.outside(order.terms)
        return cls(
            **{name: getattr(terms, name) for name in SupplyTerms.__struct_fields__},
            id=to_text(order.kind, order.order),
            market=to_text("mkt", order.market),
            organisation=to_text("org", order.organisation),
            status=order.status,
            version=order.version,
            rank=order.rank,
            basis_kg=KILOGRAMS.text(order.terms.basis_g),
            available_kg=KILOGRAMS.text(order.available_g),
            held_kg=KILOGRAMS.text(order.held_g),
            filled_kg=KILOGRAMS.text(order.filled_g),
            ask_eur_per_basis_kg=SIGNED_EUR_PER_KG.text(order.terms.ask.ueur_per_kg),
            exchange_rate=exchange_rate(order.terms.ask),
            conversion=supply_conversion(order.terms, basis),
            core_figures=CoreFigures.of(order.terms.core),
            capacity=None if order.terms.capacity is None else CapacityView.of(order.terms.capacity),
            forecast_figure_kg=KILOGRAMS.text_optional(figure_g(order.terms, basis)),
            steps=tuple(map(StepShare.of, steps_of(order.terms) or ())),
        )


class SupplyAccepted(Accepted, frozen=True, kw_only=True):
    """The accepted order, with its quantity and ask in the market's unit; `id` is null after a dry run."""

    id: SupplyId | None
    version: int | None = None
    basis_kg: DecimalText | None = None
    ask_eur_per_basis_kg: DecimalText | None = None
    exchange_rate: ExchangeRate | None = None


def exchange_rate(price: ConvertedPrice) -> ExchangeRate | None:
    return None if price.fx is None else ExchangeRate.outside(price.fx)


async def warnings_of(on: Looking, fact: SupplyPosted, *, unhurried: bool) -> tuple[Warned, ...]:
    """`unhurried`: no posting waits for it, so its screening and a large order's tolerance are told too."""
    market, terms = fact.market, fact.terms
    named = await of_names(on, market, terms) if names_any(terms) else ()
    routes = await of_routes(on, market, terms, terms.condition) if terms.rex_routes else ()
    left = () if terms.physical_lot is None else await of_left(on, fact.organisation, _order(fact), terms)
    tolerance = await of_tolerance(on, market, terms) if unhurried else ()
    screened = await screening_warnings.of_order(on, market, fact.organisation) if unhurried else ()
    priced = await of_price(on, market, terms)
    stated = warned(stated_cautions(terms))
    of_capacity = () if terms.capacity is None else warned(capacity_cautions(terms))
    claimed = await of_claims(on, market, terms, unhurried=unhurried)
    return *stated, *priced, *claimed, *named, *routes, *left, *tolerance, *screened, *of_capacity


def _order(fact: SupplyPosted) -> UUID:
    return fact.offer if isinstance(fact, SupplyOffered | SupplyOfferAmended) else fact.lot


async def warnings_of_grading(call: Call[Any, DryRun], fact: RecoveredLotGraded) -> tuple[Warned, ...]:
    """Routes of the lot that its new condition keeps every buyer from."""
    return await unless_unread(_of_grading(call, fact))


async def _of_grading(call: Call[Any, DryRun], fact: RecoveredLotGraded) -> tuple[Warned, ...]:
    lane = call.door.desk.lane("market", fact.market).lane
    async with as_desk(call) as connection:
        rows = await supplies.load_orders(connection, [(lane, fact.market, fact.lot)])
    return await of_routes(call.door, fact.market, rows[fact.lot].order.terms, fact.condition)


def _accepted(
    outcome: Done, found: str | None, version: int, terms: RecordedTerms, warnings: tuple[Warned, ...]
) -> SupplyAccepted:
    return SupplyAccepted(
        id=found,
        version=version,
        basis_kg=KILOGRAMS.text(terms.basis_g),
        ask_eur_per_basis_kg=SIGNED_EUR_PER_KG.text(terms.ask.ueur_per_kg),
        exchange_rate=exchange_rate(terms.ask),
        warnings=warnings,
        **outcome.accepted(),
    )


class SupplyDoor(Struct, frozen=True, kw_only=True):
    """What is asked alike of one kind of supply; `posted` and `amended` are its facts."""

    commands: SupplyCommands
    posted: type[SupplyPosted]
    amended: type[SupplyPosted]

    def give(
        self, desk: Desk, caller: Caller, body: PostSupply, *, request: Request | None, dry_run: bool
    ) -> Awaitable[Result]:
        """The command that a body asks for, over HTTP or as a row of a file."""
        return self.commands.post(
            desk, caller, market=to_uuid(body.market), draft=body.draft(), request=request, dry_run=dry_run
        )

    async def judge(self, call: Call[PostSupply, DryRun], body: PostSupply, unread: frozenset[str]) -> None:
        await self.commands.judge(
            call.door.desk, call.caller, market=to_uuid(body.market), draft=draft_of(body, unread)
        )

    async def post(self, call: Call[PostSupply, DryRun]) -> Answer:
        result = await self.give(
            call.door.desk,
            call.caller,
            call.body,
            request=call.idempotent_request(),
            dry_run=call.query.validate_only,
        )
        outcome = done(call, result)
        fact = outcome.fact(self.posted)
        found = outcome.made(self.commands.kind, _order(fact))
        warnings = await warnings_of(call.door, fact, unhurried=call.query.validate_only)
        return outcome.answer(
            _accepted(outcome, found, 1, fact.terms, warnings),
            version=1,
            position=outcome.position,
            location=f"{PATHS[self.commands.kind]}/{found}",
        )

    async def load(self, call: Call[Any, Any]) -> SupplyRow:
        """The order of the path. DoorError `not_found` for one of another kind or another organisation."""
        kind = self.commands.kind
        async with as_caller(call) as connection:
            row = await supplies.load_supply(connection, own(call.caller), call.ids[kind])
        if row is None or row.order.kind != kind:
            raise not_found()
        return row

    async def read(self, call: Call[Any, Any]) -> Answer:
        row = await self.load(call)
        async with as_caller(call) as connection:
            market = await markets.load_market(connection, row.order.market)
            looking = await viewer(call, connection, row.order.market, row.order.organisation)
        match see_order(row.order, looking):
            case SealedOrder() as sealed:
                return Answer(body=entry(self.commands.kind, sealed))
            case SupplyOrder() as order if market is not None:
                view = SupplyView.of(order, market.terms.basis)
                return Answer(body=view, version=order.version, position=row.position)
            case _:
                raise not_found()

    async def amend(self, call: Call[Any, DryRun]) -> Answer:
        row = await self.load(call)
        result = await self.commands.amend(
            call.door.desk,
            call.caller,
            order=row.order.order,
            expected_version=call.expected_version,
            draft=patched(
                SupplyTerms.outside(row.order.terms),
                call.body,
                read=row.order.version,
                expected=call.expected_version,
            ).draft(),
            dry_run=call.query.validate_only,
        )
        outcome = done(call, result)
        fact = outcome.fact(self.amended)
        version, found = call.expected_version + 1, to_text(self.commands.kind, _order(fact))
        warnings = await warnings_of(call.door, fact, unhurried=call.query.validate_only)
        return outcome.answer(
            _accepted(outcome, found, version, fact.terms, warnings),
            version=version,
            position=outcome.position,
        )

    async def withdraw(self, call: Call[Nothing, DryRun]) -> Answer:
        result = await self.commands.withdraw(
            call.door.desk,
            call.caller,
            order=call.ids[self.commands.kind],
            expected_version=call.expected_version,
            dry_run=call.query.validate_only,
        )
        return self.changed(call, done(call, result))

    def changed(self, call: Call[Any, DryRun], outcome: Done, warnings: tuple[Warned, ...] = ()) -> Answer:
        """Of a change that leaves quantity and ask as they were."""
        kind, version = self.commands.kind, call.expected_version + 1
        body = SupplyAccepted(
            id=to_text(kind, call.ids[kind]), version=version, warnings=warnings, **outcome.accepted()
        )
        return outcome.answer(body, version=version, position=outcome.position)

    async def candidates(self, call: Call[Nothing, Nothing]) -> Answer:
        return await candidates.answer(call, self.commands.kind, (await self.load(call)).order)

    async def explanation(self, call: Call[Nothing, RoundQuery]) -> Answer:
        return await order_explanations.answer(call, self.commands.kind, (await self.load(call)).order)
