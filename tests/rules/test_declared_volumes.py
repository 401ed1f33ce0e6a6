"""Volumes that were not traded here: what is refused, what counts after a correction, and what the monitor
makes of trades and declarations together."""

from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from events.callers import Caller
from events.contract_terms import Evidence
from events.decision import Decision
from events.material_events import VolumeWithdrawn
from events.volume_terms import DeclaredMass, DeclaredOrigin, VolumeTerms
from market.rules.crma import declared_volumes
from market.rules.crma.declared import Scope, declared_taken
from market.rules.crma.declared_volumes import (
    VOLUMES_OF_QUARTER_MAX,
    CorrectVolume,
    DeclaredVolume,
    DeclareVolume,
    VolumeState,
    WithdrawVolume,
)
from market.rules.crma.shares import consumed, cover, shares
from market.rules.crma.suppliers import Bought, supplier_map
from market.rules.crma.taken import Taken
from tests.desk_support import (
    BUYER_TRADER,
    LANES,
    SELLER,
    SELLER_TRADER,
    blotter,
    moment,
    numbered,
    refusals,
)
from tests.material_lanes import MaterialLanes
from tests.passport_support import PERCENT, declared
from tests.rules.test_crma import (
    ABROAD,
    KG_MG,
    MAKER,
    MINE,
    OTHER_MAKER,
    REFINER,
    RULES,
    origin,
    reo_kg,
    taken,
)

VOLUME, OTHER, PASSPORT, EVENT = (numbered(number) for number in range(770, 774))
FUTURE = Evidence(title="invoice", sha256="cd" * 32, dated_on=date(2026, 3, 3))
STANDING = DeclaredVolume(
    volume=VOLUME, organisation=SELLER, terms=declared(), stated_by=EVENT, declared_at=moment().now,
    version=3, position=9,
)  # fmt: skip
READER = Caller(organisation=SELLER, roles=frozenset({"auditor"}))


def line(stage: Any, country: str | None, percent: int, pre: int = 0) -> DeclaredOrigin:
    return DeclaredOrigin(
        stage=stage, country=country, share_ppb=percent * PERCENT, pre_consumer_ppb=pre * PERCENT
    )


def mass(element: str, kg: int) -> DeclaredMass:
    return DeclaredMass(element=element, contained_mg=kg * KG_MG)


def declaring(terms: VolumeTerms, caller: Caller = SELLER_TRADER, **state: Any) -> Any:
    argument = DeclareVolume(caller=caller, volume=VOLUME, terms=terms)
    return declared_volumes.declare(VolumeState(lanes=LANES, **state), argument, moment())


