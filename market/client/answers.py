"""Answers about orders and matches, as far as partners need them; other members are ignored, so that new ones
break nothing.

Ids are texts. Figures are exact decimals in the unit that the name states. Enum values are plain texts, so
that a new one is no error.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

from msgspec import Struct


class Receipt(Struct, frozen=True, kw_only=True):
    """One event of the record: its place in the lane and the SHA-256 of its bytes. Keep it."""

    event: str
    type: str
    stream: str
    lane: int
    position: int
    event_sha256: str
    time: datetime


class Warned(Struct, frozen=True, kw_only=True):
    """A warning about something unusual that was accepted; `pointer` into the body."""

    code: str
    detail: str
    pointer: str


class Accepted(Struct, frozen=True, kw_only=True):
    """After a dry run there are no receipts, and `would_record` names the types instead."""

    receipts: tuple[Receipt, ...] = ()
    warnings: tuple[Warned, ...] = ()
    validated_only: bool = False
    would_record: tuple[str, ...] = ()


class ExchangeRate(Struct, frozen=True, kw_only=True):
    """EUR for one unit of the currency `code`, and where the market's lane holds that rate."""

    code: str
    eur_per_unit: Decimal
    position: int


class NamedPolicy(Struct, frozen=True, kw_only=True):
    policy: str
    version: int


class EffectiveLine(Struct, frozen=True, kw_only=True):
    """An effective line of a requirement: stated by itself (`own`), or by `policies`."""

    line: str
    subject: str | None
    figure: str | None
    own: bool
    policies: tuple[NamedPolicy, ...]


class SupplyAccepted(Accepted, frozen=True, kw_only=True):
    """`id` is null after a dry run."""

    id: str | None = None
    version: int | None = None
    basis_kg: Decimal | None = None
    ask_eur_per_basis_kg: Decimal | None = None
    exchange_rate: ExchangeRate | None = None


class RequirementAccepted(Accepted, frozen=True, kw_only=True):
    id: str | None = None
    version: int | None = None
    basis_kg: Decimal | None = None
    limit_eur_per_basis_kg: Decimal | None = None
    exchange_rate: ExchangeRate | None = None
    effective_lines: tuple[EffectiveLine, ...] = ()


class MatchAccepted(Accepted, frozen=True, kw_only=True):
    """`confirmed`: both sides have."""

    id: str
    confirmed: bool


class Halt(Struct, frozen=True, kw_only=True):
    since: datetime
    reason: str


class Market(Struct, frozen=True, kw_only=True):
    """`halted`: it takes no orders and plans no round; orders may be withdrawn and matches answered."""

    id: str
    name: str
    basis: str
    sandbox: bool
    clearing_interval_seconds: int
    confirmation_seconds: int
    tick_eur_per_kg: Decimal
    last_round: int
    open_plan: str | None
    halted: Halt | None = None


class Failings(Struct, frozen=True, kw_only=True):
    """Failings in the last 90 days. `firm_only_until`: until then its group may only post firm orders."""

    organisation: str
    group: str
    failings: int
    group_failings: int
    firm_only_until: datetime | None


class Place(Struct, frozen=True, kw_only=True):
    country: str
    name: str


class Price(Struct, frozen=True, kw_only=True):
    """`per`: what the kilogram refers to."""

    amount: Decimal
    currency: str
    per: str


class Window(Struct, frozen=True, kw_only=True):
    """Half-open."""

    start: datetime
    end: datetime


class Supply(Struct, frozen=True, kw_only=True):
    """An own offer or lot in its current state; `version` is the one to state when amending or
    withdrawing."""

    id: str
    market: str
    organisation: str
    status: str
    version: int
    form: str
    net_wet_t: Decimal
    moisture_percent: Decimal
    ask: Price
    place: Place
    incoterm: str
    commitment: str
    valid_until: datetime
    facility: str
    basis_kg: Decimal
    available_kg: Decimal
    held_kg: Decimal
    filled_kg: Decimal
    ask_eur_per_basis_kg: Decimal
    exchange_rate: ExchangeRate | None


class Requirement(Struct, frozen=True, kw_only=True):
    """An own requirement in its current state."""

    id: str
    market: str
    organisation: str
    status: str
    version: int
    limit: Price
    window: Window
    place: Place
    facility: str
    commitment: str
    valid_until: datetime
    basis_kg: Decimal
    available_kg: Decimal
    held_kg: Decimal
    filled_kg: Decimal
    limit_eur_per_basis_kg: Decimal
    exchange_rate: ExchangeRate | None
    effective_lines: tuple[EffectiveLine, ...]


class OrderEntry(Struct, frozen=True, kw_only=True):
    """An order in a list. `sealed`: another's, of which no more is shown."""

    id: str
    market: str
    organisation: str
    basis_kg: Decimal
    sealed: bool
    status: str | None = None
    version: int | None = None
    forms: tuple[str, ...] = ()
    available_kg: Decimal | None = None
    held_kg: Decimal | None = None
    filled_kg: Decimal | None = None
    price_eur_per_basis_kg: Decimal | None = None
    commitment: str | None = None
    valid_until: datetime | None = None


