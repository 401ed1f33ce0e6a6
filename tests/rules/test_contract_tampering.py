"""Every leaf of every fact of agreements changed, with the whole chain computed anew behind it."""

from collections.abc import Sequence
from functools import reduce
from random import Random
from typing import Any, get_args

import msgspec
import pytest
from msgspec import UNSET, Struct

from events.contract_events import (
    AgreementDrafted,
    AgreementProposed,
    AgreementSigned,
    InvoiceSettled,
    YearAssessed,
)
from events.delivery_events import (
    AssaysExchanged,
    DeliveryAccepted,
    DeliveryRejected,
    DeliveryShipped,
    NonArrivalDeclared,
    NonArrivalSettled,
    UmpireDecided,
    WeighingObjected,
    WeighingSettled,
)
from events.envelope import Recorded
from events.facts import ContractFact
from tests.contract_journeys import JOURNEYS, audited, body_of, divergence_of, journey
from tests.contract_lane import rechained
from tests.rules.tampering import Path, json_like, leaves, tampered

Place = tuple[str, Recorded, Path]
"""A leaf of an event of a journey."""


def pattern(path: Path) -> str:
    """The same for every entry of a list, and for every index value that a line shows."""
    steps = [
        "*" if isinstance(step, int) or step.startswith(("index_2", "rate_2")) else step for step in path
    ]
    return "/".join(steps)


def places(kind: type[Struct], seed: int) -> list[Place]:
    """One place for every pattern of a kind's leaves; proposals that nobody signed promise nothing, and the
    bill of an umpire's assay, or a mass or loss, that was objected to is nobody's."""
    found: dict[str, list[Place]] = {}
    for name in JOURNEYS:
        facts = [event.data for event in journey(name).events]
        signed = {fact.proposal for fact in facts if isinstance(fact, AgreementSigned)}
        for event in journey(name).events:
            number = 1 if kind is AgreementDrafted else getattr(event.data, "proposal", None)
            unsigned = kind in (AgreementDrafted, AgreementProposed) and number not in signed
            if type(event.data) is kind and not unsigned:
                whole = json_like(event.data)
                for path in leaves(whole):
                    if reduce(lambda inside, step: inside[step], path, whole) is None:
                        continue
                    if path == ("cost_cents",) and getattr(event.data, "object_by", UNSET) is not UNSET:
                        continue
                    if path[-1] in ANSWERED and not taken(event.data, facts):
                        continue
                    found.setdefault(pattern(path), []).append((name, event, path))
    rng = Random(seed)
    return [rng.choice(of_pattern) for of_pattern in found.values()]


ANSWERED = {"net_wet_g", "moisture_ppb", "before_handover"}


def taken(fact: Struct, facts: Sequence[Any]) -> bool:
    """Whether anything follows from a mass, or a loss, that the other side may contest: it let it stand."""
    if isinstance(fact, NonArrivalDeclared):
        return any(
            isinstance(each, NonArrivalSettled)
            and each.delivery == fact.delivery
            and each.risk == "seller"
            and each.outcome == "stands"
            and not (each.by is UNSET and each.evidence)
            and each.before_handover
            for each in facts
        )
    if isinstance(fact, WeighingObjected):
        return any(
            isinstance(each, WeighingSettled)
            and each.survey is UNSET
            and (each.delivery, each.net_wet_g) == (fact.delivery, fact.net_wet_g)
            for each in facts
        )
    return getattr(fact, "object_by", UNSET) is UNSET


