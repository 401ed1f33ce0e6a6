"""A match as a party, or an operator or auditor, may see it: figures in trader's units, waterfall, ticket."""

from collections.abc import Iterable
from datetime import date
from typing import Any, Literal

from msgspec import field

from events.clearing_terms import PriceTerm, TradeReference
from events.market_events import MatchStruck
from events.market_terms import Member
from events.vocabulary import ConditionGrade, Incoterm, Instant, ProductForm, RexRoute, Side
from market.http.orders.forecast_terms import ForecastMark
from market.http.orders.rex_terms import Core, CoreFigures, StepDown, WholeMagnets
from market.http.wire.ids import MarketId, MatchId, OrganisationId, PlanId, RequirementId, SupplyId, to_text
from market.http.wire.material import Body, ExchangeRate, NamedPlace, Price, Term, Window
from market.http.wire.numbers import EUR_CENTS, KILOGRAMS, PIECES, SIGNED_EUR_PER_KG, TONNES, DecimalText
from market.http.wire.term_inputs import in_traders_units
from market.rules.book import OpenMatch
from market.rules.goods import Goods
from market.rules.matches import MatchStatus
from market.rules.visibility.explanations import MatchExplanation
from market.rules.visibility.own_side import OwnExplanation, WaterfallLine, premium_line
from market.rules.visibility.term_matches import TermOfMatch
from market.rules.visibility.tickets import Ticket, ticket_lines
from market.store.matches import MatchRow

Given = Literal["confirmed", "declined"]


class ReferenceView(Body, frozen=True, kw_only=True):
    """The dated reference price with which a trade is compared, as stated and per kg of basis."""

    code: str
    price: Price
    as_of: date
    eur_per_basis_kg: DecimalText
    exchange_rate: ExchangeRate | None
    position: int

    @classmethod
    def of(cls, value: TradeReference) -> "ReferenceView":
        return cls(
            code=value.code,
            price=Price.outside(value.price),
            as_of=value.as_of,
            eur_per_basis_kg=SIGNED_EUR_PER_KG.text(value.ueur_per_kg),
            exchange_rate=None if value.fx is None else ExchangeRate.outside(value.fx),
            position=value.position,
        )


class Counterparty(Body, frozen=True, kw_only=True):
    """The counterparty, shown after both have confirmed."""

    organisation: OrganisationId
    name: str
    country: str


class Ending(Body, frozen=True, kw_only=True):
    """Why a match ended without a trade: who declined and for which reasons, or who stayed silent."""

    declined_by: tuple[Side, ...] = ()
    silent: tuple[Side, ...] = ()
    reasons: tuple[str, ...] = ()


class WaterfallLineView(Body, frozen=True, kw_only=True):
    """One line of a waterfall, per kg of basis; `inputs` in the units that their names state.

    The amount of `ask` and `limit` is the stated price × exchange rate ÷ `basis_kg_per_kg` (kg of basis in
    one kg of its denominator), asks rounded up, limits down. For `carbon`, the effective footprint is shown
    in whole grams, rounded up, while the amount uses the exact one: for an unverified footprint, the
    benchmark minus `self_declared_improvement_percent` of the improvement over it.
    """

    label: str
    eur_per_kg: DecimalText
    rule: str | None = None
    reason: str | None = None
    inputs: dict[str, str] = field(default_factory=dict)
    evidence: tuple[str, ...] = ()


class TicketLine(Body, frozen=True, kw_only=True):
    label: str
    text: str


class ExplanationView(Body, frozen=True, kw_only=True):
    """One's own side, line by line down to the price; `surplus` is one's own gain."""

    lines: tuple[WaterfallLineView, ...]
    surplus_eur_per_kg: DecimalText
    ticket: tuple[TicketLine, ...]


class WholeView(Body, frozen=True, kw_only=True):
    """Both sides, for operators and auditors: limit + terms − ask = value.

    Value and premiums, of buyers with portfolio limits, are the seller's + the buyer's surplus.
    """

    seller: OrganisationId
    buyer: OrganisationId
    limit_eur_per_kg: DecimalText
    terms: tuple[WaterfallLineView, ...]
    ask_eur_per_kg: DecimalText
    value_eur_per_kg: DecimalText
    seller_surplus_eur_per_kg: DecimalText
    buyer_surplus_eur_per_kg: DecimalText
    ticket: tuple[TicketLine, ...]
    premiums: tuple[WaterfallLineView, ...] = ()