def correcting(
    terms: VolumeTerms,
    known: DeclaredVolume | None = STANDING,
    caller: Caller = SELLER_TRADER,
    version: int = 3,
    corrects: Any = EVENT,
    **state: Any,
) -> Any:
    argument = CorrectVolume(
        caller=caller, volume=VOLUME, expected_version=version, corrects=corrects, reason="late", terms=terms
    )
    return declared_volumes.correct(VolumeState(lanes=LANES, volume=known, **state), argument, moment())


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        (declared(), []),
        (declared(origin=()), []),
        (declared(quarter=date(2026, 1, 2)), [("not_first_of_quarter", "/quarter")]),
        (declared(quarter=date(2026, 2, 1)), [("not_first_of_quarter", "/quarter")]),
        (declared(quarter=date(2026, 4, 1)), [("quarter_not_begun", "/quarter")]),
        (declared(masses=(mass("Xx", 1),)), [("element_not_monitored", "/masses/0/element")]),
        (declared(masses=(mass("Fe", 1),)), [("element_not_monitored", "/masses/0/element")]),
        (declared(masses=(mass("Nd", 1), mass("Nd", 2))), [("duplicate_entry", "/masses/1")]),
        (declared(masses=(mass("Nd", 0),)), [("malformed_member", "/masses/0/contained_mg")]),
        (declared(masses=(mass("Nd", -1),)), [("malformed_member", "/masses/0/contained_mg")]),
        (declared(masses=(mass("Nd", 100_000_001),)), [("malformed_member", "/masses/0/contained_mg")]),
        (declared(masses=()), [("malformed_member", "/masses")]),
        (declared(origin=(line("smelting", "FR", 1),)), [("malformed_member", "/origin/0/stage")]),
        (declared(counterparty_country="XX"), [("country_unknown", "/counterparty_country")]),
        (declared(origin=(line("processing", "QQ", 1),)), [("country_unknown", "/origin/0/country")]),
        (
            declared(origin=(line("processing", "FR", 60), line("processing", None, 41))),
            [("origin_over_whole", "/origin")],
        ),
        (
            declared(origin=(line("processing", None, 10), line("processing", None, 10))),
            [("duplicate_entry", "/origin/1")],
        ),
        (
            declared(origin=(line("recycling", "FR", 30),)),
            [("recycled_without_evidence", "/recycled_evidence")],
        ),
        (
            declared(origin=(line("recycling", "FR", 30, 31),), recycled_evidence=(declared().document,)),
            [("pre_consumer_above_share", "/origin/0/pre_consumer_ppb")],
        ),
        (
            declared(origin=(line("manufacturing", "FR", 30, 1),)),
            [("pre_consumer_not_recycled", "/origin/0/pre_consumer_ppb")],
        ),
        (declared(document=FUTURE), [("document_in_future", "/document/dated_on")]),
        (
            declared(recycled_evidence=(declared().document, FUTURE)),
            [("document_in_future", "/recycled_evidence/1/dated_on")],
        ),
        (
            declared(
                quarter=date(2026, 5, 2), counterparty_country="XX", origin=(line("recycling", "ZZ", 5),)
            ),
            [
                ("not_first_of_quarter", "/quarter"),
                ("quarter_not_begun", "/quarter"),
                ("country_unknown", "/counterparty_country"),
                ("country_unknown", "/origin/0/country"),
                ("recycled_without_evidence", "/recycled_evidence"),
            ],
        ),
    ],
)
def test_what_keeps_a_volume_from_being_declared(terms: VolumeTerms, expected: Any) -> None:
    assert expected == blotter(lambda: declaring(terms))
    below = [(code, f"/terms{pointer}") for code, pointer in expected]
    other = replace(STANDING, terms=declared(reference="INV-9"))
    assert below == blotter(lambda: correcting(terms, other))


@pytest.mark.parametrize(
    ("terms", "state", "detail"),
    [
        (
            declared(origin=()),
            {"others": (replace(STANDING, volume=OTHER),)},
            (
                f"vol_{OTHER.hex} declares Nd 12000 kg, Pr 3000 kg of 2026-01-01 by reference INV-1 already: "
                "correct or withdraw that one."
            ),
        ),
        (
            declared(reference="INV-2"),
            {"others": (replace(STANDING, volume=OTHER),)},
            (
                f"vol_{OTHER.hex} declares Nd 12000 kg, Pr 3000 kg of 2026-01-01 by document invoice "
                "already: correct or withdraw that one."
            ),
        ),
        (
            declared(lot_number="LOT-7"),
            {"traded_mg": {"Nd": 1_600 * KG_MG}},
            (
                "Lot LOT-7 was bought here: Nd 1600 kg count as trades, so Nd 12000 kg, Pr 3000 kg are "
                "not declared once more."
            ),
        ),
        (
            declared(direction="sold", passport=PASSPORT),
            {"traded_mg": {"Nd": 5}, "lot_mg": {}},
            (
                "This lot was sold here: Nd 0.000005 kg count as trades, so Nd 12000 kg, Pr 3000 kg are "
                "not declared once more."
            ),
        ),
        (declared(passport=PASSPORT), {}, "There is no such passport, or it is not yours."),
        (
            declared(passport=PASSPORT),
            {"lot_mg": {"Nd": 12_000 * KG_MG, "Pr": 2_999 * KG_MG}},
            "The lot of the passport holds 2999 kg of Pr, 3000 kg are declared.",
        ),
        (
            declared(),
            {"of_quarter": VOLUMES_OF_QUARTER_MAX},
            "200 volumes stand for 2026-01-01, as many as may: withdraw one, or correct one to hold more.",
        ),
    ],
)
def test_what_the_record_knows_already_is_refused_with_its_figures(
    terms: VolumeTerms, state: dict[str, Any], detail: str
) -> None:
    (found,) = refusals(lambda: declaring(terms, **state))
    assert detail == found.detail()