PAPERS = {"evidence/*/title", "evidence/*/sha256"}
FREE = {
    "AgreementProposed": {"note"},
    "AgreementTerminated": {"note", *PAPERS},
    "AssayLodged": {"laboratory", "reference"},
    "DeliveryShipped": {"invoice", "lot_number"},
    "ContestSettled": PAPERS,
    "DeclarationContested": {"reason", *PAPERS},
    "DeliveryWeighed": PAPERS,
    "DeliveryWithdrawn": {"reason"},
    "WeighingObjected": {"reason", *PAPERS},
    "NonArrivalDeclared": {"reason", *PAPERS},
    "NonArrivalContested": {"reason", *PAPERS},
    "NonArrivalSettled": PAPERS,
    "WeighingSettled": {"survey/reference", "survey/certificate/title", "survey/certificate/sha256"},
    "ForceMajeureDeclared": {"reason", "period/end", *PAPERS},
    "IndexPublished": {"values/*/source"},
    "InvoiceReferenced": {"reference", "dated_on"},
    "InvoiceSettled": {"invoice"},
    "QuantityNominated": {"nomination"},
    "ReturnDeclared": {"reason", "lot_number", "passport", *PAPERS},
    "ReturnContested": {"reason", *PAPERS},
    "ReturnSettled": PAPERS,
    "PaymentDenied": {"reason"},
    "PaymentReceived": {"reference", "value_on", "parts/*/amount_cents"},
    "PaymentReversed": {"reason"},
    "PaymentStated": {"reference", "value_on", "parts/*/amount_cents"},
    "PaymentWithdrawn": {"reason"},
    "ShortfallNotified": {"reason"},
    "UmpireDecided": {"reference", "certificate/title", "certificate/sha256"},
    "UmpireObjected": {"reason", "evidence/*/title", "evidence/*/sha256", "evidence/*/dated_on"},
    "ConditionSettled": PAPERS,
}
"""What somebody said and nothing follows from: another word there is a record of something else."""
ROUNDED = {"net_wet_g", "moisture_ppb", "output_g", "fraction_ppb"}
"""Changed by a thousand, since what is one more may be rounded to the same grams of basis."""


def changed(fact: Struct, path: Path) -> Struct | None:
    return tampered(fact, path, by=1_000 if path[-1] in ROUNDED else 1)


@pytest.mark.parametrize("kind", get_args(ContractFact))
def test_no_leaf_of_a_fact_is_changed_unseen(kind: type[Struct]) -> None:
    """With every later chain value computed anew. Where a leaf follows from others, both values are told."""
    unseen: list[str] = []
    tried = 0
    for name, event, path in places(kind, seed=2026):
        other = changed(event.data, path)
        if other is None or other == event.data:
            continue
        tried += 1
        records = journey(name).records()
        found = audited(rechained(records, event.position - 1, body_of(event, other))).divergence
        if found is None:
            unseen.append(pattern(path))
        elif found.position == event.position and found.field == "/".join(map(str, path)):
            assert (json_at(other, path), json_at(event.data, path)) == (found.recorded, found.expected)
    assert tried
    assert set(unseen) <= FREE.get(kind.__name__, set())


def json_at(fact: Struct, path: Path) -> str:
    value: Any = json_like(fact)
    for step in path:
        value = value[step]
    return msgspec.json.encode(value).decode()


FIGURES = {
    AssaysExchanged: {"settled/*/settled_ppb", "settled/*/seller_ppb"},
    DeliveryAccepted: {"quantity_g", "year"},
    DeliveryRejected: {"quantity_g"},
    DeliveryShipped: {"quantity_g", "year", "lines/*/amount_cents", "lines/*/price_micro_per_kg"},
    InvoiceSettled: {
        "lines/*/amount_cents",
        "lines/*/price_micro_per_kg",
        "lines/*/quantity_g",
        "lines/*/remainder_micro_g_per_kg",
        "lines/*/terms/*/after_micro_per_kg",
        "lines/*/terms/*/inputs/*",
        "total_cents",
    },
    UmpireDecided: {"settled/*/settled_ppb"},
    YearAssessed: {
        "ledger/acq_g",
        "ledger/taken_g",
        "ledger/force_majeure_g",
        "ledger/seller_shortfall_g",
        "ledger/off_spec_g",
        "ledger/take_or_pay_g",
        "ledger/price_micro_per_kg",
        "ledger/deficiency_g",
        "ledger/deficiency_cents",
        "ledger/make_up_balance_g",
        "ledger/make_up_balance_cents",
        "ledger/make_up/*/quantity_g",
        "ledger/make_up/*/paid_cents",
        "ledger/carry_forward_balance_g",
        "ledger/deliver_or_pay_cents",
    },
}


@pytest.mark.parametrize("kind", FIGURES)
def test_a_figure_that_does_not_follow_is_named_where_it_stands(kind: type[Struct]) -> None:
    tried = set()
    for name, event, path in places(kind, seed=7):
        if pattern(path) not in FIGURES[kind]:
            continue
        tried.add(pattern(path))
        other = changed(event.data, path)
        assert other is not None
        found = divergence_of(rechained(journey(name).records(), event.position - 1, body_of(event, other)))
        assert (event.position, "contract", "/".join(map(str, path))) == (
            found.position,
            found.kind,
            found.field,
        )
        assert (json_at(other, path), json_at(event.data, path)) == (found.recorded, found.expected)
    assert FIGURES[kind] == tried