class GoodsView(Body, frozen=True, kw_only=True):
    """What a recovered lot states in addition to its material: condition, offered routes and why no higher
    one, the bill of magnets and disassembly steps of its cores, whole magnets."""

    rex_routes: tuple[RexRoute, ...]
    condition: ConditionGrade | None
    step_down: StepDown | None
    core: Core | None
    core_figures: CoreFigures | None
    magnets: WholeMagnets | None

    @classmethod
    def of(cls, value: Goods | None) -> "GoodsView | None":
        if value is None:
            return None
        return cls(
            rex_routes=value.rex_routes,
            condition=value.condition,
            step_down=StepDown.outside(value.step_down),
            core=Core.outside(value.core),
            core_figures=CoreFigures.of(value.core),
            magnets=WholeMagnets.outside(value.magnets),
        )


class TermView(Body, frozen=True, kw_only=True):
    """A match for deliveries over years: the price is the index plus, per kg of basis, the differential.

    `plateau_year_differential_eur` is that for the match's quantity, which is a contract year's at plateau.
    Profile, tolerance and floor are one's own, and after both have confirmed those of the contract: the
    buyer's profile, the smaller tolerance, the seller's floor. They are null, like the quotation period, if
    an order was amended in them since the match.
    """

    index: str
    start_year: int
    years: int
    quotation_period: str | None
    profile_percent: tuple[str, ...] | None
    profile_tolerance_percent: DecimalText | None
    floor_eur_per_kg: DecimalText | None
    differential_eur_per_kg: DecimalText
    plateau_year_differential_eur: DecimalText

    @classmethod
    def of(cls, struck: MatchStruck, value: TermOfMatch) -> "TermView":
        stated = None if value.horizon is None else Term.outside(value.horizon)
        return cls(
            index=value.index,
            start_year=value.start_year,
            years=value.years,
            quotation_period=None if stated is None else stated.quotation_period,
            profile_percent=None if stated is None else stated.profile_percent,
            profile_tolerance_percent=None if stated is None else stated.profile_tolerance_percent,
            floor_eur_per_kg=None if stated is None else stated.floor_eur_per_kg,
            differential_eur_per_kg=SIGNED_EUR_PER_KG.text(struck.price_ueur_per_kg),
            plateau_year_differential_eur=EUR_CENTS.text(struck.amount_cents_eur),
        )


class MatchView(Body, frozen=True, kw_only=True):
    """A match. The price is per kg of basis; buyers pay and sellers receive `amount_eur`.

    With a `term`, it is not a sale at that price: quantities and packages are those of a contract year at
    plateau; `price_eur_per_kg`, `amount_eur` and every line of the waterfall are in addition to the index;
    and it has no `reference`.

    A party gets `side`, `own_order`, `own_answer`, `explanation`, and after confirmation `counter_order` and
    `counterparty`; of a recovered lot its buyer then gets `goods` too. Operators and auditors get `supply`,
    `requirement` and `whole`. `forecast`: it was forecast supply when it was matched. Explanations come from
    a view and may appear a moment after the match.
    """

    id: MatchId
    market: MarketId
    plan: PlanId
    round: int
    status: MatchStatus
    form: ProductForm
    quantity_basis_kg: DecimalText
    product_wet_t: DecimalText
    product_dry_t: DecimalText
    packages: str
    price_eur_per_kg: DecimalText
    amount_eur: DecimalText
    delivery: Window
    incoterm: Incoterm
    place: NamedPlace
    reference: ReferenceView | None
    confirm_by: Instant
    side: Side | None = None
    must_confirm: bool | None = None
    own_answer: Given | None = None
    own_order: str | None = None
    counter_order: str | None = None
    counterparty: Counterparty | None = None
    ending: Ending | None = None
    explanation: ExplanationView | None = None
    supply: SupplyId | None = None
    requirement: RequirementId | None = None
    whole: WholeView | None = None
    goods: GoodsView | None = None
    forecast: ForecastMark | None = None
    term: TermView | None = None


def supply_text(struck: MatchStruck) -> str:
    return to_text("lot" if struck.supply_kind == "lot" else "offer", struck.supply)


def party_view(
    row: MatchRow,
    side: Side,
    other: Member | None,
    seen: OwnExplanation | None,
    term: TermOfMatch | None = None,
) -> MatchView:
    """`other` is given only when both have confirmed."""
    struck = row.match.struck
    orders = (supply_text(struck), to_text("req", struck.requirement))
    own_order, counter_order = orders if side == "seller" else orders[::-1]
    return MatchView(
        **_common(row, term),
        side=side,
        must_confirm=struck.seller_must_confirm if side == "seller" else struck.buyer_must_confirm,
        own_answer=row.match.seller_answer if side == "seller" else row.match.buyer_answer,
        own_order=own_order,
        counter_order=counter_order if row.status == "confirmed" else None,
        counterparty=None
        if other is None or row.status != "confirmed"
        else Counterparty(
            organisation=to_text("org", other.organisation), name=other.name, country=other.country
        ),
        explanation=None if seen is None else _explanation(seen),
        goods=None if seen is None else GoodsView.of(seen.goods),
    )