def test_other_goods_on_one_document_and_a_whole_lot_are_taken() -> None:
    standing: dict[str, Any] = {"others": (replace(STANDING, volume=OTHER),)}
    assert [] == blotter(lambda: declaring(declared(reference="INV-2", lot_number="LOT-8"), **standing))
    held = {"Nd": 12_000 * KG_MG, "Pr": 3_000 * KG_MG}
    assert [] == blotter(lambda: declaring(declared(passport=PASSPORT), lot_mg=held))
    used: dict[str, Any] = {"of_quarter": VOLUMES_OF_QUARTER_MAX}
    assert [] == blotter(lambda: correcting(declared(reference="INV-9"), **used))
    moved = declared(quarter=date(2025, 10, 1))
    assert [("volumes_of_quarter_used", "/terms/quarter")] == blotter(lambda: correcting(moved, **used))


def test_the_same_goods_on_another_document_are_taken() -> None:
    document = replace(declared().document, sha256="ef" * 32)
    assert [] == blotter(
        lambda: declaring(
            declared(reference="INV-2", document=document), others=(replace(STANDING, volume=OTHER),)
        )
    )


def test_nobody_declares_what_it_bought_of_itself_however_it_writes_its_name() -> None:
    terms = declared(counterparty="EXAMPLE  Magnets")
    for own_name, expected in (
        ("Example magnets", [("volume_of_oneself", "/counterparty")]),
        ("Other magnets", []),
        ("", []),
    ):
        assert expected == blotter(partial(declaring, terms, own_name=own_name))


def test_who_may_declare_and_correct_what() -> None:
    new = declared(reference="INV-9")
    gone = replace(STANDING, withdrawn=True)
    cases: tuple[tuple[Callable[[], Decision], tuple[str, str | None]], ...] = (
        (lambda: declaring(new, READER), ("role_missing", None)),
        (lambda: correcting(new, caller=READER), ("role_missing", None)),
        (lambda: correcting(new, None), ("volume_unknown", None)),
        (lambda: correcting(new, caller=BUYER_TRADER), ("volume_unknown", None)),
        (lambda: correcting(new, version=2), ("version_stale", None)),
        (lambda: correcting(new, gone), ("volume_withdrawn", None)),
        (lambda: correcting(new, corrects=OTHER), ("volume_corrects_other", "/corrects")),
        (lambda: correcting(declared()), ("no_change", None)),
    )
    for refused, expected in cases:
        assert [expected] == blotter(refused)
    for known, version, code in ((None, 3, "volume_unknown"), (gone, 3, "volume_withdrawn")):
        argument = WithdrawVolume(
            caller=SELLER_TRADER, volume=VOLUME, expected_version=version, reason="no more"
        )
        state = VolumeState(lanes=LANES, volume=known)
        assert [(code, None)] == blotter(partial(declared_volumes.withdraw, state, argument, moment()))


def test_a_fact_that_cannot_follow_is_an_error() -> None:
    of = MaterialLanes()
    of.declare(VOLUME, declared())
    of.withdraw_volume(VOLUME)
    declared_event, withdrawn = (event for lane in of.lanes.values() for event in lane)
    with pytest.raises(AssertionError, match="declared before"):
        of.fold(declared_event)
    with pytest.raises(AssertionError, match="withdrawn before"):
        of.fold(withdrawn)
    assert isinstance(withdrawn.data, VolumeWithdrawn)
    with pytest.raises(LookupError, match="never declared"):
        declared_volumes.fold(None, withdrawn, withdrawn.data)


