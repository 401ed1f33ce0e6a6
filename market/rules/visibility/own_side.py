"""One side's view of a match, an order and its candidates: its own figures, without the other's price and
name."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, Protocol
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from events.clearing_terms import LimitKind, Premium, PriceTerm, TradeReference, Waterfall
from events.forecast_terms import ForecastMark
from events.market_events import MatchStruck
from events.vocabulary import Incoterm, Instant, Period, Place, ProductForm, Side
from market.rules.clearing.pricing import SUSTAINABILITY_KINDS, sustainability
from market.rules.goods import Goods
from market.rules.refusing.ineligibility import Ineligibility, PolicyLine
from market.rules.visibility.explanations import Candidates, MatchExplanation, MatchOutcome, Standing, Verdict
from market.rules.visibility.term_matches import term_of_match
from market.rules.visibility.tickets import Ticket, TicketFigure

PREMIUM_LABELS: dict[LimitKind, str] = {
    "recycled_min": "recycled_content_premium",
    "third_country_max": "origin_premium",
    "limit_price": "portfolio_margin",
}
GROUPS_MIN = 3
"""Counts of counter-orders are shown from this number of groups of companies on; subsidiaries of a group
count once."""
ORDERS_TOLD = 5
"""Of so many orders of one side and group of companies, which have stood longest, a round tells what stands
behind fewer than three groups: each order with another limit is a step towards a single company's figure."""
Withheld = Literal["untaken", "few_groups", "few_rivals", "many_orders", "companies_named"]
"""Why something is not shown: no round has included the order in its current state; fewer than three groups
of companies are behind a round's result, or only one or two compete for it; the order comes after
`ORDERS_TOLD` others, or its terms select certain companies."""


class Weighed(Protocol):
    """A counter-order, its group of companies, and the reasons against it."""

    @property
    def counter_group(self) -> UUID: ...
    @property
    def reasons(self) -> tuple[Ineligibility, ...]: ...


class Guarded(Protocol):
    """An order in a round: whether it singles companies out, and how many of its group's stood before it."""

    @property
    def names_companies(self) -> bool: ...
    @property
    def orders_before(self) -> int: ...


class OwnMatch(Struct, frozen=True, kw_only=True):
    """A match as one side sees it. The other's order and name are shown after both have confirmed."""

    side: Side
    market: UUID
    match: UUID
    plan: UUID
    round: int
    own_order: UUID
    counter_order: UUID | None
    counterparty: UUID | None
    form: ProductForm
    quantity_basis_g: int
    product_wet_g: int
    product_dry_g: int
    packages_thousandths: int
    price_ueur_per_kg: int
    amount_cents_eur: int
    delivery: Period
    incoterm: Incoterm
    place: Place
    reference: TradeReference | None
    confirm_by: Instant
    must_confirm: bool
    forecast: ForecastMark | UnsetType = UNSET


class WaterfallLine(Struct, frozen=True, kw_only=True):
    """From what one side stated down to the price, micro-EUR per kg of basis: the lines add up to it."""

    label: str
    ueur_per_kg: int
    rule: str | None = None
    reason: str | None = None
    inputs: dict[str, str] = {}
    evidence: tuple[str, ...] = ()


class OwnExplanation(Struct, frozen=True, kw_only=True):
    """One side's waterfall: the seller's from its ask, the buyer's from its limit through its own bid.

    `goods`: for the buyer once both have confirmed, since a bill of magnets may tell whose parts they are.
    """

    outcome: MatchOutcome
    match: OwnMatch
    lines: tuple[WaterfallLine, ...]
    surplus_ueur_per_kg: int
    price_ueur_per_kg: int
    ticket: Ticket
    goods: Goods | None = None


class OwnReason(Struct, frozen=True, kw_only=True):
    """A reason with the side's own figure; `counter_orders` is None below three groups of companies.

    `policies`: those of the buyer that require it; a seller sees none.
    """

    code: str
    subject: str | None
    own_figure: str | None
    counter_orders: int | None
    policies: tuple[PolicyLine, ...] = ()


