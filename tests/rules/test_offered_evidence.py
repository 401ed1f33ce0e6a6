"""A lot under the contract of a match that shows less than its order stated, and words of payment."""

import pytest
from msgspec.structs import replace

from events.contract_terms import DeliveryEvidence
from events.vocabulary import OriginStep, RecycledContent, TermHorizon
from market.rules.offered_evidence import offered_cautions
from market.rules.orders.payment_words import payment_cautions
from market.rules.orders.supplies import stated_cautions
from tests.desk_support import supply_order
from tests.rules.test_agreed_demands import PCF
from tests.rules.test_matched import HORIZON

VERIFIED = replace(PCF, verified=True, verifier="verifier one")
STEPS = (OriginStep(stage="extraction", country="AU"), OriginStep(stage="processing", country="FR"))
OFFERED = replace(
    supply_order().terms,
    recycled=RecycledContent(post_consumer_ppb=700_000_000, pre_consumer_ppb=100_000_000),
    origin=STEPS,
    footprint=VERIFIED,
)
SHOWN = DeliveryEvidence(recycled=OFFERED.recycled, origin=STEPS, footprint=VERIFIED)
BETTER = DeliveryEvidence(
    recycled=RecycledContent(post_consumer_ppb=10**9 - 10**8, pre_consumer_ppb=10**8),
    origin=(*STEPS, OriginStep(stage="manufacturing", country="DE")),
    footprint=replace(VERIFIED, g_co2e_per_kg=24_999),
)
PCF_OFFERED = "A footprint of 25 kg CO2e per kg was offered"
CASES: dict[str, tuple[DeliveryEvidence, list[tuple[str, str]]]] = {
    "as offered": (SHOWN, []),
    "better": (BETTER, []),
    "nothing": (
        DeliveryEvidence(),
        [
            ("/recycled", "70 % post-consumer were offered and 0 % are shown"),
            ("/recycled", "10 % pre-consumer were offered and 0 % are shown"),
            ("/origin", "Extraction in AU was offered and is not shown"),
            ("/origin", "Processing in FR was offered and is not shown"),
            ("/footprint", f"{PCF_OFFERED} and none is shown"),
        ],
    ),
    "higher": (
        replace(SHOWN, footprint=replace(VERIFIED, g_co2e_per_kg=25_001)),
        [("/footprint", f"{PCF_OFFERED}, one of 25.001 is shown")],
    ),
    "unverified": (
        replace(SHOWN, footprint=PCF),
        [("/footprint", f"{PCF_OFFERED} that is verified and the one that is shown is not")],
    ),
    "another share": (
        replace(SHOWN, recycled=RecycledContent(post_consumer_ppb=699_999_999, pre_consumer_ppb=10**8)),
        [("/recycled", "70 % post-consumer were offered and 69.9999999 % are shown")],
    ),
}


@pytest.mark.parametrize(("shown", "expected"), CASES.values(), ids=CASES)
def test_what_was_offered_and_is_not_shown_is_told(
    shown: DeliveryEvidence, expected: list[tuple[str, str]]
) -> None:
    told = list(offered_cautions(OFFERED, shown))
    by_passport = list(offered_cautions(OFFERED, shown, with_passport=True))
    assert by_passport == ([] if shown == DeliveryEvidence() else told)
    assert [("less_shown_than_offered", pointer) for pointer, _ in expected] == [
        (each.code, each.pointer) for each in told
    ]
    for caution, (_, text) in zip(told, expected, strict=True):
        assert caution.text.startswith(f"{text}. ")


def test_an_order_that_stated_little_is_owed_little() -> None:
    bare = replace(OFFERED, recycled=None, footprint=None)
    assert [] == list(offered_cautions(bare, DeliveryEvidence(origin=STEPS)))


@pytest.mark.parametrize(
    ("stated", "term", "told"),
    [
        ("30 days net", None, False),
        ("provisional 90 %, 30 days after delivery", None, False),
        ("100 % in advance, by irrevocable letter of credit", None, True),
        ("prepayment", None, True),
        ("80 % on documents, 30 days", None, True),
        ("prepayment", HORIZON, False),
    ],
)
def test_words_of_payment_that_the_contract_of_a_match_does_not_keep_are_told(
    stated: str, term: TermHorizon | None, told: bool
) -> None:
    found = [(each.code, each.pointer) for each in payment_cautions(stated, term)]
    assert ([("payment_terms_not_taken_over", "/payment_terms")] if told else []) == found
    order = replace(supply_order().terms, payment_terms=stated, term=term)
    assert told == ("payment_terms_not_taken_over" in [each.code for each in stated_cautions(order)])
