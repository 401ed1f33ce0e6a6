"""The amounts a buyer bids beside its limit: what is refused."""

import pytest
from msgspec.structs import replace

from events.market_terms import (
    Carriage,
    CertificateAmount,
    CoProductBid,
    PenaltyRule,
    RexAmount,
    SustainabilityProfile,
)
from events.vocabulary import (
    PPB,
    PRICE_UEUR_PER_KG_MAX,
    Denominator,
    StatedPrice,
)
from market.rules.orders import requirements
from market.rules.orders.requirement_drafts import RequirementDraft
from tests.desk_support import (
    BUYER,
    MILLION,
    PERCENT_PPB,
    blotter,
    inputs,
    moment,
    need,
    post_need,
    posting,
)

OVER = PRICE_UEUR_PER_KG_MAX + 1


def euro(amount_micro: int, per: Denominator = "element") -> StatedPrice:
    return StatedPrice(amount_micro=amount_micro, currency="EUR", per=per)


def bid(**changes: object) -> CoProductBid:
    wanted = CoProductBid(analyte="Dy", reference_code="Dy_oxide", payable_ppb=PPB // 2, max_ratio_ppb=PPB)
    return replace(wanted, **changes)


def penalty(**changes: object) -> PenaltyRule:
    rule = PenaltyRule(
        analyte="C", threshold_ppb=PERCENT_PPB, step_ppb=PERCENT_PPB, ueur_per_kg_per_step=MILLION
    )
    return replace(rule, **changes)


def carriage(country: str, amount: int = MILLION) -> Carriage:
    return Carriage(country=country, per="basis", ueur_per_kg=amount)


DEFECTS = {
    "co-products": (
        need(
            co_products=(
                bid(analyte="Nd"),
                bid(analyte="Xx"),
                bid(price_ueur_per_kg=1),
                bid(analyte="Tb", reference_code=None),
                bid(analyte="Gd", reference_code="none"),
                bid(analyte="Co", reference_code=None, price_ueur_per_kg=-1),
                bid(),
            )
        ),
        [
            ("duplicate_entry", "/co_products/6"),
            ("co_product_is_basis", "/co_products/0/analyte"),
            ("co_product_reference_of_other", "/co_products/0/reference_code"),
            ("analyte_unknown", "/co_products/1/analyte"),
            ("co_product_reference_of_other", "/co_products/1/reference_code"),
            ("co_product_price_ambiguous", "/co_products/2"),
            ("co_product_price_ambiguous", "/co_products/3"),
            ("reference_unknown", "/co_products/4/reference_code"),
            ("amount_negative", "/co_products/5/price_ueur_per_kg"),
        ],
    ),
    "penalties": (
        need(
            penalties=(
                penalty(analyte="Xx"),
                penalty(ueur_per_kg_per_step=-1),
                penalty(ueur_per_kg_per_step=OVER),
            )
        ),
        [
            ("analyte_unknown", "/penalties/0/analyte"),
            ("amount_negative", "/penalties/1/ueur_per_kg_per_step"),
            ("amount_out_of_range", "/penalties/2/ueur_per_kg_per_step"),
            ("duplicate_entry", "/penalties/2"),
        ],
    ),
    "carriage from one country twice": (
        need(carriage=(carriage("FR"), carriage("SE", -1), carriage("FR"))),
        [("amount_negative", "/carriage/1/ueur_per_kg"), ("duplicate_entry", "/carriage/2")],
    ),
    "profile": (
        need(
            profile=SustainabilityProfile(
                post_consumer_ueur_per_kg=-1,
                cap_ueur_per_kg=5,
                floor_ueur_per_kg=6,
                certificates=(
                    CertificateAmount(scheme="IRMA", ueur_per_kg=OVER),
                    CertificateAmount(scheme="IRMA", ueur_per_kg=1),
                ),
                rex=(
                    RexAmount(route="recycle", ueur_per_kg=5),
                    RexAmount(route="reuse", ueur_per_kg=4),
                    RexAmount(route="reuse", ueur_per_kg=6),
                ),
            )
        ),
        [
            ("amount_negative", "/profile/post_consumer_ueur_per_kg"),
            ("amount_out_of_range", "/profile/certificates/0/ueur_per_kg"),
            ("profile_floor_above_cap", "/profile/floor_ueur_per_kg"),
            ("duplicate_entry", "/profile/certificates/1"),
            ("duplicate_entry", "/profile/rex/2"),
            ("rex_hierarchy_broken", "/profile/rex/0"),
        ],
    ),
}


@pytest.mark.parametrize(("draft", "expected"), DEFECTS.values(), ids=DEFECTS.keys())
def test_a_defective_draft_is_refused_with_every_reason(
    draft: RequirementDraft, expected: list[tuple[str, str]]
) -> None:
    found = blotter(lambda: requirements.post(posting(BUYER), post_need(draft), moment()))
    assert sorted(expected) == sorted((code, pointer or "") for code, pointer in found)


def test_a_co_product_priced_in_a_currency_without_rate() -> None:
    known = inputs()
    known.fx.clear()
    draft = need(limit=euro(1), co_products=(bid(),))
    assert [("fx_missing", "/co_products/0/reference_code")] == blotter(
        lambda: requirements.post(posting(BUYER, inputs=known), post_need(draft), moment())
    )