class OwnCandidates(Struct, frozen=True, kw_only=True):
    """Counts of the counter-orders that fit an order, only from the newest completed round at its cut.

    For an order that this round did not include in its current state, `reasons` are only its own and
    `standing` is `withheld`, whoever would fit, since an order can be changed at will. `eligible` is shown
    from three groups of companies on. `forecast`: of the order itself; `eligible_forecast`: how many of those
    that fit are forecast supply.
    """

    market: UUID
    order: UUID
    side: Side
    cut: int
    open_g: int
    standing: Standing
    eligible: int | None
    reasons: tuple[OwnReason, ...]
    withheld: Withheld | None = None
    forecast: ForecastMark | None = None
    eligible_forecast: int | None = None


def own_match(struck: MatchStruck, side: Side, *, confirmed: bool, counterparty: UUID) -> OwnMatch:
    sold, bought = struck.supply, struck.requirement
    other = bought if side == "seller" else sold
    return OwnMatch(
        side=side,
        market=struck.market,
        match=struck.match,
        plan=struck.plan,
        round=struck.round,
        own_order=sold if side == "seller" else bought,
        counter_order=other if confirmed else None,
        counterparty=counterparty if confirmed else None,
        form=struck.form,
        quantity_basis_g=struck.quantity_basis_g,
        product_wet_g=struck.product_wet_g,
        product_dry_g=struck.product_dry_g,
        packages_thousandths=struck.packages_thousandths,
        price_ueur_per_kg=struck.price_ueur_per_kg,
        amount_cents_eur=struck.amount_cents_eur,
        delivery=struck.delivery,
        incoterm=struck.incoterm,
        place=struck.place,
        reference=struck.reference,
        confirm_by=struck.confirm_by,
        must_confirm=struck.seller_must_confirm if side == "seller" else struck.buyer_must_confirm,
        forecast=struck.forecast,
    )


def own_explanation(of: MatchExplanation, organisation: UUID) -> OwnExplanation | None:
    """None for an organisation that is no party of the match."""
    if organisation not in (of.seller, of.buyer):
        return None
    side: Side = "seller" if organisation == of.seller else "buyer"
    confirmed = of.outcome == "confirmed"
    counterparty = of.buyer if side == "seller" else of.seller
    fall = of.waterfall
    if side == "seller":
        lines, surplus = _seller_lines(of), fall.seller_surplus_ueur_per_kg
    else:
        lines, surplus = _buyer_lines(of, confirmed=confirmed), fall.buyer_surplus_ueur_per_kg
    assert sum(line.ueur_per_kg for line in lines) == fall.price_ueur_per_kg
    seen = replace(of.ticket, limit=None) if side == "seller" else replace(of.ticket, ask=None)
    term = term_of_match(of.struck, of.sold, of.bought, side, confirmed=confirmed)
    shows_goods, packed = confirmed or side == "seller", of.ticket.packaging.unit == "piece"
    return OwnExplanation(
        outcome=of.outcome,
        match=own_match(of.struck, side, confirmed=confirmed, counterparty=counterparty),
        lines=lines,
        surplus_ueur_per_kg=surplus,
        price_ueur_per_kg=fall.price_ueur_per_kg,
        ticket=replace(seen, term=term, pieces=seen.pieces if shows_goods or packed else None),
        goods=of.goods if shows_goods else None,
    )


