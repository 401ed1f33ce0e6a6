"""Hashes, derived ids and parts of evidence."""

from hashlib import sha256
from typing import Any
from uuid import UUID

import msgspec
import pytest

from events.clearing_terms import (
    ListedWaterfall,
    OrderDual,
    Premium,
    PriceTerm,
    TermKind,
    Waterfall,
    waterfall_of,
)
from events.codec import BODY_BYTES_MAX
from events.market_events import ClearingCompleted, ClearingEvidence, MatchStruck
from events.vocabulary import Tranche, ValueChainStage
from market.rules.clearing.clearing import clear
from market.rules.clearing.evidence import (
    PART_BYTES_HELD,
    PART_BYTES_MAX,
    DerivedSalts,
    Evidence,
    derived_id,
    edges_sha256,
    fact_sha256,
    root_sha256,
)
from market.rules.clearing.graph import edges
from market.rules.clearing.written import encoded, fact_template
from tests.blotter import EUR, MARKET, Lane, T, days, eur, facts_of_type, ident, member

PLAN = ident("plan")


def fall(index: int) -> Waterfall:
    numbers: dict[str, Any] = {
        name: index
        for name in Waterfall.__struct_fields__
        if name not in ("supply", "requirement", "terms", "premiums")
    }
    kinds: tuple[tuple[TermKind, int], ...] = (("form", 0), ("logistics", index % 100), ("carbon", index))
    terms = tuple(
        PriceTerm(kind=kind, rule="rule.1", ueur_per_kg=worth, inputs={"text": "x" * 500})
        for kind, worth in kinds
    )
    return Waterfall(supply=ident(f"s{index}"), requirement=ident(f"r{index}"), terms=terms, **numbers)


def listed(of: Waterfall) -> bytes:
    told = msgspec.structs.asdict(of)
    del told["terms"]
    return fact_template(ListedWaterfall(**told, lines=()), ("lines",))


def dual(index: int) -> OrderDual:
    return OrderDual(
        order=ident(f"o{index}"),
        side="seller",
        capacity_g=1,
        filled_g=0,
        surplus_ueur_per_kg=0,
        low_ueur_per_kg=0,
        high_ueur_per_kg=0,
        rank_dual="0",
        tiebreak_dual="0",
        marginal=False,
    )


def test_ids_derive_from_the_plan_and_what_they_name() -> None:
    first = derived_id(PLAN, "match", b"a", b"b")
    expected = bytearray(sha256(PLAN.bytes + b"match" + b"ab").digest()[:16])
    expected[6], expected[8] = expected[6] & 0x0F | 0x80, expected[8] & 0x3F | 0x80
    assert UUID(bytes=bytes(expected)) == first
    assert (8, "specified in RFC 4122") == (first.version, first.variant)
    others = {
        derived_id(PLAN, "match", b"a", b"c"),
        derived_id(PLAN, "event", b"a", b"b"),
        derived_id(ident("p2"), "match"),
    }
    assert 3 == len(others - {first})


def test_salts_derive_from_the_plans_salt() -> None:
    salt = DerivedSalts("00" * 16, "match").of(b"a")
    assert sha256(bytes(16) + b"match" + b"a").hexdigest()[:32] == salt


def test_parts_stay_below_what_a_record_may_hold_and_lose_nothing() -> None:
    falls, duals = [fall(index) for index in range(1_500)], [dual(index) for index in range(3_000)]
    evidence = Evidence(MARKET, PLAN, 1)
    evidence.begin("spot-firm")
    for each in falls:
        evidence.add_waterfalls([listed(each)], [list(map(encoded, each.terms))], [()])
    evidence.add("duals", list(map(encoded, duals)))
    evidence.begin("spot-all")
    evidence.add("duals", [encoded(dual(9))])
    bodies = list(evidence.parts())
    parts = [msgspec.json.decode(body, type=ClearingEvidence) for body in bodies]
    assert bodies == [msgspec.json.encode(part, order="deterministic") for part in parts]
    assert falls == [waterfall_of(each, part.lines) for part in parts for each in part.waterfalls]
    assert all(len(part.lines) == len({msgspec.json.encode(line) for line in part.lines}) for part in parts)
    assert [*duals, dual(9)] == [each for part in parts for each in part.duals]
    assert [(k, len(parts)) for k in range(1, len(parts) + 1)] == [(part.part, part.parts) for part in parts]
    assert len(parts) > 3
    assert {"spot-firm", "spot-all"} == {part.section for part in parts}
    assert max(map(len, bodies)) < PART_BYTES_MAX + 1_000 < BODY_BYTES_MAX


