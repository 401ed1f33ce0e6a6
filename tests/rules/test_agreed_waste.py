"""Papers of waste under an agreement: which are missing on the day shipped, and which end soon."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from events.contract_terms import ProductClause, SourceClause, WasteClause
from events.market_terms import Member, MemberFacility, MemberLicence
from events.vocabulary import PPB, Place
from market.rules.agreed_waste import AgreedWaste, of_terms, paper_cautions, unstated_cautions
from tests.contract_support import agreement_terms
from tests.desk_support import BUYER, BUYER_SITE, SELLER, SELLER_SITE, numbered

DAY = date(2027, 3, 10)
WASTE = AgreedWaste(
    status="waste", ewc_code="120103", route="recycle", site=BUYER_SITE, source="DE", destination="FR"
)
PERMIT = MemberLicence(
    licence=numbered(1),
    facility=BUYER_SITE,
    kind="waste_treatment",
    waste_statuses=("waste",),
    ewc_codes=("120103",),
    valid_from=datetime(2027, 1, 1, tzinfo=UTC),
    valid_until=datetime(2029, 1, 1, tzinfo=UTC),
)
CONSENT = replace(PERMIT, licence=numbered(2), kind="shipment_consent", from_countries=("DE",))
LACKS = ["waste_licence_missing", "shipment_consent_missing"]


def member(organisation: Any, country: str, site: Any, *licences: MemberLicence) -> Member:
    return Member(
        organisation=organisation,
        name="firm",
        country=country,
        roles=("recycler",),
        group=organisation,
        sanctions_screened_until=datetime(2030, 1, 1, tzinfo=UTC),
        facilities=(MemberFacility(facility=site, country=country, stages=("recycling",), scale="pilot"),),
        licences=licences,
        source_position=1,
    )


def told(*licences: MemberLicence, waste: AgreedWaste = WASTE, **asked: Any) -> list[str]:
    buyer = member(BUYER, "FR", BUYER_SITE, *licences)
    found = list(paper_cautions(waste, buyer, DAY, pointer="/shipped_on", **asked))
    assert all(each.pointer == "/shipped_on" for each in found)
    return [each.code for each in found]


def test_waste_needs_both_papers_across_a_border_on_the_day() -> None:
    assert LACKS == told()
    assert [] == told(PERMIT, CONSENT)
    assert LACKS[1:] == told(PERMIT)
    assert LACKS[:1] == told(waste=replace(WASTE, destination="DE"))
    for status in ("product", "by_product", "end_of_waste"):
        assert [] == told(waste=replace(WASTE, status=status))


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "snack-bar"},
        {"kind": "collection"},
        {"facility": numbered(9)},
        {"ewc_codes": ("160213",)},
        {"waste_statuses": ("by_product",)},
        {"from_countries": ("PL",)},
        {"routes": ("reuse",)},
        {"valid_from": datetime(2027, 3, 11, tzinfo=UTC)},
        {"valid_until": datetime(2027, 3, 10, tzinfo=UTC)},
    ],
)
def test_a_paper_that_is_not_of_these_goods_counts_for_none(changes: dict[str, Any]) -> None:
    assert LACKS[:1] == told(replace(PERMIT, **changes), CONSENT)


def test_what_a_paper_leaves_open_it_allows() -> None:
    wide = replace(PERMIT, ewc_codes=(), valid_from=datetime(2027, 3, 10, 23, tzinfo=UTC))
    assert [] == told(wide, CONSENT)
    elsewhere = [replace(each, facility=numbered(9)) for each in (PERMIT, CONSENT)]
    assert LACKS == told(*elsewhere)
    assert [] == told(*elsewhere, waste=replace(WASTE, site=None))
    assert LACKS[:1] == told(replace(PERMIT, routes=("reuse",)), CONSENT)
    assert [] == told(replace(PERMIT, routes=("reuse",)), CONSENT, waste=replace(WASTE, route=None))


def test_the_end_of_a_paper_is_told_ahead() -> None:
    short = replace(CONSENT, valid_until=datetime(2027, 6, 7, tzinfo=UTC))
    assert ["shipment_consent_ends"] == told(PERMIT, short)
    assert [] == told(PERMIT, short, until=date(2027, 6, 7))
    assert [] == told(PERMIT, short, CONSENT)
    assert ["waste_licence_ends", "shipment_consent_ends"] == told(PERMIT, CONSENT, until=date(2032, 1, 1))


def test_terms_say_where_waste_goes() -> None:
    seller, buyer = member(SELLER, "DE", SELLER_SITE), member(BUYER, "FR", BUYER_SITE)
    assert None is of_terms(agreement_terms(), seller, buyer)
    clause = WasteClause(status="waste", ewc_code="120103", rex_route="recycle")
    terms = agreement_terms(product=ProductClause(basis="ndpr", form="swarf", waste=clause))
    unnamed = replace(WASTE, site=None)
    assert unnamed == of_terms(terms, seller, buyer)
    place = replace(terms.delivery, incoterm="DAP", place=Place(country="BE", name="Antwerpen"))
    assert replace(unnamed, destination="BE") == of_terms(replace(terms, delivery=place), seller, buyer)
    named = replace(terms.product, waste=replace(clause, facility=BUYER_SITE))
    assert WASTE == of_terms(replace(terms, product=named, delivery=place), seller, buyer)
    abroad = member(SELLER, "AT", SELLER_SITE)
    source = SourceClause(facility=SELLER_SITE, basis_ppb=PPB)
    assert replace(unnamed, source="AT") == of_terms(
        replace(terms, source=source), replace(abroad, country="DE"), buyer
    )


def test_forms_that_are_often_waste_are_asked_for_their_status() -> None:
    codes = [
        [each.code for each in unstated_cautions(form, "/terms/product/waste")]
        for form in ("swarf", "separated_oxide")
    ]
    assert [["waste_status_unstated"], []] == codes
