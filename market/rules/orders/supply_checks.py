"""All checks of a supply's draft, each independent of the others."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import UNSET, Struct

from events.fractions import tonnes_text
from events.market_terms import Member
from events.refusal import Refusal
from events.vocabulary import BASIS_ELEMENTS, Period
from events.wellformed import duplicate_refusals
from market.rules.orders import oxide_forms
from market.rules.orders.cores import contained_refusals, core_refusals
from market.rules.orders.forecast_supply import exceeded_refusals, forecast_refusals
from market.rules.orders.horizons import term_refusals, tranche_refusals, validity_refusals, window_refusals
from market.rules.orders.materials import (
    admission_refusals,
    assay_refusals,
    composition_refusals,
    form_refusals,
    moisture_refusals,
    sum_refusals,
)
from market.rules.orders.orders import PostingState
from market.rules.orders.supplies import (
    SupplyDraft,
    asked_kg,
    draft_basis_g,
    is_cn_code,
    is_ewc_code,
    minimum_refusals,
    range_refusals,
)
from market.rules.orders.whole_magnets import magnet_refusals
from market.rules.quantities import EUR, UNPACKED_UNITS, fx_for, reo_unstated, to_ueur_per_basis_kg
from market.rules.refusing.defects import (
    AskNegative,
    CertificateNotOwned,
    DenominatorNotConvertible,
    FacilityNotOwned,
    MinimumParcelTooLarge,
    MinimumQuantityUnexpected,
    PackageTooLarge,
    QuantityNotPositive,
    TranchesNotSum,
)
from market.rules.refusing.ineligibility import kg_text
from market.rules.refusing.material_defects import (
    CnCodeMalformed,
    EwcCodeMalformed,
    EwcCodeMissing,
    RareEarthOxidesUnstated,
    VerifierMissing,
)
from market.rules.refusing.party_refusals import CertificateExpired
from market.rules.refusing.refusals import FxMissing
from market.rules.refusing.unread import judged
from market.rules.refusing.wellformed import readable


class _Case(Struct, frozen=True):
    """A draft and the state for its checks; `known` windows may be over."""

    draft: SupplyDraft
    state: PostingState
    now: datetime
    known: frozenset[Period]


def draft_refusals(
    draft: SupplyDraft, state: PostingState, now: datetime, known: frozenset[Period], *, typed: bool = False
) -> list[Refusal]:
    """All reasons why a draft cannot be an order of this market; `known` windows may be over.

    What depends on a member that could not be read, or on a refused composition, is not checked. `typed`:
    assumes that its members conform to their types, which are checked through the fact.
    """
    draft, reasons = (draft, []) if typed else readable(draft)
    case = _Case(draft, state, now, known)
    reasons += judged(_FORM, case)
    reasons += judged(_MATERIAL, case) or judged(_SUM, case) or judged(_WORTH, case)
    return reasons + judged(_TERMS, case)


def _form_refusals(case: _Case) -> list[Refusal]:
    return form_refusals((case.draft.form,), case.state.terms.basis, ("/form",))


def _moisture_refusals(case: _Case) -> list[Refusal]:
    return moisture_refusals(case.draft.moisture_ppb)


def _composition_refusals(case: _Case) -> list[Refusal]:
    return composition_refusals(case.draft.composition, case.state.terms.basis)


def _sum_refusals(case: _Case) -> list[Refusal]:
    draft = case.draft
    return sum_refusals(draft.composition, draft.moisture_ppb) or oxide_forms.composition_refusals(
        draft.form, draft.composition, draft.moisture_ppb
    )


def _admission_refusals(case: _Case) -> list[Refusal]:
    draft, state = case.draft, case.state
    return admission_refusals(
        draft.composition, draft.moisture_ppb, state.terms, state.rule_set, state.inputs
    )


def _contained_refusals(case: _Case) -> Iterable[Refusal]:
    draft, basis = case.draft, case.state.terms.basis
    if draft.core is UNSET:
        return ()
    return contained_refusals(draft.core, draft_basis_g(draft, basis), basis)


def _exceeded_refusals(case: _Case) -> Iterable[Refusal]:
    """What passes the figures of a forecast that can be true."""
    draft, member, basis = case.draft, case.state.member, case.state.terms.basis
    sites = () if member is None else member.facilities
    if draft.forecast is UNSET or tuple(forecast_refusals(draft)):
        return ()
    return exceeded_refusals(draft, draft_basis_g(draft, basis), basis, sites, draft.facility)


def _ask_refusals(case: _Case) -> Iterator[Refusal]:
    """Currency and sign."""
    draft, ask = case.draft, case.draft.ask
    if ask.currency != EUR and ask.currency not in case.state.inputs.fx:
        yield FxMissing(pointer="/ask/currency", currency=ask.currency)
    if ask.amount_micro < 0 and draft.term is None:
        yield AskNegative(pointer="/ask/amount_micro")


def _price_refusals(case: _Case) -> list[Refusal]:
    """Denominator and posting bound, of a material that is not refused."""
    draft, terms, inputs = case.draft, case.state.terms, case.state.inputs
    ask = draft.ask
    ratio = asked_kg(ask.per, terms.basis, draft.moisture_ppb, draft.composition)
    unstated = reo_unstated(draft.composition) if ask.per == "reo" and BASIS_ELEMENTS[terms.basis] else ()
    if unstated:
        return [RareEarthOxidesUnstated(pointer="/ask/per", missing=", ".join(unstated))]
    if ratio is None:
        accepted = "wet, dry, oxide, element or reo" if BASIS_ELEMENTS[terms.basis] else "wet or dry"
        return [
            DenominatorNotConvertible(pointer="/ask/per", per=ask.per, basis=terms.basis, accepted=accepted)
        ]
    if ask.currency != EUR and ask.currency not in inputs.fx:
        return []
    price = to_ueur_per_basis_kg(ask, ratio, fx_for(inputs, ask.currency), "up")
    return range_refusals(price, "/ask/amount_micro")


def _assay_refusals(case: _Case) -> list[Refusal]:
    return assay_refusals(case.draft.assay, case.now)


def _quantity_refusals(case: _Case) -> list[Refusal]:
    return [QuantityNotPositive(pointer="/net_wet_g")] if case.draft.net_wet_g == 0 else []


def _packaging_refusals(case: _Case) -> Iterator[Refusal]:
    draft = case.draft
    package_g = draft.packaging.package_wet_g
    pointer = "/packaging/package_wet_g"
    if package_g == 0:
        yield QuantityNotPositive(pointer=pointer)
    if package_g > draft.net_wet_g and draft.packaging.unit not in UNPACKED_UNITS:
        yield PackageTooLarge(
            pointer=pointer, package=kg_text(package_g), quantity=tonnes_text(draft.net_wet_g)
        )


def _parcel_refusals(case: _Case) -> list[Refusal]:
    draft = case.draft
    if draft.minimum_parcel_wet_g <= draft.net_wet_g:
        return []
    return [
        MinimumParcelTooLarge(
            pointer="/minimum_parcel_wet_g",
            parcel=tonnes_text(draft.minimum_parcel_wet_g),
            quantity=tonnes_text(draft.net_wet_g),
        )
    ]


def _minimum_refusals(case: _Case) -> Iterator[Refusal]:
    draft = case.draft
    pointer = "/minimum_quantity_wet_g"
    if draft.minimum_quantity_wet_g is None:
        return
    if draft.all_or_nothing:
        yield MinimumQuantityUnexpected(pointer=pointer)
    yield from minimum_refusals(draft.minimum_quantity_wet_g, draft.net_wet_g, pointer, tonnes_text)


def _tranche_refusals(case: _Case) -> Iterator[Refusal]:
    draft = case.draft
    for index, tranche in enumerate(draft.tranches):
        if tranche.net_wet_g == 0:
            yield QuantityNotPositive(pointer=f"/tranches/{index}/net_wet_g")
    yield from tranche_refusals(draft.tranches)
    sum_g = sum([tranche.net_wet_g for tranche in draft.tranches])
    if sum_g != draft.net_wet_g:
        yield TranchesNotSum(
            pointer="/tranches", sum=tonnes_text(sum_g), net_wet=tonnes_text(draft.net_wet_g)
        )


def _window_refusals(case: _Case) -> Iterator[Refusal]:
    for index, tranche in enumerate(case.draft.tranches):
        pointer = f"/tranches/{index}/window"
        yield from window_refusals(tranche.window, pointer, case.draft.term, case.now, case.known)


def _validity_refusals(case: _Case) -> list[Refusal]:
    return validity_refusals(case.draft.valid_until, case.now)


def _term_refusals(case: _Case) -> list[Refusal]:
    return term_refusals(case.draft.term, case.state.inputs, case.now)


def _code_refusals(case: _Case) -> Iterator[Refusal]:
    draft = case.draft
    if draft.cn_code is not None and not is_cn_code(draft.cn_code):
        yield CnCodeMalformed(pointer="/cn_code", cn_code=draft.cn_code)
    if draft.ewc_code is not None and not is_ewc_code(draft.ewc_code):
        yield EwcCodeMalformed(pointer="/ewc_code", ewc_code=draft.ewc_code)
    if draft.ewc_code is None and draft.waste_status == "waste":
        yield EwcCodeMissing(pointer="/ewc_code")


def _verifier_refusals(case: _Case) -> list[Refusal]:
    stated = case.draft.footprint
    if stated is not None and stated.verified and stated.verifier is None:
        return [VerifierMissing(pointer="/footprint/verifier")]
    return []


def _certificate_refusals(case: _Case) -> list[Refusal]:
    named = case.draft.certificates
    return duplicate_refusals("/certificates", [f"cert_{each.hex}" for each in named]) if named else []


def _initiative_refusals(case: _Case) -> list[Refusal]:
    named = case.draft.visible_to_initiatives
    return duplicate_refusals("/visible_to_initiatives", named) if named else []


def _route_refusals(case: _Case) -> list[Refusal]:
    named = case.draft.rex_routes
    return duplicate_refusals("/rex_routes", named) if named else []


def _core_refusals(case: _Case) -> Iterable[Refusal]:
    return core_refusals(case.draft.core, case.draft.form, case.draft.net_wet_g)


def _magnet_refusals(case: _Case) -> list[Refusal]:
    return magnet_refusals(case.draft.magnets, (case.draft.form,))


def _forecast_refusals(case: _Case) -> Iterable[Refusal]:
    return forecast_refusals(case.draft)


def _site_refusals(case: _Case) -> list[Refusal]:
    """Sites and certificates have to be the seller's own."""
    if case.state.member is None or _owns(case.state.member, case.draft.facility):
        return []
    return [FacilityNotOwned(pointer="/facility")]