PARTIES = {each.organisation: each for each in (MINE, REFINER, MAKER, OTHER_MAKER, ABROAD)}


def volume(number: int, declarer: Any, **changes: Any) -> DeclaredVolume:
    return replace(
        STANDING, volume=numbered(800 + number), organisation=declarer.organisation, terms=declared(**changes)
    )


def of_union(*volumes: DeclaredVolume, **scope: Any) -> list[Taken]:
    return [each for _, each in declared_taken(volumes, PARTIES, RULES, Scope(**scope))]


def test_trades_and_declarations_together_are_those_of_a_table_computed_by_hand() -> None:
    """Traded: Nd of 100 t of Mount Weld's split, 18,130 kg, mined in AU and separated in EE. Declared: Nd of
    100 t of Bayan Obo's, 18,500 kg, all of it CN; and 25,000 kg recycled in FR. Together 61,630 kg:
    the Union separates 18,130 / 61,630 and recycles 25,000 / 61,630, CN separates 18,500 / 61,630."""
    mount_weld, bayan_obo = reo_kg("mount-weld-cld", "Nd"), reo_kg("bayan-obo", "Nd")
    where = origin("extraction", "AU", 100), origin("processing", "EE", 100)
    trade = taken(REFINER, MAKER, {"Nd": mount_weld * KG_MG}, *where)
    volumes = (
        volume(
            1, OTHER_MAKER, counterparty_country="CN", masses=(mass("Nd", bayan_obo),),
            origin=(line("extraction", "CN", 100), line("processing", "CN", 100)),
        ),
        volume(2, MAKER, masses=(mass("Nd", 25_000),), origin=(line("recycling", "FR", 100, 40),)),
    )  # fmt: skip
    (nd,) = shares(consumed([trade, *of_union(*volumes)], RULES), RULES)
    assert (61_630 * KG_MG, 43_500 * KG_MG) == (nd.consumption_mg, nd.declared_mg)
    extraction, processing, recycling = nd.stages
    assert [("CN", 300_178_485), ("AU", 294_174_915)] == [
        (each.country, each.share_ppb) for each in extraction.countries
    ]
    assert (294_174_915, 0, 300_178_485, 405_646_601) == (
        processing.union_ppb,
        processing.of_declared.union_ppb,
        processing.of_declared.outside_ppb,
        processing.of_declared.undeclared_ppb,
    )
    assert ("undetermined", "undetermined") == (processing.benchmark, processing.ceiling)
    assert (405_646_601, 405_646_601, "met") == (
        recycling.union_ppb,
        recycling.of_declared.union_ppb,
        recycling.benchmark,
    )
    (alone,) = shares([trade], RULES)
    assert ("met", "not_met") == (alone.stages[1].benchmark, alone.stages[2].benchmark)


def test_a_declared_volume_is_its_declarers_on_both_sides() -> None:
    (nd, _) = shares(of_union(volume(1, MAKER), volume(2, MAKER, reference="INV-2")), RULES)
    assert nd.bought_mg == nd.sold_mg == {MAKER.group: 24_000 * KG_MG}


def test_a_market_counts_the_elements_of_its_basis() -> None:
    (both,) = of_union(volume(1, MAKER, masses=(mass("Nd", 2), mass("Dy", 1), mass("La", 5))))
    (ndpr,) = of_union(volume(1, MAKER, masses=(mass("Nd", 2), mass("Dy", 1))), basis="ndpr")
    assert {"Nd": 2 * KG_MG, "Dy": KG_MG} == both.elements
    assert {"Nd": 2 * KG_MG} == ndpr.elements


