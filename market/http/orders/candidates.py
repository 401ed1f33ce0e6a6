"""Which counter-orders fit an order, and why others do not: only the order's own side, through
`rules.visibility`."""

from datetime import datetime
from functools import partial
from typing import Any, Final, Literal

from events.market_events import ClearingPlanned
from events.vocabulary import Side
from market.http.orders.forecast_terms import ForecastMark
from market.http.orders.policy_lines import NamedPolicy
from market.http.wire import rounds
from market.http.wire.endpoint import Answer, Call, not_found
from market.http.wire.ids import MarketId, to_text
from market.http.wire.loading import RATE, BookLoads
from market.http.wire.material import Body
from market.http.wire.numbers import KILOGRAMS, SIGNED_EUR_PER_KG, DecimalText
from market.http.wire.reads import as_caller, viewer
from market.rules.book import Book, rule_set_at
from market.rules.clearing.eligibility import facts_of
from market.rules.refusing.ineligibility import Ineligibility
from market.rules.refusing.reason_sentences import told
from market.rules.refusing.refusals import RuleSetMissing
from market.rules.viewers import OrganisationViewer, Viewer
from market.rules.visibility import explanations
from market.rules.visibility.explanations import Candidates, Order, Standing, Verdict, closed_order
from market.rules.visibility.own_side import ORDERS_TOLD, OwnCandidates, OwnReason, Withheld
from market.rules.visibility.visibility import see_candidates
from market.store import clearings, markets

FOUND: Final = f"To its owner as the newest completed round found it, at that round's cut. {RATE}"
UNTAKEN: Final = (
    "No completed round has taken the order as it stands, so nothing is told yet of those that may fit it, "
    "nor whether anybody is there: the next round tells. What the last round found, a question "
    "(POST /v1/quotes) tells before that, from three groups of companies on."
)
FEW_GROUPS: Final = (
    "As far as may be told somebody fits, but fewer than three groups of companies stand behind them: so how "
    "many fit, and how near their prices are, is not told, unless the next round finds more."
)
COMPANIES_NAMED: Final = (
    "Fewer than three groups of companies fit, or nobody does. Which of both, and what keeps away fewer than "
    "three, is never told of an order that excludes companies."
)
MANY_ORDERS: Final = (
    "Fewer than three groups of companies fit, or nobody does. Which of both, and what keeps away fewer than "
    f"three, a round tells of {ORDERS_TOLD} orders of one side and group of companies: those that have stood "
    "longest."
)
FEW_RIVALS: Final = (
    "One or two other groups of companies compete for what fits: whether the order would have traded, how "
    "much and how near it was, would tell their prices, so it is not told."
)
TEXTS: Final[dict[Withheld, str]] = {
    "untaken": UNTAKEN,
    "few_groups": FEW_GROUPS,
    "few_rivals": FEW_RIVALS,
    "many_orders": MANY_ORDERS,
    "companies_named": COMPANIES_NAMED,
}


class ReasonView(Body, frozen=True, kw_only=True):
    """Why counter-orders do not fit, as a sentence and with one's own figure, and the `policies` that require
    it.

    `counter_orders` is shown if they come from at least three groups of companies.
    """

    code: str
    text: str
    subject: str | None
    own_figure: str | None
    counter_orders: int | None
    policies: tuple[NamedPolicy, ...] = ()


class WithheldView(Body, frozen=True, kw_only=True):
    """Why figures are null: a rule of the market, not a fault of the order.

    `until`: the next completed round may show them; null: they are never shown while the order excludes
    companies.
    """

    code: Withheld
    text: str
    until: Literal["next_round"] | None

    @classmethod
    def of(cls, code: Withheld | None, text: str | None = None) -> "WithheldView | None":
        if code is None:
            return None
        until: Literal["next_round"] | None = None if code == "companies_named" else "next_round"
        return cls(code=code, text=text or TEXTS[code], until=until)


class VerdictView(Body, frozen=True, kw_only=True):
    """One counter-order, for auditors and operators; values only of orders that a cut has included."""

    counter_order: str
    reasons: tuple[str, ...]
    value_eur_per_kg: DecimalText | None
    gap_ticks: int | None
    forecast: bool = False