class Reason(Struct, frozen=True, kw_only=True):
    """Why counter-orders do not fit, and under which policies; `counter_orders`: how many."""

    code: str
    text: str
    subject: str | None
    own_figure: str | None
    counter_orders: int | None
    policies: tuple[NamedPolicy, ...] = ()


class Withheld(Struct, frozen=True, kw_only=True):
    """Why figures are null, and whether the next completed round may show them (`next_round`) or never."""

    code: str
    text: str
    until: str | None = None


class Candidates(Struct, frozen=True, kw_only=True):
    """The standing of an order at the cut of the newest completed round, if that included it in its current
    state."""

    market: str
    order: str
    side: str
    as_of_position: int
    open_kg: Decimal
    standing: str
    eligible: int | None
    reasons: tuple[Reason, ...]
    withheld: Withheld | None = None


class OrderInRound(Struct, frozen=True, kw_only=True):
    """The result of an order in a round."""

    market: str
    clearing: str
    round: int
    order: str
    side: str
    outcome: str
    brought_kg: Decimal
    filled_kg: Decimal
    surplus_eur_per_kg: Decimal
    marginal: bool
    why: str | None = None
    eligible: int | None = None
    three_groups_ticks: int | None = None
    reasons: tuple[Reason, ...] = ()
    withheld: Withheld | None = None


class Line(Struct, frozen=True, kw_only=True):
    """One step from the own limit or ask to the price."""

    label: str
    eur_per_kg: Decimal
    rule: str | None = None
    reason: str | None = None
    inputs: dict[str, str] = {}
    evidence: tuple[str, ...] = ()


class TicketLine(Struct, frozen=True, kw_only=True):
    label: str
    text: str


class Explanation(Struct, frozen=True, kw_only=True):
    lines: tuple[Line, ...]
    surplus_eur_per_kg: Decimal
    ticket: tuple[TicketLine, ...]


class Counterparty(Struct, frozen=True, kw_only=True):
    """Shown after both sides have confirmed."""

    organisation: str
    name: str
    country: str


class MatchTerm(Struct, frozen=True, kw_only=True):
    """Deliveries over years at the index plus this differential; the last member is the differential for a
    year's quantity at plateau."""

    index: str
    start_year: int
    years: int
    quotation_period: str | None
    profile_percent: tuple[str, ...] | None
    profile_tolerance_percent: Decimal | None
    floor_eur_per_kg: Decimal | None
    differential_eur_per_kg: Decimal
    plateau_year_differential_eur: Decimal


class Match(Struct, frozen=True, kw_only=True):
    """`explanation` comes with the round's evidence, a moment after the match.

    With a `term`, price and amount are a differential to its index.
    """

    id: str
    market: str
    plan: str
    round: int
    status: str
    form: str
    quantity_basis_kg: Decimal
    product_wet_t: Decimal
    product_dry_t: Decimal
    price_eur_per_kg: Decimal
    amount_eur: Decimal
    delivery: Window
    incoterm: str
    place: Place
    confirm_by: datetime
    side: str | None = None
    must_confirm: bool | None = None
    own_answer: str | None = None
    own_order: str | None = None
    counter_order: str | None = None
    counterparty: Counterparty | None = None
    explanation: Explanation | None = None
    term: MatchTerm | None = None


class Band(Struct, frozen=True, kw_only=True):
    low: Decimal
    high: Decimal


class Removed(Struct, frozen=True, kw_only=True):
    """The rule by which a round leaves an order out, and its sentence."""

    code: str
    text: str


class QuoteAnswer(Struct, frozen=True, kw_only=True):
    """What the order would have got in the last round; `three_groups_ticks`: its distance from trades of
    three groups of companies."""

    clearing: str
    round: int
    side: str
    present: bool
    would_trade: bool | None
    quantity_kg: Band | None
    price_eur_per_kg: Band | None
    why: str | None
    removed: Removed | None
    eligible: int | None
    three_groups_ticks: int | None
    reasons: tuple[Reason, ...]
    withheld: Withheld | None = None


class Quote(Accepted, frozen=True, kw_only=True):
    market: str
    asked_at: datetime | None = None
    answer: QuoteAnswer | None = None


class Stream(Struct, frozen=True, kw_only=True):
    """The organisation's Kafka topic, and whether it is open."""

    organisation: str
    topic: str
    open: bool


class StreamAccepted(Accepted, frozen=True, kw_only=True):
    topic: str


class FeedEvent(Struct, frozen=True, kw_only=True):
    """A CloudEvent. `cursor` continues after it; `stream`, `lane` and `position` are the place of an own
    event in the record."""

    id: str
    type: str
    subject: str
    time: datetime
    cursor: str
    data: Any
    stream: str | None = None
    lane: int | None = None
    position: int | None = None
