"""The agreement that a confirmed match becomes: a spot contract in force, or the draft of an offtake
agreement."""

from datetime import date
from typing import Final, get_args

from msgspec import UNSET

from contracts.rules.agreements import end_of
from contracts.rules.assays import UMPIRE_UNNAMED
from contracts.rules.days import day_of
from contracts.rules.price_terms import DUE_DAYS, PROVISIONAL_PPB
from contracts.rules.steps import fact_draft
from events.contract_events import AgreementAdvanced, AgreementDrafted
from events.contract_terms import (
    SPLITTING_LIMITS_MAX,
    AgreementTerms,
    AssayClause,
    DeliveryClause,
    FixedVolume,
    PaymentClause,
    ProductClause,
    SplittingLimit,
    TermClause,
    VolumeClause,
)
from events.decision import Decision, Moment
from events.market_events import MatchConfirmed
from events.match_terms import MatchTerms
from events.price_clauses import IndexedPrice, IndexReference, MatchedPrice, QuotationPeriod
from events.vocabulary import BASIS_ELEMENTS, LOSS_ON_IGNITION, PPB, TermHorizon

CURRENCY: Final = "EUR"
SPLITTING_PPB: Final = 5_000_000
CO_PRODUCT_SPLITTING_PPB: Final = 500_000
SPLITTING_PART: Final = 50
SPLITTING_LEAST_PPB: Final = 10_000
STALE_DAYS: Final = 10
QUOTATION_PERIOD: Final[QuotationPeriod] = "month_of_shipment"
"""Used where a match states nothing: practitioners' usual values, which both sides may amend."""
OF_BULK_ALONE: Final[frozenset[str]] = frozenset(
    {LOSS_ON_IGNITION, "Th", "U", "Na", "K", "Mg", "F", "S", "Cl", "Br"}
)
"""Analytes that ore, leaching and precipitation leave in powders, but which sintered and coated magnets do
not contain."""


def from_match(
    lane: int, confirmed: MatchConfirmed, moment: Moment, *, pieces_as_bulk: bool = False
) -> Decision:
    """The agreement's first events; none when the match has no terms, as in older events.

    `pieces_as_bulk`: draft it as an earlier version did, for an audit. A spot contract is in force at once,
    since both have confirmed, at price P, which already includes the sustainability amount.
    """
    given = confirmed.contract
    if given is None:
        return Decision(drafts=())
    drafted = AgreementDrafted(
        market=confirmed.market,
        agreement=moment.new_id(),
        kind="spot" if given.horizon is None else "offtake",
        seller=confirmed.seller,
        buyer=confirmed.buyer,
        match=confirmed.match,
        terms=terms_of(confirmed, given, pieces_as_bulk=pieces_as_bulk),
    )
    first = fact_draft(lane, drafted.agreement, drafted)
    if given.horizon is not None:
        return Decision(drafts=(first,))
    stands = _standing(drafted, day_of(moment.now))
    return Decision(drafts=(first, fact_draft(lane, drafted.agreement, stands)))


def terms_of(confirmed: MatchConfirmed, given: MatchTerms, *, pieces_as_bulk: bool = False) -> AgreementTerms:
    return AgreementTerms(
        product=ProductClause(
            basis=given.basis,
            form=given.form,
            limits=given.limits,
            purity=given.purity,
            goods=given.goods,
            demands=given.demands,
            post_consumer_min_ppb=_post_consumer_min(given),
        ),
        term=TermClause(years=1) if given.horizon is None else _term(given.horizon),
        volume=_volume(confirmed.quantity_basis_g, given.horizon),
        price=_price(confirmed, given),
        penalties=given.penalties,
        delivery=DeliveryClause(
            incoterm=given.incoterm,
            place=given.place,
            lot_wet_g=given.product_wet_g,
            packaging=given.packaging,
            delivery=given.delivery,
        ),
        assay=AssayClause(
            splitting=_splitting(given, pieces_as_bulk=pieces_as_bulk), umpire=given.umpire or UMPIRE_UNNAMED
        ),
        payment=PaymentClause(currency=CURRENCY, provisional_ppb=PROVISIONAL_PPB, due_days=DUE_DAYS),
    )


def _post_consumer_min(given: MatchTerms) -> int:
    """The minimum post-consumer share; None if the demands bound the share as rounds do: pre- and
    post-consumer together."""
    stated = given.demands is not UNSET and given.demands.recycled_min_ppb is not UNSET
    return 0 if stated else given.recycled_min_ppb or 0


def _standing(drafted: AgreementDrafted, day: date) -> AgreementAdvanced:
    return AgreementAdvanced(
        market=drafted.market,
        agreement=drafted.agreement,
        status="effective",
        reason="match_confirmed",
        proposal=1,
        starts_on=day,
        ends_on=end_of(drafted.terms, day, 0),
    )