def own_candidates(
    of: Candidates, organisation: UUID, cut: int, taken: Candidates | None
) -> OwnCandidates | None:
    """None for an organisation that does not own the order.

    `cut` is that of the newest completed round, `taken` the order as that round took it: as it stands now.
    """
    if organisation != of.organisation:
        return None
    if of.standing in ("closed", "resting"):
        return _own_candidates(of, cut, standing=of.standing, eligible=0, eligible_forecast=0)
    alone = tuple(_own_reason(each, of.side) for each in of.alone)
    if taken is None:
        return _own_candidates(of, cut, standing="withheld", withheld="untaken", reasons=alone)
    eligible = [verdict for verdict in taken.verdicts if not told(verdict, of.side)]
    ahead = [verdict for verdict in eligible if verdict.counter_forecast]
    kept = guard(taken)
    guarded = bool(taken.verdicts) and kept is not None
    withheld: Withheld | None = None
    if groups(eligible) < GROUPS_MIN and (eligible or guarded):
        withheld = kept or "few_groups"
    found = own_reasons(taken.verdicts, of.side, guarded=guarded)
    known = {(reason.code, reason.subject) for reason in found}
    return _own_candidates(
        of,
        cut,
        standing="withheld" if guarded and withheld else _standing_at_cut(taken, eligible),
        withheld=withheld,
        eligible=None if withheld else len(eligible),
        reasons=(*found, *(each for each in alone if (each.code, each.subject) not in known)),
        eligible_forecast=len(ahead) if groups(ahead) >= GROUPS_MIN or not (ahead or guarded) else None,
    )


def guard(of: Guarded) -> Withheld | None:
    """Why an order gets no information about fewer than three groups of companies, not even after a round."""
    if of.names_companies:
        return "companies_named"
    return "many_orders" if of.orders_before >= ORDERS_TOLD else None


def _own_candidates(
    of: Candidates,
    cut: int,
    *,
    standing: Standing,
    withheld: Withheld | None = None,
    eligible: int | None = None,
    reasons: tuple[OwnReason, ...] = (),
    eligible_forecast: int | None = None,
) -> OwnCandidates:
    return OwnCandidates(
        market=of.market,
        order=of.order,
        side=of.side,
        cut=cut,
        open_g=of.open_g,
        standing=standing,
        eligible=eligible,
        reasons=reasons,
        withheld=withheld,
        forecast=of.forecast,
        eligible_forecast=eligible_forecast,
    )


def _standing_at_cut(taken: Candidates, eligible: Sequence[Verdict]) -> Standing:
    """In whole ticks of the others' prices; `eligible`: too few to tell whether the prices do."""
    if not eligible:
        return taken.standing
    priced = [each for each in eligible if each.gap_bands is not None]
    if groups(priced) < GROUPS_MIN:
        return "eligible"
    dearer = all(each.gap_bands is not None and each.gap_bands > 0 for each in priced)
    return "all_dearer" if dearer else "in_the_money"


def _own_reason(reason: Ineligibility, side: Side) -> OwnReason:
    figure = reason.seller_figure if side == "seller" else reason.buyer_figure
    return OwnReason(code=reason.code, subject=reason.subject, own_figure=figure, counter_orders=None)


def own_reasons(counters: Iterable[Weighed], side: Side, *, guarded: bool) -> tuple[OwnReason, ...]:
    """Every reason that may be shown, with the side's own figure and the number of counter-orders affected.
    `guarded`: only those that affect three groups of companies."""
    against: dict[tuple[str, str, str, tuple[PolicyLine, ...]], list[Weighed]] = {}
    for counter in counters:
        for reason in told(counter, side):
            figure = reason.seller_figure if side == "seller" else reason.buyer_figure
            policies = reason.policies if side == "buyer" else ()
            key = (reason.code, reason.subject or "", figure or "", policies)
            against.setdefault(key, []).append(counter)
    return tuple(
        OwnReason(
            code=code,
            subject=subject or None,
            own_figure=figure or None,
            counter_orders=len(kept_away) if groups(kept_away) >= GROUPS_MIN else None,
            policies=policies,
        )
        for (code, subject, figure, policies), kept_away in sorted(against.items())
        if not guarded or groups(kept_away) >= GROUPS_MIN
    )


