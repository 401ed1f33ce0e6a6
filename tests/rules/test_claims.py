"""What is stated of a lot and paid for: told where it is silence or a bare word, rejected by a document."""

from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from contracts.rules.claims import claims_paid, silence_cautions, unproven_cautions
from events.contract_terms import DeliveryEvidence, Evidence
from events.delivery_events import DeliveryRejected
from events.market_terms import CertificateAmount, MemberCertificate, SustainabilityProfile
from events.price_clauses import IndexedPrice, SustainabilityClause
from events.vocabulary import PPB, OriginStep, RecycledContent
from tests.blotter import START, rule_set
from tests.contract_journeys import audited, body_of, divergence_of
from tests.contract_lane import ContractLane, rechained
from tests.contract_support import MICRO, agreement_terms
from tests.delivery_support import FLAT, NDPR
from tests.desk_support import PERCENT_PPB, blotter, numbered
from tests.rules.test_deliveries import SHIPPED, begun

CARBON = SustainabilityClause(
    profile=SustainabilityProfile(carbon_cents_per_t=8_000, cap_ueur_per_kg=9 * MICRO), rule_set=rule_set()
)
RECYCLED = RecycledContent(post_consumer_ppb=PPB)
SWEDISH = (OriginStep(stage="extraction", country="SE"),)
DOCUMENT = (Evidence(title="Audit of recycled content", sha256="ab" * 32, dated_on=SHIPPED),)
SHARE_ASKED = replace(FLAT, product=replace(FLAT.product, post_consumer_min_ppb=36 * PERCENT_PPB))


def stating(**changes: Any) -> DeliveryEvidence:
    return DeliveryEvidence(**changes)


def bidding(**profile: Any) -> Any:
    price = agreement_terms().price
    assert isinstance(price, IndexedPrice)
    clause = SustainabilityClause(
        profile=SustainabilityProfile(**profile),
        rule_set=rule_set(),
        concentrated_origins=("RU", "CN"),
    )
    return agreement_terms(price=replace(price, sustainability=clause))


def test_an_origin_that_is_left_out_where_it_is_paid_for_is_told() -> None:
    for profile, expected in (
        ({"eu_origin_ueur_per_kg": MICRO}, "no premium for a European origin is paid. Withdraw"),
        ({"concentrated_origin_deduction_ueur_per_kg": MICRO}, "bid against CN, RU is taken off."),
    ):
        (found,) = silence_cautions(bidding(**profile), stating())
        assert ("origin_unstated", "/origin") == (found.code, found.pointer)
        assert expected in found.text
        assert [] == list(silence_cautions(bidding(**profile), stating(origin=SWEDISH)))
    assert [] == list(silence_cautions(bidding(), stating())) + list(silence_cautions(FLAT, stating()))


def test_what_the_price_pays_for_without_a_passport_is_told() -> None:
    held = MemberCertificate(
        certificate=numbered(1),
        facility=numbered(2),
        scheme="IRMA",
        valid_from=START,
        valid_until=START + timedelta(days=1),
    )
    evidence = stating(recycled=RECYCLED, origin=SWEDISH, certificates=(held,))
    bids: dict[str, dict[str, Any]] = {
        "recycled": {"post_consumer_ueur_per_kg": MICRO},
        "origin": {"eu_origin_ueur_per_kg": MICRO},
        "certificates": {"certificates": (CertificateAmount(scheme="IRMA", ueur_per_kg=MICRO),)},
    }
    for claim, bid in bids.items():
        assert [claim] == list(claims_paid(bidding(**bid), evidence))
        assert [] == list(claims_paid(bidding(**bid), stating()))
    assert [] == list(claims_paid(bidding(pre_consumer_ueur_per_kg=MICRO), evidence))
    assert ["recycled"] == list(claims_paid(SHARE_ASKED, evidence))
    every = bidding(**{name: worth for bid in bids.values() for name, worth in bid.items()})
    (found,) = unproven_cautions(every, evidence)
    assert ("claim_without_passport", "/passport") == (found.code, found.pointer)
    assert "depends on recycled, origin, stated by" in found.text
    assert [] == list(unproven_cautions(FLAT, evidence))


def test_a_buyer_rejects_by_a_document_what_was_stated_and_paid_for() -> None:
    assayed = begun(SHARE_ASKED).assayed(evidence=stating(recycled=RECYCLED))
    assert [("findings_unproven", "/evidence")] == blotter(lambda: assayed.reject(claims=("recycled",)))
    assert [("claim_not_paid", "/claims/0")] == blotter(
        lambda: assayed.reject(claims=("origin",), evidence=DOCUMENT)
    )
    assert [("within_specification", None)] == blotter(lambda: assayed.reject(evidence=DOCUMENT))
    fact = assayed.reject(claims=("recycled",), evidence=DOCUMENT).delivery.rejected
    assert fact is not None
    assert (("claim:recycled",), ("recycled",), DOCUMENT) == (fact.reasons, fact.claims, fact.evidence)


def test_an_audit_asks_such_a_rejection_again() -> None:
    lane = ContractLane().on(SHIPPED).draft(SHARE_ASKED, kind="spot").sign()
    lane.ship(evidence=stating(recycled=RECYCLED)).weigh().lodge("seller", **NDPR).lodge("buyer", **NDPR)
    lane.on(SHIPPED + timedelta(days=9)).reject(claims=("recycled",), evidence=DOCUMENT)
    assert audited(lane.records()).divergence is None
    last = next(event for event in reversed(lane.events) if isinstance(event.data, DeliveryRejected))
    assert isinstance(last.data, DeliveryRejected)
    forged = body_of(last, replace(last.data, claims=("origin",), reasons=("claim:origin",)))
    found = divergence_of(rechained(lane.records(), last.position - 1, forged))
    assert (last.position, "contract") == (found.position, found.kind)