def test_net_imports_are_said_by_who_is_in_the_union() -> None:
    """In: 12 t Nd bought of JP. Out: 2 t sold to US. What ABROAD buys of DE its seller says, and 1 t that is
    bought in the Union is no import."""
    found = of_union(
        volume(1, MAKER),
        volume(2, MAKER, direction="sold", counterparty_country="US", masses=(mass("Nd", 2_000),)),
        volume(3, ABROAD, counterparty_country="DE", masses=(mass("Nd", 7_000),)),
        volume(4, MAKER, counterparty_country="DE", masses=(mass("Nd", 1_000),)),
    )
    trade = taken(MINE, MAKER, {"Nd": 5_000 * KG_MG})
    nd, _ = cover({"Nd": 1_500 * KG_MG}, [trade, *found], RULES, 90)
    assert (15_000 * KG_MG, 10_000 * KG_MG, 9) == (nd.net_imports_mg, nd.declared_mg, nd.days)
    (own,) = of_union(
        volume(3, ABROAD, counterparty_country="DE", masses=(mass("Nd", 7),)), own=ABROAD.organisation
    )
    assert ABROAD == own.buyer


def test_the_map_has_declared_suppliers_last_and_who_did_not_answer() -> None:
    (lot,) = of_union(volume(1, MAKER, masses=(mass("Nd", 10),)), own=MAKER.organisation)
    here = Bought(taken=taken(REFINER, MAKER, {"Nd": 5}), source="offer", reference=numbered(1))
    found = supplier_map([Bought(taken=lot, source="declaration", reference=numbered(801)), here])
    assert [
        (REFINER.organisation, "extraction", None, None),
        (REFINER.organisation, "processing", None, None),
        (None, "extraction", "AU", None),
        (None, "extraction", None, None),
        (None, "processing", "MY", "a separation plant"),
    ] == [(each.supplier, each.stage, each.country, each.site) for each in found]
    assert [7 * KG_MG, 3 * KG_MG, 10 * KG_MG] == [each.mass_mg for each in found[2:]]


COUNTRIES = st.sampled_from(["FR", "CN", "AU", None])
ORIGINS = st.lists(
    st.builds(line, st.sampled_from(["extraction", "processing"]), COUNTRIES, st.integers(1, 100)),
    max_size=2,
    unique_by=lambda each: each.stage,
).map(tuple)
VOLUMES = st.builds(
    lambda kg, where, element: declared(masses=(mass(element, kg),), origin=where),
    st.integers(1, 1_000),
    ORIGINS,
    st.sampled_from(["Nd", "Dy"]),
)


def counted(of: MaterialLanes) -> Any:
    """The monitor of what stands, beside a trade; whoever declared is MAKER here."""
    standing = [each for each in of.volumes.values() if not each.withdrawn]
    parties = {SELLER: replace(MAKER, organisation=SELLER)}
    found = [each for _, each in declared_taken(standing, parties, RULES, Scope())]
    return shares([taken(REFINER, MAKER, {"Nd": 500 * KG_MG}), *found], RULES)


@settings(max_examples=40)
@given(first=VOLUMES, then=VOLUMES)
def test_a_declaration_adds_its_mass_and_corrected_or_withdrawn_ones_leave_no_trace(
    first: VolumeTerms, then: VolumeTerms
) -> None:
    never, once, corrected, at_once = (MaterialLanes() for _ in range(4))
    for of, terms in ((once, first), (corrected, first), (at_once, then)):
        of.declare(VOLUME, terms)
    before = {each.element: each.consumption_mg for each in counted(never)}
    after = {each.element: each.consumption_mg for each in counted(once)}
    for each in first.masses:
        before[each.element] = before.get(each.element, 0) + each.contained_mg
    assert before == after
    if then != first:
        corrected.correct_volume(VOLUME, then)
    assert counted(corrected) == counted(at_once)
    corrected.withdraw_volume(VOLUME)
    assert counted(corrected) == counted(never)