def told(counter: Weighed, side: Side) -> tuple[Ineligibility, ...]:
    """The reasons without those decided by the other side's price; for an order closed by its initiatives
    only that it is."""
    closed = tuple(reason for reason in counter.reasons if reason.code == "initiative_closed")
    return closed or tuple(reason for reason in counter.reasons if set(reason.compares_price_of) <= {side})


def groups(counters: Iterable[Weighed]) -> int:
    return len({counter.counter_group for counter in counters})


def _seller_lines(of: MatchExplanation) -> tuple[WaterfallLine, ...]:
    return (
        _stated_line("ask", of.waterfall.ask_ueur_per_kg, of.ticket.ask),
        WaterfallLine(label="surplus", ueur_per_kg=of.waterfall.seller_surplus_ueur_per_kg),
    )


def _buyer_lines(of: MatchExplanation, *, confirmed: bool) -> tuple[WaterfallLine, ...]:
    return (
        _stated_line("limit", of.waterfall.limit_ueur_per_kg, of.ticket.limit),
        *_bid_lines(of.waterfall, confirmed=confirmed),
        WaterfallLine(label="surplus", ueur_per_kg=-of.waterfall.buyer_surplus_ueur_per_kg),
    )


def _stated_line(label: str, ueur_per_kg: int, stated: TicketFigure | None) -> WaterfallLine:
    """With what it is computed from: as stated × exchange rate ÷ kg of basis in a kg of what it is per."""
    if stated is None:
        return WaterfallLine(label=label, ueur_per_kg=ueur_per_kg)
    price, fx = stated.price.stated, stated.price.fx
    inputs = {
        "stated_micro_per_kg": str(price.amount_micro),
        "currency": price.currency,
        "per": price.per,
        "basis_kg_per_kg_ppb": str(stated.basis_ppb),
    }
    if fx is None:
        return WaterfallLine(label=label, ueur_per_kg=ueur_per_kg, inputs=inputs)
    return WaterfallLine(
        label=label,
        ueur_per_kg=ueur_per_kg,
        inputs=inputs | {"exchange_rate_ueur_per_unit": str(fx.value_micro)},
        evidence=(f"input:{fx.position}",),
    )


def _bid_lines(of: Waterfall, *, confirmed: bool) -> Iterator[WaterfallLine]:
    """What the buyer bids above its limit: its terms, then what its portfolio limits make of this lot.

    Before the names: what concerns the goods and their place line by line, S and premiums as one sum. Origin
    chain, footprint, recycled shares and certificates tell who the seller is, and their own amounts would
    tell their figures; so do ids of papers. They come with the names.
    """
    premiums = of.premiums or ()
    if confirmed:
        yield from map(_term_line, of.terms)
        yield from map(premium_line, premiums)
    else:
        yield from _sealed_lines(of.terms, sum(each.ueur_per_kg for each in premiums))


def premium_line(premium: Premium) -> WaterfallLine:
    """For buyer and overseers; which stage and country where it is of one."""
    given = {"stage": premium.stage, "country": premium.country}
    return WaterfallLine(
        label=PREMIUM_LABELS[premium.limit],
        ueur_per_kg=premium.ueur_per_kg,
        inputs={name: value for name, value in given.items() if value is not None},
    )


def _sealed_lines(terms: tuple[PriceTerm, ...], premium: int) -> tuple[WaterfallLine, ...]:
    known = [term for term in terms if term.kind not in SUSTAINABILITY_KINDS]
    lines = [
        replace(line, evidence=tuple(each for each in line.evidence if each.startswith("input:")))
        for line in map(_term_line, known)
    ]
    return (*lines, WaterfallLine(label="sustainability", ueur_per_kg=sustainability(terms) + premium))


def _term_line(term: PriceTerm) -> WaterfallLine:
    return WaterfallLine(
        label=term.kind,
        ueur_per_kg=term.ueur_per_kg,
        rule=term.rule,
        reason=term.reason,
        inputs=term.inputs,
        evidence=term.evidence,
    )