class CandidatesView(Body, frozen=True, kw_only=True):
    """The standing of an order.

    `closed`: it has left the book, has nothing left to trade, or its validity is over. `resting`: it is
    subject to confirmation, and its owner's group of companies has declined or let lapse two matches within
    90 days: it is not eligible until it is amended to firm, or until `firm_only_until` of the market's
    failings. For its owner, everything else is from the newest completed round at its cut (`as_of_position`),
    including the order itself, and does not change until the next round. For an order that this round did not
    include in its current state (new or amended since), `standing` is `withheld`, whoever would fit, and
    `reasons` depend only on the order's own papers and figures. `eligible` is shown if at least three groups
    of companies fit. `withheld` says what is not shown, and until when. Operators and auditors see the
    current market, with `verdicts`; `as_of_position` is then the lane position of the book. `forecast`: the
    order itself is forecast supply; `eligible_forecast`: how many of the eligible ones are, shown as
    `eligible` is.
    """

    market: MarketId
    order: str
    side: Side
    as_of_position: int
    open_kg: DecimalText
    standing: Standing
    eligible: int | None
    reasons: tuple[ReasonView, ...]
    verdicts: tuple[VerdictView, ...] = ()
    forecast: ForecastMark | None = None
    eligible_forecast: int | None = None
    withheld: WithheldView | None = None


async def answer(call: Call[Any, Any], prefix: str, order: Order) -> Answer:
    """For an order that the caller may see, also when it has left the book."""
    async with as_caller(call) as connection:
        looking = await viewer(call, connection, order.market, order.organisation)
        row = await markets.load_market(connection, order.market)
        own_side = isinstance(looking, OrganisationViewer)
        newest = await clearings.load_completed(connection, order.market) if own_side else None
    if row is None:
        raise not_found()
    loads: BookLoads = call.state.loads
    if order.status != "open":
        body = _view(see_candidates(closed_order(order, row.position), looking), prefix)
    else:
        book = await loads.load(call.door.reader, order.market, at_least=row.position)
        if book is None:
            raise not_found()
        at_cut = None if newest is None else (await rounds.book_at_cut(call, newest), newest.planned)
        body = await loads.work(partial(_body, book, at_cut, order, prefix, looking, call.door.clock()))
    if body is None:
        raise not_found()
    return Answer(body=body)


def _body(
    book: Book,
    at_cut: tuple[Book, ClearingPlanned] | None,
    order: Order,
    prefix: str,
    looking: Viewer,
    now: datetime,
) -> CandidatesView | None:
    """Raises RuleSetMissing."""
    rule_set = rule_set_at(book.rule_sets, now)
    if rule_set is None:
        raise RuleSetMissing
    own = book.supplies.get(order.order) or book.requirements.get(order.order)
    if own is None:  # it left the book after it was read
        return _view(see_candidates(closed_order(order, book.position), looking), prefix)
    facts = facts_of(book, rule_set, now)
    if isinstance(looking, OrganisationViewer):
        taken = None if at_cut is None else explanations.as_taken(own, *at_cut)
        return _view(see_candidates(explanations.by_itself(book, facts, own), looking, taken), prefix)
    found = explanations.candidates(book, facts, order.order)
    assert found is not None
    return _view(see_candidates(found, looking), prefix)


def _view(seen: Candidates | OwnCandidates | None, prefix: str) -> CandidatesView | None:
    if seen is None:
        return None
    market, open_kg = to_text("mkt", seen.market), KILOGRAMS.text(seen.open_g)
    order = f"{prefix}_{seen.order.hex}"
    if isinstance(seen, OwnCandidates):
        return CandidatesView(
            market=market,
            order=order,
            side=seen.side,
            as_of_position=seen.cut,
            open_kg=open_kg,
            standing=seen.standing,
            eligible=seen.eligible,
            reasons=tuple(map(reason_view, seen.reasons)),
            forecast=ForecastMark.of(seen.forecast),
            eligible_forecast=seen.eligible_forecast,
            withheld=WithheldView.of(seen.withheld),
        )
    return CandidatesView(
        market=market,
        order=order,
        side=seen.side,
        as_of_position=seen.at_position,
        open_kg=open_kg,
        standing=seen.standing,
        eligible=sum(not verdict.reasons for verdict in seen.verdicts),
        reasons=(),
        verdicts=tuple(_verdict(verdict, seen.side) for verdict in seen.verdicts),
        forecast=ForecastMark.of(seen.forecast),
        eligible_forecast=sum(not each.reasons and each.counter_forecast for each in seen.verdicts),
    )


def reason_view(reason: OwnReason) -> ReasonView:
    return ReasonView(
        code=reason.code,
        text=told(reason.code, reason.subject),
        subject=reason.subject,
        own_figure=reason.own_figure,
        counter_orders=reason.counter_orders,
        policies=tuple(map(NamedPolicy.outside, reason.policies)),
    )


def _verdict(verdict: Verdict, side: Side) -> VerdictView:
    prefix = "req" if side == "seller" else "offer"
    reasons: tuple[Ineligibility, ...] = verdict.reasons
    return VerdictView(
        counter_order=f"{prefix}_{verdict.counter_order.hex}",
        reasons=tuple(map(str, reasons)),
        value_eur_per_kg=SIGNED_EUR_PER_KG.text_optional(verdict.value_ueur_per_kg),
        gap_ticks=verdict.gap_bands,
        forecast=verdict.counter_forecast,
    )