def overseer_view(row: MatchRow, seen: MatchExplanation | None, term: TermOfMatch | None = None) -> MatchView:
    struck = row.match.struck
    return MatchView(
        **_common(row, term),
        supply=supply_text(struck),
        requirement=to_text("req", struck.requirement),
        whole=None if seen is None else _whole(seen),
        goods=None if seen is None else GoodsView.of(seen.goods),
    )


def _common(row: MatchRow, term: TermOfMatch | None) -> dict[str, Any]:
    struck = row.match.struck
    return {
        "id": to_text("match", struck.match),
        "market": to_text("mkt", struck.market),
        "plan": to_text("plan", struck.plan),
        "round": struck.round,
        "status": row.status,
        "form": struck.form,
        "quantity_basis_kg": KILOGRAMS.text(struck.quantity_basis_g),
        "product_wet_t": TONNES.text(struck.product_wet_g),
        "product_dry_t": TONNES.text(struck.product_dry_g),
        "packages": PIECES.text(struck.packages_thousandths),
        "price_eur_per_kg": SIGNED_EUR_PER_KG.text(struck.price_ueur_per_kg),
        "amount_eur": EUR_CENTS.text(struck.amount_cents_eur),
        "delivery": Window.outside(struck.delivery),
        "incoterm": struck.incoterm,
        "place": NamedPlace.outside(struck.place),
        "reference": None if struck.reference is None else ReferenceView.of(struck.reference),
        "confirm_by": struck.confirm_by,
        "forecast": ForecastMark.of(struck.forecast),
        "ending": _ending(row.status, row.match),
        "term": None if term is None else TermView.of(struck, term),
    }


def _ending(status: MatchStatus, match: OpenMatch) -> Ending | None:
    """Told when the match is decided; before, answers are sealed."""
    if status not in ("declined", "lapsed"):
        return None
    sides: tuple[tuple[Side, Given | None, str | None, bool], ...] = (
        ("seller", match.seller_answer, match.seller_reason, match.struck.seller_must_confirm),
        ("buyer", match.buyer_answer, match.buyer_reason, match.struck.buyer_must_confirm),
    )
    if status == "lapsed":
        return Ending(silent=tuple(side for side, answer, _, asked in sides if asked and answer is None))
    declined = [(side, reason) for side, answer, reason, _ in sides if answer == "declined"]
    return Ending(
        declined_by=tuple(side for side, _ in declined),
        reasons=tuple(reason for _, reason in declined if reason is not None),
    )


def _explanation(seen: OwnExplanation) -> ExplanationView:
    return ExplanationView(
        lines=tuple(map(_line, seen.lines)),
        surplus_eur_per_kg=SIGNED_EUR_PER_KG.text(seen.surplus_ueur_per_kg),
        ticket=_ticket(seen.ticket),
    )


def _whole(seen: MatchExplanation) -> WholeView:
    fall, money = seen.waterfall, SIGNED_EUR_PER_KG.text
    return WholeView(
        seller=to_text("org", seen.seller),
        buyer=to_text("org", seen.buyer),
        limit_eur_per_kg=money(fall.limit_ueur_per_kg),
        terms=tuple(_terms(fall.terms)),
        ask_eur_per_kg=money(fall.ask_ueur_per_kg),
        value_eur_per_kg=money(fall.value_ueur_per_kg),
        seller_surplus_eur_per_kg=money(fall.seller_surplus_ueur_per_kg),
        buyer_surplus_eur_per_kg=money(fall.buyer_surplus_ueur_per_kg),
        ticket=_ticket(seen.ticket),
        premiums=tuple(_line(premium_line(each)) for each in fall.premiums or ()),
    )


def _line(line: WaterfallLine) -> WaterfallLineView:
    return WaterfallLineView(
        label=line.label,
        eur_per_kg=SIGNED_EUR_PER_KG.text(line.ueur_per_kg),
        rule=line.rule,
        reason=line.reason,
        inputs=in_traders_units(line.rule, line.inputs),
        evidence=line.evidence,
    )


def _terms(terms: Iterable[PriceTerm]) -> Iterable[WaterfallLineView]:
    for term in terms:
        yield WaterfallLineView(
            label=term.kind,
            eur_per_kg=SIGNED_EUR_PER_KG.text(term.ueur_per_kg),
            rule=term.rule,
            reason=term.reason,
            inputs=in_traders_units(term.rule, term.inputs),
            evidence=term.evidence,
        )


def _ticket(of: Ticket) -> tuple[TicketLine, ...]:
    return tuple(TicketLine(label=label, text=text) for label, text in ticket_lines(of))