def _term(horizon: TermHorizon) -> TermClause:
    return TermClause(starts_on=date(horizon.start_year, 1, 1), years=len(horizon.profile_ppb))


def _volume(quantity_g: int, horizon: TermHorizon | None) -> VolumeClause:
    """The volume clause; the quantity of a term match is the yearly one at plateau."""
    if horizon is None:
        return FixedVolume(acq_g=(quantity_g,))
    return FixedVolume(
        acq_g=tuple(quantity_g * share_ppb // PPB for share_ppb in horizon.profile_ppb),
        tolerance_ppb=horizon.profile_tolerance_ppb,
    )


def _price(confirmed: MatchConfirmed, given: MatchTerms) -> MatchedPrice | IndexedPrice:
    """For a spot match, P; for a term match, its index with P minus its penalties as the differential.

    S is contained in P only. An index that the market could not convert per kg of basis gets a factor of one,
    for both sides to correct. The exchange rate gets a code such as `usd-eur`.
    """
    horizon, index = given.horizon, given.index
    if horizon is None:
        return MatchedPrice(
            match=confirmed.match,
            price_micro_per_kg=given.price_ueur_per_kg,
            terms=given.terms,
            co_products=given.co_products,
        )
    form_factor_ppb = PPB if index is None else index.form_factor_ppb
    currency = CURRENCY if index is None else index.currency
    return IndexedPrice(
        index=IndexReference(
            code=horizon.index,
            currency=currency,
            per="element" if index is None else index.per,
            quotation_period=_quotation_period(horizon.quotation_period),
            fx_code=None if currency == CURRENCY else f"{currency.lower()}-{CURRENCY.lower()}",
            stale_days_max=STALE_DAYS,
        ),
        differential_micro_per_kg=given.price_ueur_per_kg - _penalties_ueur(given),
        floor_micro_per_kg=_index_floor(horizon, given.price_ueur_per_kg, form_factor_ppb),
        form_factor_ppb=form_factor_ppb,
    )


def _penalties_ueur(given: MatchTerms) -> int:
    """The penalties contained in P, since the agreement subtracts them again by the assay of each
    delivery."""
    return sum(line.ueur_per_kg for line in given.terms if line.kind == "penalties")


def _index_floor(horizon: TermHorizon, differential: int, form_factor_ppb: int) -> int | None:
    """The seller's floor per kg of basis, converted to one per kg of the index, rounded up so that never less
    is paid."""
    if horizon.floor_ueur_per_kg is None:
        return None
    return max(-(-(horizon.floor_ueur_per_kg - differential) * PPB // form_factor_ppb), 0)


def _quotation_period(code: str) -> QuotationPeriod:
    """The quotation period; older orders may contain an unknown text, which becomes the month of shipment,
    and an audit has to get the same draft again."""
    known: tuple[QuotationPeriod, ...] = get_args(QuotationPeriod)
    return next((period for period in known if period == code), QUOTATION_PERIOD)


def _splitting(given: MatchTerms, *, pieces_as_bulk: bool) -> tuple[SplittingLimit, ...]:
    """Splitting limits of the paid elements, and of penalised analytes (a tenth of the threshold), up to the
    maximum of a contract.

    Goods by the piece are not sampled for analytes of bulk goods: there the seller's figures apply.
    """
    by_piece = given.goods is not UNSET and given.goods.pieces is not UNSET and not pieces_as_bulk
    paid = dict.fromkeys((bid.analyte for bid in given.co_products), CO_PRODUCT_SPLITTING_PPB)
    paid |= dict.fromkeys(BASIS_ELEMENTS[given.basis], SPLITTING_PPB)
    for each in given.stated or ():
        if each.analyte in paid:
            by_grade_ppb = max(each.fraction_ppb // SPLITTING_PART, SPLITTING_LEAST_PPB)
            paid[each.analyte] = min(paid[each.analyte], by_grade_ppb)
    fined = {rule.analyte: max(rule.threshold_ppb // 10, 1) for rule in given.penalties}
    if by_piece:
        fined = {analyte: limit_ppb for analyte, limit_ppb in fined.items() if analyte not in OF_BULK_ALONE}
    of_fines_alone = [analyte for analyte in fined if analyte not in paid]
    left_out = frozenset(of_fines_alone[SPLITTING_LIMITS_MAX - len(paid) :])
    return tuple(
        SplittingLimit(analyte=analyte, limit_ppb=limit_ppb)
        for analyte, limit_ppb in (fined | paid).items()
        if analyte not in left_out
    )