@pytest.mark.parametrize("at_once", [1, 7, 500])
def test_a_round_is_parted_as_rounds_before_it_were_however_it_is_told(at_once: int) -> None:
    """Where a part ends is told by the bytes of a record, which an audit makes again."""
    falls = [fall(index) for index in range(500)]
    evidence = Evidence(MARKET, PLAN, 1)
    evidence.begin("spot-firm")
    for start in range(0, len(falls), at_once):
        some = falls[start : start + at_once]
        lines = [list(map(encoded, each.terms)) for each in some]
        evidence.add_waterfalls(map(listed, some), lines, [()] * len(some))
    evidence.add("duals", [encoded(dual(index)) for index in range(2_500)])
    parts = [msgspec.json.decode(body, type=ClearingEvidence) for body in evidence.parts()]
    assert [(217, 0), (217, 0), (66, 1_249), (0, 1_251)] == [
        (len(part.waterfalls), len(part.duals)) for part in parts
    ]


def test_premiums_of_many_limits_do_not_swell_a_part_beyond_a_record() -> None:
    """400 trades under a dozen binding limits; what 512 KiB can hold is split as without premiums."""
    lines = [encoded(term) for term in fall(1).terms]
    stages: tuple[ValueChainStage, ...] = ("extraction", "processing", "recycling", "manufacturing")
    premiums = tuple(
        Premium(limit="third_country_max", stage=stage, country=country, ueur_per_kg=-(10**11))
        for stage in stages
        for country in ("CN", "MM", "VN")
    )
    found = {}
    for told in ((), premiums[:2], premiums):
        evidence = Evidence(MARKET, PLAN, 1)
        evidence.begin("spot-firm")
        for index in range(400):
            of = msgspec.structs.replace(fall(10**11 - index), premiums=told)
            evidence.add_waterfalls([listed(of)], [lines], [told])
        bodies = list(evidence.parts())
        counts = [len(msgspec.json.decode(body, type=ClearingEvidence).waterfalls) for body in bodies]
        found[len(told)] = counts, max(map(len, bodies))
    assert [400] == found[0][0] == found[2][0]
    counts, largest = found[12]
    assert (400, 2) == (sum(counts), len(counts))
    assert PART_BYTES_MAX < largest < PART_BYTES_HELD + 1_000 < BODY_BYTES_MAX - 1_000


def test_a_section_without_orders_leaves_no_part() -> None:
    evidence = Evidence(MARKET, PLAN, 1)
    evidence.begin("spot-firm")
    assert [] == list(evidence.parts())


def test_the_completed_round_names_all_its_evidence_and_matches() -> None:
    lane = Lane()
    lane.admit(member("seller"), member("buyer"))
    lane.offer("seller", "offer")
    lane.require("buyer", "wanted")
    events = lane.round()
    salt = {id(event.data): event.salt for event in events}
    completed = facts_of_type(events, ClearingCompleted)[0]
    parts, struck = facts_of_type(events, ClearingEvidence), facts_of_type(events, MatchStruck)
    assert (
        tuple(fact_sha256(encoded(part), salt[id(part)]).hex() for part in parts) == completed.evidence_sha256
    )
    assert (
        root_sha256(fact_sha256(encoded(each), salt[id(each)]) for each in struck) == completed.matches_sha256
    )


def test_a_hash_that_everybody_sees_cannot_be_guessed_back_to_a_limit() -> None:
    """All that a party does not know of a lone trade is the other's limit: without the salt it could try."""
    plain = encoded(fall(1))
    salted = fact_sha256(plain, "ab" * 16)
    assert sha256(plain).digest() != salted
    assert fact_sha256(plain, "ac" * 16) != salted == fact_sha256(plain, "ab" * 16)


def test_the_edges_hash_is_over_ids_tranche_and_value_of_each_edge_in_order() -> None:
    lane = Lane()
    lane.admit(member("seller"), member("buyer"))
    halves = (Tranche(window=days(10, 20), net_wet_g=15 * T), Tranche(window=days(30, 40), net_wet_g=10 * T))
    lane.offer("seller", "offer", tranches=halves)
    lane.require("buyer", "wanted")
    lane.require("buyer", "more", limit=eur(99 * EUR))
    cleared = clear(lane.book, lane.plan()).sections[0]
    by_hand = b"".join(
        ident("offer").bytes
        + tranche.to_bytes(4, "big")
        + ident(wanted).bytes
        + (limit - 60 * EUR).to_bytes(8, "big")
        for tranche in (0, 1)
        for wanted, limit in (("wanted", 70 * EUR), ("more", 99 * EUR))
    )
    assert sha256(by_hand).hexdigest() == cleared.edges_sha256


@pytest.mark.parametrize("change", ["ask", "limit", "ids"])
def test_the_edges_hash_moves_with_every_edge(change: str) -> None:
    def hashed(changed: str) -> str:
        lane = Lane()
        lane.admit(member("seller"), member("buyer"))
        lane.offer("seller", "offer" if changed != "ids" else "other", ask=eur(EUR + (changed == "ask")))
        lane.require("buyer", "wanted", limit=eur(2 * EUR + (changed == "limit")))
        cleared = clear(lane.book, lane.plan()).sections[0]
        assert cleared.edges_sha256 == edges_sha256(cleared.posed.section, edges(cleared.posed.section))
        return cleared.edges_sha256

    assert hashed("nothing") == hashed("nothing")
    assert hashed("nothing") != hashed(change)