def _lot_site_refusals(case: _Case) -> list[Refusal]:
    member, lot = case.state.member, case.draft.physical_lot
    if member is None or lot is None or _owns(member, lot.site):
        return []
    return [FacilityNotOwned(pointer="/physical_lot/site")]


def _owns(member: Member, facility: UUID) -> bool:
    return facility in [each.facility for each in member.facilities]


def _paper_refusals(case: _Case) -> Iterator[Refusal]:
    member = case.state.member
    if member is None:
        return
    for index, certificate in enumerate(case.draft.certificates):
        pointer = f"/certificates/{index}"
        paper = next((each for each in member.certificates if each.certificate == certificate), None)
        if paper is None:
            yield CertificateNotOwned(pointer=pointer)
        elif paper.valid_until <= case.now:
            yield CertificateExpired(pointer=pointer, valid_until=paper.valid_until.isoformat())


_Checks = tuple[Callable[[_Case], Iterable[Refusal]], ...]
_FORM: Final[_Checks] = (_form_refusals,)
_MATERIAL: Final[_Checks] = (_moisture_refusals, _composition_refusals)
_SUM: Final[_Checks] = (_sum_refusals,)
_WORTH: Final[_Checks] = (_admission_refusals, _price_refusals, _contained_refusals, _exceeded_refusals)
_TERMS: Final[_Checks] = (
    _ask_refusals,
    _assay_refusals,
    _quantity_refusals,
    _packaging_refusals,
    _parcel_refusals,
    _minimum_refusals,
    _tranche_refusals,
    _window_refusals,
    _validity_refusals,
    _term_refusals,
    _code_refusals,
    _verifier_refusals,
    _certificate_refusals,
    _initiative_refusals,
    _route_refusals,
    _core_refusals,
    _magnet_refusals,
    _forecast_refusals,
    _site_refusals,
    _lot_site_refusals,
    _paper_refusals,
)
