"""What a round or a contract computes keeps to the bounds of the record, and what does not ends its round."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from contracts.rules.matched import from_match
from events.codec import BODY_BYTES_MAX, encode_fact
from events.contract_events import AgreementDrafted
from events.contract_terms import SPLITTING_LIMITS_MAX
from events.decision import Moment
from events.market_events import ClearingAbandoned, MatchConfirmed, MatchStruck
from events.market_terms import CoProductBid, PenaltyRule, SustainabilityProfile
from events.vocabulary import (
    ANALYTES,
    INTEGER_MAX,
    MASS_G_MAX,
    PPB,
    PRICE_UEUR_PER_KG_MAX,
    Packaging,
    RecycledContent,
)
from market.audit.round_audit import BY_CERTIFICATE, BY_SOLVER, RoundCheck
from market.rules.clearing import amounts, valuation, written
from market.rules.clearing.clearing import abandonment, conclude, concluded
from market.rules.clearing.written import Unrecordable, WrittenDraft, decoded
from market.rules.market_inputs import MarketInputs
from market.rules.match_terms import match_terms
from tests.blotter import BULK, MARKET, START, Lane, eur, ident, member
from tests.rules.test_lane_audit import audited, found, records, traded

BEYOND = INTEGER_MAX * 10**7 * 100
ABANDONED_BYTES_MAX = 500
"""More than an abandonment takes, and less than a match."""


def of_the_dearest() -> Lane:
    """Two orders that trade for 10 ** 16 cents, where pairs of such worth are let through."""
    lane = Lane()
    lane.admit(member("seller"), member("buyer"))
    price = eur(PRICE_UEUR_PER_KG_MAX)
    lane.offer("seller", "offer", net_wet_g=MASS_G_MAX, basis_g=MASS_G_MAX, ask=price)
    lane.require("buyer", "wanted", basis_g=MASS_G_MAX, limit=price)
    return lane


@pytest.fixture
def unguarded(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (amounts, valuation):
        monkeypatch.setattr(module, "AMOUNT_UEUR_G_PER_KG_MAX", BEYOND)


@pytest.mark.usefixtures("unguarded")
def test_a_round_of_which_a_member_is_beyond_its_bound_is_abandoned_and_names_it() -> None:
    lane = of_the_dearest()
    (draft,) = conclude(lane.book, lane.plan())
    assert isinstance(draft.data, ClearingAbandoned)
    assert "unrecordable" == draft.data.code
    assert "market.match.struck.v1" in draft.data.reason
    assert "amount_cents_eur" in draft.data.reason


@pytest.mark.parametrize(
    ("rounds", "unproven"), [(BY_CERTIFICATE, 1), (BY_SOLVER, 0)], ids=["certificate", "solver"]
)
def test_its_abandonment_is_audited_like_any_that_a_round_gives(
    rounds: RoundCheck, unproven: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane = traded()
    monkeypatch.setattr(written, "ENVELOPE_BYTES_MAX", BODY_BYTES_MAX - ABANDONED_BYTES_MAX)
    (draft,) = conclude(lane.book, lane.plan())
    lane.append([draft])
    lane.offer("seller", "later")
    assert (None, 0, unproven) == found(audited(records(lane), rounds))


def test_no_matcher_gives_that_reason_for_a_round_that_can_be_recorded() -> None:
    lane = traded()
    lane.append([abandonment(lane.plan(), "unrecordable", "Told so.")])
    assert ("clearing", 0, 0) == found(audited(records(lane), BY_SOLVER))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"amount_cents_eur": INTEGER_MAX + 1}, "amount_cents_eur"),
        ({"section": "x" * 65}, "section"),
        ({"section": "a\u0007b"}, "control character"),
        ({"quantity_basis_g": -1}, "quantity_basis_g"),
    ],
)
def test_what_no_reader_could_decode_is_no_draft(change: dict[str, Any], told: str) -> None:
    with pytest.raises(Unrecordable, match=told):
        decoded(_changed(**change))


def test_what_is_larger_than_an_event_is_no_draft() -> None:
    draft = _changed()
    spaces = b" " * (512 * 1024 - len(draft.data) - 1000)
    with pytest.raises(Unrecordable, match="bytes"):
        decoded(replace(draft, data=draft.data + spaces))


def _changed(**members: Any) -> WrittenDraft:
    lane = Lane()
    lane.admit(member("seller"), member("buyer"))
    lane.offer("seller", "offer")
    lane.require("buyer", "wanted")
    first = next(concluded(lane.book, lane.plan()))
    data = msgspec.json.decode(first.data) | members
    return replace(first, data=msgspec.json.encode(data, order="deterministic"))


AMOUNTS = st.sampled_from([-INTEGER_MAX, -PRICE_UEUR_PER_KG_MAX, -1, 0, 1, 10**9, 10**12, INTEGER_MAX])
PRICES = st.sampled_from([-PRICE_UEUR_PER_KG_MAX, -1, 0, 1, 10**6, 10**8, PRICE_UEUR_PER_KG_MAX])
MASSES = st.sampled_from([1, 10**3, 10**6, 10**9, MASS_G_MAX // 2, MASS_G_MAX])
OTHERS = sorted(ANALYTES - {"LOI", "Nd", "Pr"})


@given(data=st.data())
def test_orders_at_the_ends_of_their_types_make_rounds_that_are_recorded(data: st.DataObject) -> None:
    lane = Lane()
    lane.admit(*(member(name) for name in ("s0", "s1", "b0", "b1")))
    for number in range(2):
        mass_g = data.draw(MASSES)
        lane.offer(
            f"s{number}",
            f"offer {number}",
            net_wet_g=mass_g,
            basis_g=data.draw(MASSES),
            packaging=data.draw(st.sampled_from([BULK, Packaging(unit="big_bag", package_wet_g=mass_g)])),
            minimum_parcel_wet_g=1,
            ask=eur(data.draw(PRICES)),
            recycled=RecycledContent(post_consumer_ppb=data.draw(st.sampled_from([0, 1, PPB]))),
        )
        lane.require(
            f"b{number}",
            f"wanted {number}",
            basis_g=data.draw(MASSES),
            minimum_parcel_g=1,
            limit=eur(data.draw(PRICES)),
            profile=SustainabilityProfile(
                post_consumer_ueur_per_kg=data.draw(AMOUNTS),
                floor_ueur_per_kg=-data.draw(st.sampled_from([0, 1, INTEGER_MAX])),
                cap_ueur_per_kg=data.draw(st.sampled_from([0, 1, INTEGER_MAX])),
            ),
            penalties=(
                PenaltyRule(
                    analyte="Fe",
                    threshold_ppb=0,
                    step_ppb=data.draw(st.sampled_from([1, 10**6, PPB])),
                    ueur_per_kg_per_step=data.draw(st.sampled_from([0, 1, INTEGER_MAX])),
                ),
            ),
        )
    plan = lane.plan()
    for draft in conclude(lane.book, plan):
        encode_fact(draft.data)
        assert not isinstance(draft.data, ClearingAbandoned) or "unrecordable" != draft.data.code


@pytest.mark.parametrize("paid", [0, 30, 32])
def test_a_contract_states_as_many_splitting_limits_as_it_can_hold(paid: int) -> None:
    """Of what is paid for all; of what is penalised alone those that have room beside them."""
    sold = CoProductBid(analyte="Dy", price_ueur_per_kg=1, payable_ppb=PPB, max_ratio_ppb=PPB)
    contract = _contract(
        co_products=tuple(replace(sold, analyte=analyte) for analyte in OTHERS[:paid]),
        penalties=tuple(
            PenaltyRule(analyte=analyte, threshold_ppb=1000, step_ppb=1, ueur_per_kg_per_step=1)
            for analyte in OTHERS[32:64]
        ),
    )
    (drafted, _) = from_match(0, contract, Moment(now=START, new_id=lambda: ident("agreement"))).drafts
    encode_fact(drafted.data)
    assert isinstance(drafted.data, AgreementDrafted)
    splitting = drafted.data.terms.assay.splitting
    assert min(paid + 2 + 32, SPLITTING_LIMITS_MAX) == len(splitting)
    assert {"Nd", "Pr", *OTHERS[:paid]} <= {limit.analyte for limit in splitting}


def _contract(**terms: Any) -> MatchConfirmed:
    lane = Lane()
    lane.admit(member("seller"), member("buyer"))
    lane.offer("seller", "offer")
    lane.require("buyer", "wanted")
    struck = conclude(lane.book, lane.plan())[0].data
    assert isinstance(struck, MatchStruck)
    supply, requirement = lane.book.supplies, lane.book.requirements
    given = match_terms(
        struck, supply[struck.supply].terms, requirement[struck.requirement].terms, (), "ndpr", MarketInputs()
    )
    return MatchConfirmed(
        market=MARKET,
        match=struck.match,
        supply=struck.supply,
        requirement=struck.requirement,
        seller=ident("seller"),
        buyer=ident("buyer"),
        quantity_basis_g=struck.quantity_basis_g,
        contract=replace(given, **terms),
    )
