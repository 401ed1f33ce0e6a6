"""A draft of a requirement: its members, its refusals, and the terms that it becomes."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import asdict

from events.forecast_terms import ForecastSupply
from events.market_terms import (
    AcceptedForm,
    AnalyteLimit,
    Carriage,
    CoProductBid,
    MarketTerms,
    Member,
    PenaltyRule,
    PurityFloor,
    RequirementTerms,
    SustainabilityProfile,
)
from events.policy_terms import AppliedPolicy, PortfolioLimits
from events.refusal import Caution, Refusal
from events.rex_terms import MagnetNeed
from events.vocabulary import (
    BASIS_ELEMENTS,
    Commitment,
    ConvertedPrice,
    Count,
    FractionPpb,
    Instant,
    MarketBasis,
    MassG,
    Period,
    Place,
    QualificationLevel,
    RexRoute,
    StatedPrice,
    TermHorizon,
    ValueUeurPerKg,
)
from events.wellformed import duplicate_refusals
from market.rules.market_inputs import MarketInputs
from market.rules.orders.activities import unbounded_cautions
from market.rules.orders.bids import (
    amount_refusals,
    carriage_refusals,
    co_product_refusals,
    form_bid_refusals,
    limit_refusals,
    penalty_refusals,
    profile_refusals,
    purity_refusals,
)
from market.rules.orders.horizons import (
    contract_years,
    term_refusals,
    validity_cautions,
    validity_refusals,
    window_refusals,
)
from market.rules.orders.materials import form_refusals
from market.rules.orders.orders import (
    PostingState,
)
from market.rules.orders.policy_references import PolicyReference, policy_refusals
from market.rules.orders.supplies import minimum_refusals, range_refusals
from market.rules.orders.whole_magnets import magnet_refusals
from market.rules.policy_lines import resolved, stated_lines
from market.rules.quantities import EUR, fx_for, requirement_kg_per_basis_kg, to_ueur_per_basis_kg
from market.rules.refusing.defects import (
    CreditLimitMissing,
    CreditLimitUnexpected,
    DenominatorNotConvertible,
    FacilityNotOwned,
    LimitNegative,
    MinimumParcelTooLarge,
    OverlapTooLong,
    PortfolioEmpty,
    QuantityNotPositive,
    RexRouteNotOfMarket,
)
from market.rules.refusing.ineligibility import kg_text
from market.rules.refusing.refusals import FxMissing
from market.rules.refusing.unread import judged
from market.rules.refusing.wellformed import readable
from market.rules.refusing.wording import Code, CountryCode

_ONE_DAY = timedelta(days=1)


class RequirementDraft(Struct, frozen=True, kw_only=True):
    """RequirementTerms before conversion: `limit` as stated, `basis_g` the grams of basis demanded.

    The lines of `PolicyTerms` are the buyer's own; those of `policies` are added. A limit per kg of oxide
    counts the traded oxide; NdPr oxide as 75 % Nd2O3 and 25 % Pr6O11.
    """

    forms: Annotated[tuple[AcceptedForm, ...], Meta(min_length=1, max_length=16)]
    basis_g: MassG
    minimum_parcel_g: MassG
    limit: StatedPrice
    limits: Annotated[tuple[AnalyteLimit, ...], Meta(max_length=64)] = ()
    purity: PurityFloor | None = None
    th_max_mbq_per_g: Count | None = None
    u_max_mbq_per_g: Count | None = None
    window: Period
    overlap_min_days: Annotated[int, Meta(ge=0, le=3650)] = 1
    place: Place
    facility: UUID
    valid_until: Instant
    commitment: Commitment
    term: TermHorizon | None = None
    visible_to_initiatives: Annotated[tuple[Code, ...], Meta(max_length=32)] = ()
    certificates_required: Annotated[tuple[Code, ...], Meta(max_length=32)] = ()
    footprint_max_g_co2e_per_kg: Count | None = None
    origins_excluded: Annotated[tuple[CountryCode, ...], Meta(max_length=250)] = ()
    recycled_min_ppb: FractionPpb | None = None
    recycled_max_ppb: FractionPpb | None = None
    qualification_min: QualificationLevel = "none"
    organisations_excluded: Annotated[tuple[UUID, ...], Meta(max_length=256)] = ()
    rex_route: RexRoute | None = None
    co_products: Annotated[tuple[CoProductBid, ...], Meta(max_length=32)] = ()
    penalties: Annotated[tuple[PenaltyRule, ...], Meta(max_length=32)] = ()
    carriage: Annotated[tuple[Carriage, ...], Meta(max_length=250)] = ()
    profile: SustainabilityProfile | None = None
    portfolio: PortfolioLimits | None = None
    payment: Literal["prepayment", "credit"] = "prepayment"
    credit_limit_cents_eur: Count | None = None
    minimum_quantity_g: MassG | None = None
    magnets: MagnetNeed | UnsetType = UNSET
    forecast_supply: ForecastSupply = "refused"
    strategic_project_ueur_per_kg: ValueUeurPerKg = 0
    policies: Annotated[tuple[PolicyReference, ...], Meta(max_length=8)] = ()


def terms_of(
    draft: RequirementDraft,
    terms: MarketTerms,
    inputs: MarketInputs,
    policies: tuple[AppliedPolicy, ...] = (),
) -> RequirementTerms:
    """The terms of a draft without refusals: limit rounded down, lines the strictest of its own and its
    policies'.

    Raises ValueError for a draft whose limit cannot be converted.
    """
    limit = converted_limit(draft.limit, terms.basis, inputs)
    own = stated_lines(draft)
    lines = asdict(resolved(own, policies)) if policies else {}
    taken = {"limit": limit, "policies": policies, "own": own if policies else None}
    return RequirementTerms(**(asdict(draft) | lines | taken))


def converted_limit(stated: StatedPrice, basis: MarketBasis, inputs: MarketInputs) -> ConvertedPrice:
    """The limit, rounded down. Raises ValueError if it cannot be converted."""
    ratio = requirement_kg_per_basis_kg(stated.per, basis)
    if ratio is None:
        raise ValueError(f"a price per kg {stated.per} cannot be converted to {basis}")
    return to_ueur_per_basis_kg(stated, ratio.as_integer_ratio(), fx_for(inputs, stated.currency), "down")


def draft_refusals(
    draft: RequirementDraft,
    state: PostingState,
    now: datetime,
    known: frozenset[Period],
    kept: tuple[AppliedPolicy, ...] = (),
) -> list[Refusal]:
    """All reasons why a draft cannot be an order of this market; a `known` window may be over.

    `kept` policies stay as the order took them over. What depends on a member that could not be read is not
    checked.
    """
    draft, reasons = readable(draft)
    basis, inputs = state.terms.basis, state.inputs
    return reasons + judged(
        (
            lambda draft: form_refusals(
                [accepted.form for accepted in draft.forms],
                basis,
                [f"/forms/{index}/form" for index in range(len(draft.forms))],
            ),
            lambda draft: _limit_refusals(draft, inputs),
            lambda draft: _price_refusals(draft, basis, inputs),
            _quantity_refusals,
            _parcel_refusals,
            lambda draft: minimum_refusals(
                draft.minimum_quantity_g, draft.basis_g, "/minimum_quantity_g", kg_text
            ),
            lambda draft: (
                [PortfolioEmpty(pointer="/portfolio")] if draft.portfolio == PortfolioLimits() else []
            ),
            _payment_refusals,
            lambda draft: window_refusals(draft.window, "/window", draft.term, now, known),
            _overlap_refusals,
            lambda draft: validity_refusals(draft.valid_until, now),
            lambda draft: term_refusals(draft.term, inputs, now),
            lambda draft: form_bid_refusals(draft.forms),
            lambda draft: limit_refusals(draft.limits),
            lambda draft: purity_refusals(draft.purity),
            lambda draft: co_product_refusals(draft.co_products, basis, inputs),
            lambda draft: penalty_refusals(draft.penalties),
            lambda draft: carriage_refusals(draft.carriage),
            lambda draft: [] if draft.profile is None else profile_refusals(draft.profile, "/profile"),
            lambda draft: duplicate_refusals("/certificates_required", draft.certificates_required),
            lambda draft: duplicate_refusals("/origins_excluded", draft.origins_excluded),
            lambda draft: duplicate_refusals(
                "/organisations_excluded", [f"org_{each.hex}" for each in draft.organisations_excluded]
            ),
            lambda draft: duplicate_refusals("/visible_to_initiatives", draft.visible_to_initiatives),
            lambda draft: _route_refusals(draft, basis),
            lambda draft: magnet_refusals(draft.magnets, tuple(accepted.form for accepted in draft.forms)),
            lambda draft: _site_refusals(draft, state.member),
            lambda draft: amount_refusals(
                draft.strategic_project_ueur_per_kg, "/strategic_project_ueur_per_kg"
            ),
            lambda draft: policy_refusals(draft, state, kept),
        ),
        draft,
    )


def _limit_refusals(draft: RequirementDraft, inputs: MarketInputs) -> Iterator[Refusal]:
    """Currency and sign."""
    limit = draft.limit
    if limit.currency != EUR and limit.currency not in inputs.fx:
        yield FxMissing(pointer="/limit/currency", currency=limit.currency)
    if limit.amount_micro < 0 and draft.term is None:
        yield LimitNegative(pointer="/limit/amount_micro")


def _price_refusals(draft: RequirementDraft, basis: MarketBasis, inputs: MarketInputs) -> list[Refusal]:
    """Denominator, and the posting bound of a limit whose currency is known."""
    limit = draft.limit
    ratio = requirement_kg_per_basis_kg(limit.per, basis)
    if ratio is None:
        accepted = "oxide or element" if BASIS_ELEMENTS[basis] else "wet"
        return [
            DenominatorNotConvertible(pointer="/limit/per", per=limit.per, basis=basis, accepted=accepted)
        ]
    if limit.currency != EUR and limit.currency not in inputs.fx:
        return []
    price = to_ueur_per_basis_kg(limit, ratio.as_integer_ratio(), fx_for(inputs, limit.currency), "down")
    return range_refusals(price, "/limit/amount_micro")


def _quantity_refusals(draft: RequirementDraft) -> Iterator[Refusal]:
    if draft.basis_g == 0:
        yield QuantityNotPositive(pointer="/basis_g")


def _parcel_refusals(draft: RequirementDraft) -> Iterator[Refusal]:
    if draft.minimum_parcel_g > draft.basis_g:
        yield MinimumParcelTooLarge(
            pointer="/minimum_parcel_g",
            parcel=kg_text(draft.minimum_parcel_g),
            quantity=kg_text(draft.basis_g),
        )


def _payment_refusals(draft: RequirementDraft) -> Iterator[Refusal]:
    if draft.payment == "credit" and not draft.credit_limit_cents_eur:
        yield CreditLimitMissing(pointer="/credit_limit_cents_eur")
    if draft.payment == "prepayment" and draft.credit_limit_cents_eur is not None:
        yield CreditLimitUnexpected(pointer="/credit_limit_cents_eur")


def _overlap_refusals(draft: RequirementDraft) -> Iterator[Refusal]:
    if draft.overlap_min_days * _ONE_DAY > draft.window.end - draft.window.start:
        yield OverlapTooLong(pointer="/overlap_min_days", overlap_days=draft.overlap_min_days)


def _route_refusals(draft: RequirementDraft, basis: MarketBasis) -> Iterator[Refusal]:
    if basis == "ndfeb-reuse" and draft.rex_route == "recycle":
        yield RexRouteNotOfMarket(pointer="/rex_route", route=draft.rex_route, basis=basis)


def _site_refusals(draft: RequirementDraft, member: Member | None) -> Iterator[Refusal]:
    if member is not None and draft.facility not in {site.facility for site in member.facilities}:
        yield FacilityNotOwned(pointer="/facility")


def cautions(draft: RequirementDraft | RequirementTerms) -> tuple[Caution, ...]:
    """Warnings about an accepted draft."""
    ends = draft.window.end if draft.term is None else contract_years(draft.term).end
    found = list(validity_cautions(draft.valid_until, ends))
    forms = [each.form for each in draft.forms]
    found += unbounded_cautions(forms, draft.th_max_mbq_per_g, draft.u_max_mbq_per_g)
    profile = draft.profile
    if profile is None:
        return tuple(found)
    if profile.rex and draft.rex_route is None:
        found.append(
            Caution(
                code="rex_route_undeclared",
                text="The Re-X amounts count only once the requirement states its Re-X route.",
                pointer="/rex_route",
            )
        )
    if profile.cap_ueur_per_kg == 0 and profile != SustainabilityProfile():
        found.append(
            Caution(
                code="profile_capped_at_zero",
                text="With a cap of zero no sustainability amount counts.",
                pointer="/profile/cap_ueur_per_kg",
            )
        )
    return tuple(found)
