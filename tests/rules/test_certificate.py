"""The check without a solver: it comes to the recorded bytes, and names what of them does not hold."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import replace

from events.market_events import ClearingCompleted, ClearingEvidence, MatchStruck
from events.market_terms import AcceptedForm
from events.vocabulary import Packaging
from market.rules.clearing.breaches import CertificateBroken
from market.rules.clearing.certificate import expected_record
from market.rules.clearing.differences import first_difference
from market.rules.clearing.posing import INDIVISIBLE, MINIMUM, PORTFOLIO, TOLERANCE
from market.rules.clearing.rounds import Round
from tests.blotter import BULK, EUR, Lane, T, eur, ident, member, rule_set
from tests.rules.small_rounds import posed, small_round
from tests.rules.tampering import json_like

BAGS = Packaging(unit="big_bag", package_wet_g=T)

GAP = "duals/relaxed_dual_ueur_per_kg, sections/gap"
RELAXED = "duals/0/relaxed_dual_ueur_per_kg, duals/1/relaxed_dual_ueur_per_kg"
RELAXED_TOTAL = "duals/relaxed_dual_ueur_per_kg, sections/relaxed_bound"
PLAIN_TOTAL = "duals/plain_dual_ueur_per_kg, sections/welfare_without_sustainability"


def faults(of: Round, facts: Sequence[Struct]) -> list[str]:
    """The fields that the check names; none when the facts are what the round must have recorded."""
    try:
        expected = expected_record(of, facts)
    except CertificateBroken as broken:
        return [breach.field for breach in broken.breaches]
    found = [] if len(expected) == len(facts) else ["number of events"]
    for draft, fact in zip(expected, facts, strict=False):
        if fact != draft.data:
            difference = first_difference(json_like(fact), json_like(draft.data))
            found.append(difference.field if difference else "not one of its JSON")
    return found


def lone_trade(
    commitment: str = "firm", offered: dict[str, Any] | None = None, **rules: Any
) -> tuple[Round, list[Struct]]:
    """`offered`: terms of the offer; `rules`: of the rule set."""
    lane = Lane(rules=rule_set(**rules))
    lane.admit(member("seller"), member("buyer"))
    lane.offer("seller", "offer", ask=eur(60 * EUR), commitment=commitment, **(offered or {}))
    lane.require("buyer", "wanted", limit=eur(70 * EUR), commitment=commitment)
    of, recorded = posed(lane, lane.plan())
    return of, [draft.data for draft in recorded]


def evidence_with(facts: list[Struct], change: Callable[[ClearingEvidence], ClearingEvidence]) -> list[Any]:
    return [change(fact) if isinstance(fact, ClearingEvidence) else fact for fact in facts]


def with_dual(facts: list[Struct], index: int, **members: Any) -> list[Any]:
    def change(part: ClearingEvidence) -> ClearingEvidence:
        duals = list(part.duals)
        duals[index] = replace(duals[index], **members)
        return replace(part, duals=tuple(duals))

    return evidence_with(facts, change)


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ({"rank_dual": "many"}, "duals/0/rank_dual"),
        ({"tiebreak_dual": "0x1"}, "duals/0/tiebreak_dual"),
        ({"rank_dual": "9" * 64}, "duals/0/rank_dual"),
        ({"dual_ueur_per_kg": None}, "duals/0/dual_ueur_per_kg"),
        ({"relaxed_dual_ueur_per_kg": None}, "duals/0/relaxed_dual_ueur_per_kg"),
        ({"plain_dual_ueur_per_kg": -1}, "duals/0/plain_dual_ueur_per_kg"),
        ({"order": ident("stranger")}, "duals/0/order"),
        ({"side": "buyer"}, "duals/0/side"),
        ({"effective_reason": "because"}, "duals/0/effective_reason"),
    ],
)
def test_a_bad_entry_is_named(members: dict[str, Any], named: str) -> None:
    of, facts = lone_trade()
    assert named in ", ".join(faults(of, with_dual(facts, 0, **members)))


def test_no_reason_stands_where_the_rule_set_has_no_tolerance() -> None:
    of, facts = lone_trade(marginality_tolerance_ppb=0)
    assert "duals/0/effective_reason" in faults(of, with_dual(facts, 0, effective_reason=TOLERANCE))


def test_an_order_left_out_of_the_certificate_is_missed() -> None:
    of, facts = lone_trade()
    bad = evidence_with(facts, lambda part: replace(part, duals=part.duals[1:]))
    assert ["duals"] == faults(of, bad)


def test_a_trade_left_out_is_missed_though_all_totals_agree() -> None:
    """Nothing trades, every sum is 0, every hash is right: the edges of the book say that it should."""
    of, _ = lone_trade()
    none = Lane(rules=rule_set())
    none.admit(member("seller"), member("buyer"))
    none.offer("seller", "offer", ask=eur(80 * EUR))
    none.require("buyer", "wanted", limit=eur(70 * EUR))
    assert any("dual" in field for field in faults(of, [d.data for d in posed(none, none.plan())[1]]))


def test_a_trade_twice_and_a_trade_of_strangers_are_named() -> None:
    of, facts = lone_trade()
    twice = evidence_with(facts, lambda part: replace(part, waterfalls=part.waterfalls * 2))
    assert ["waterfalls/1"] == faults(of, twice)
    strange = evidence_with(
        facts,
        lambda part: replace(part, waterfalls=(replace(part.waterfalls[0], supply=ident("stranger")),)),
    )
    assert any("waterfalls/0/supply" in field for field in faults(of, strange))


@pytest.mark.parametrize("grams", [0, 1, 10**12, 4_000_000])
def test_other_quantities_are_named(grams: int) -> None:
    of, facts = lone_trade()
    bad = evidence_with(
        facts,
        lambda part: replace(part, waterfalls=(replace(part.waterfalls[0], quantity_basis_g=grams),)),
    )
    assert any("quantity_basis_g" in field for field in faults(of, bad))


def test_a_fill_cut_by_less_than_the_tolerance_is_no_optimum() -> None:
    """Effective capacities follow what trades; what trades is proved with whole capacities."""
    of, facts = lone_trade(marginality_tolerance_ppb=200_000_000)

    def shaved(part: ClearingEvidence) -> ClearingEvidence:
        fall = replace(part.waterfalls[0], quantity_basis_g=5_000_000)
        duals = tuple(replace(dual, filled_g=5_000_000, effective_g=5_000_000) for dual in part.duals)
        return replace(part, waterfalls=(fall,), duals=duals)

    found = faults(of, evidence_with(facts, shaved))
    assert any("dual_ueur_per_kg" in field for field in found)


def with_a_stranger() -> tuple[Round, list[Struct]]:
    """A lone trade, and a requirement of another form, which no offer fits."""
    lane = Lane(rules=rule_set())
    lane.admit(member("seller"), member("buyer"), member("other"))
    lane.offer("seller", "offer", ask=eur(60 * EUR))
    lane.require("buyer", "wanted", limit=eur(70 * EUR))
    lane.require("other", "alone", limit=eur(70 * EUR), forms=(AcceptedForm(form="metal"),))
    of, recorded = posed(lane, lane.plan())
    return of, [draft.data for draft in recorded]


def with_result(facts: list[Struct], **members: Any) -> list[Any]:
    """Another result of the first section."""
    *others, completed = facts
    assert isinstance(completed, ClearingCompleted)
    first, *rest = completed.sections
    return [*others, replace(completed, sections=(replace(first, **members), *rest))]


def removed_at_will(facts: list[Struct], reason: str) -> list[Any]:
    """As a matcher records it that leaves both orders out, consistent but for the reason."""
    return evidence_with(
        facts,
        lambda part: replace(
            part,
            waterfalls=(),
            duals=tuple(
                replace(dual, effective_reason=reason, dual_ueur_per_kg=0, rank_dual="0", tiebreak_dual="0")
                for dual in part.duals
            ),
        ),
    )


def test_an_order_removed_at_will_shows_in_the_gap() -> None:
    """That a removal was needed takes a solver to prove; what it cost at most does not."""
    of, facts = lone_trade("subject_to_confirmation")
    expected = expected_record(of, removed_at_will(facts, TOLERANCE))
    completed = expected[-1].data
    assert isinstance(completed, ClearingCompleted)
    assert str(5_600_000 * 10 * EUR) == completed.sections[1].gap
    assert "0" == completed.sections[1].welfare


@pytest.mark.parametrize(
    ("reason", "offered", "tolerance_ppb", "refused"),
    [
        (TOLERANCE, {}, 0, (0, 1)),
        (TOLERANCE, {}, 1, ()),
        (TOLERANCE, {"minimum_quantity_wet_g": 20 * T}, 1, ()),
        (MINIMUM, {}, 0, (0, 1)),
        (MINIMUM, {"minimum_quantity_wet_g": T}, 0, (1,)),
        (INDIVISIBLE, {}, 0, (0, 1)),
        (INDIVISIBLE, {"packaging": BAGS}, 0, ()),
        (PORTFOLIO, {"packaging": BAGS, "minimum_quantity_wet_g": T}, 1, (0, 1)),
    ],
)
def test_an_order_is_removed_for_what_its_terms_and_the_rules_have_and_nothing_else(
    reason: str, offered: dict[str, Any], tolerance_ppb: int, refused: tuple[int, ...]
) -> None:
    """Of product in bulk but for the last: the offer at place 0, the requirement at place 1."""
    of, facts = lone_trade(
        "subject_to_confirmation", {"packaging": BULK} | offered, marginality_tolerance_ppb=tolerance_ppb
    )
    bare = removed_at_will(facts, reason)
    if not refused:
        assert expected_record(of, bare)
        return
    with pytest.raises(CertificateBroken) as caught:
        expected_record(of, bare)
    assert [f"duals/{place}/effective_reason" for place in refused] == [
        breach.field for breach in caught.value.breaches
    ]


@pytest.mark.parametrize(
    ("place", "more", "fields"),
    [
        (0, {"relaxed_dual_ueur_per_kg": 1}, [RELAXED_TOTAL, GAP]),
        (1, {"relaxed_dual_ueur_per_kg": -1}, [RELAXED, RELAXED_TOTAL, GAP]),
        (0, {"plain_dual_ueur_per_kg": 1}, [PLAIN_TOTAL]),
        (2, {"plain_dual_ueur_per_kg": -1}, ["duals/2/plain_dual_ueur_per_kg", PLAIN_TOTAL]),
    ],
)
def test_a_bound_that_its_duals_do_not_prove_is_named(
    place: int, more: dict[str, int], fields: list[str]
) -> None:
    """The last is of an order that no other fits, whose dual lowers the bound and touches no edge."""
    of, facts = with_a_stranger()

    def moved(part: ClearingEvidence) -> ClearingEvidence:
        if part.section != "spot-firm":
            return part
        duals = list(part.duals)
        changed = {name: getattr(duals[place], name) + change for name, change in more.items()}
        duals[place] = replace(duals[place], **changed)
        return replace(part, duals=tuple(duals))

    assert fields == faults(of, evidence_with(facts, moved))


def test_a_bound_above_the_trades_is_no_bound_of_a_round_that_left_nothing_out() -> None:
    of, facts = lone_trade()
    looser = with_dual(facts, 0, relaxed_dual_ueur_per_kg=1)
    bound = str(5_600_000 * (10 * EUR + 1))
    assert [GAP] == faults(of, with_result(looser, relaxed_bound=bound, gap="5600000"))


@pytest.mark.parametrize("more_g", [0, 1])
def test_what_is_cut_as_indivisible_leaves_no_package_that_fits(more_g: int) -> None:
    """22 of 25 bags of 224 kg of basis: a cut order needs no other trade to be the best."""
    of, facts = lone_trade()
    grams = 22 * 224_000 + more_g

    def fewer(part: ClearingEvidence) -> ClearingEvidence:
        fall = replace(part.waterfalls[0], quantity_basis_g=grams)
        duals = tuple(
            replace(dual, filled_g=grams, effective_g=grams, effective_reason=INDIVISIBLE)
            for dual in part.duals
        )
        return replace(part, waterfalls=(fall,), duals=duals)

    rule = "whole_packages requires 3 packages more"
    with pytest.raises(CertificateBroken, match=f"waterfalls/0/quantity_basis_g is {grams}, {rule}"):
        expected_record(of, evidence_with(facts, fewer))


def test_a_round_that_needed_another_tie_break_is_not_proved_by_this_check() -> None:
    of, facts = lone_trade()
    with pytest.raises(CertificateBroken, match="sections/0/tries is 2, a proof without a solver requires 1"):
        expected_record(of, with_result(facts, tries=2))


def test_evidence_of_a_section_that_the_round_does_not_list_is_named() -> None:
    of, facts = lone_trade()
    (part,) = (fact for fact in facts if isinstance(fact, ClearingEvidence))
    of_another = replace(part, section="term/2030")
    assert ["section of part 1, sections"] == faults(of, [*facts[:-1], of_another, facts[-1]])


@pytest.mark.parametrize("rest", [[], [0], [0, 1]])
def test_a_record_that_does_not_end_is_no_round(rest: list[int]) -> None:
    of, facts = lone_trade()
    assert ["the last event"] == faults(of, [facts[index] for index in rest])


def test_events_in_another_order_or_too_many_differ() -> None:
    of, facts = lone_trade()
    struck = next(fact for fact in facts if isinstance(fact, MatchStruck))
    assert [] != faults(of, [facts[1], facts[0], *facts[2:]])
    assert "number of events" in faults(of, [struck, *facts])


def test_the_check_of_a_term_section_knows_its_index() -> None:
    for seed in range(200):
        of, recorded = posed(*small_round(seed))
        struck = [draft.data for draft in recorded if isinstance(draft.data, MatchStruck)]
        if any(fact.section.startswith("term/") for fact in struck):
            assert recorded == expected_record(of, [draft.data for draft in recorded])
            return
    raise AssertionError("no seed trades a term order")


def test_a_sentence_says_where_what_and_why() -> None:
    of, facts = lone_trade()
    with pytest.raises(CertificateBroken) as caught:
        expected_record(of, with_dual(facts, 1, dual_ueur_per_kg=3))
    sentence = caught.value.breaches[0].sentence()
    assert sentence.startswith("spot-firm: duals/0/dual_ueur_per_kg, duals/1/dual_ueur_per_kg is 3, ")
