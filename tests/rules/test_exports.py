"""A book and a certificate as files: cleared, checked, and every way in which they do not belong together."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from market.rules.book import Book
from market.rules.clearing.clearing import conclude
from market.rules.clearing.exports import (
    BookFile,
    CertificateFile,
    NoRuleSet,
    book_faults,
    book_sha256,
    certificate_of,
    faults,
    on_paper,
)
from market.rules.optimum.compiled import COMPILE_FROM_ARCS
from market.rules.viewers import AuditorViewer, OperatorViewer
from market.rules.visibility.visibility import see_book
from tests.blotter import MARKET, Lane, ident, member
from tests.rules.test_clearing import busy_market
from tests.rules.wide_round import ORDERS_A_SIDE

CHECKOUT = Path(__file__).parents[2]


def certified(seed: int = 3) -> tuple[Book, CertificateFile, list[Any]]:
    book = busy_market(seed).book
    drafts = conclude(*on_paper(book))
    return book, certificate_of(book, drafts), [draft.data for draft in drafts]


def test_what_was_cleared_is_proved() -> None:
    book, certificate, facts = certified()
    assert () == faults(book, certificate, facts)
    assert len(facts) > 10


def test_a_book_survives_its_file() -> None:
    book, certificate, facts = certified()
    again = msgspec.json.decode(
        msgspec.json.encode(BookFile(format="lodestone-book-1", book=book)), type=BookFile
    ).book
    assert book == again
    assert () == faults(again, certificate, facts)


def test_a_lanes_book_has_no_faults_and_each_quantity_or_id_that_cannot_be_is_named() -> None:
    book = busy_market(3).book
    assert [] == list(book_faults(book))
    (first, supply), (second, other) = list(book.supplies.items())[:2]
    wanted, requirement = next(iter(book.requirements.items()))
    terms = replace(supply.terms, net_wet_g=0)
    supplies = book.supplies | {
        first: replace(supply, held_g=-1, tranche_committed_g=(-1,), terms=terms),
        second: replace(other, order=first),
    }
    taken = replace(requirement, filled_g=requirement.terms.basis_g + 1)
    requirements = book.requirements | {wanted: taken, second: replace(requirement, order=second)}
    bad = replace(book, supplies=supplies, requirements=requirements)
    assert {
        f"/book/supplies/{first}/held_g",
        f"/book/supplies/{first}/terms/net_wet_g",
        f"/book/supplies/{first}/tranche_committed_g/0",
        f"/book/supplies/{second}/order",
        f"/book/requirements/{wanted}",
        f"/book/requirements/{second}",
    } == {fault.field for fault in book_faults(bad)}


def test_the_same_book_in_another_order_has_the_same_hash_and_certificate() -> None:
    book, certificate, _ = certified()
    mixed = busy_market(3, shuffle=1).book
    assert book_sha256(book) == book_sha256(mixed)
    assert certificate == certificate_of(mixed, conclude(*on_paper(mixed)))


def test_a_certificate_of_another_book_is_told_so() -> None:
    _, certificate, facts = certified(3)
    other, _, _ = certified(4)
    found = faults(other, certificate, facts)
    assert ["book_sha256"] == [fault.field for fault in found]
    assert found[0].sentence.endswith("it is of another book")


def test_another_price_and_another_salt_are_named() -> None:
    book, certificate, facts = certified()
    first = certificate.facts[0]
    dearer = {**first.data, "price_ueur_per_kg": first.data["price_ueur_per_kg"] + 1}
    bad = replace(certificate, facts=(replace(first, data=dearer), *certificate.facts[1:]))
    assert ["facts/0/price_ueur_per_kg"] == [fault.field for fault in faults(book, bad, facts)]
    salted = replace(certificate, facts=(replace(first, salt="f" * 32), *certificate.facts[1:]))
    assert ["facts/0/salt"] == [fault.field for fault in faults(book, salted, facts)]


def test_facts_that_are_missing_are_counted() -> None:
    book, certificate, facts = certified()
    found = faults(book, replace(certificate, facts=certificate.facts[1:]), facts)
    assert "facts" == found[0].field


def test_what_proves_nothing_is_named_by_its_breach() -> None:
    book, certificate, facts = certified()
    assert ["the last event"] == [fault.field for fault in faults(book, certificate, facts[:-1])]


def test_a_book_without_a_rule_set_has_no_round() -> None:
    book = busy_market(3).book
    with pytest.raises(NoRuleSet):
        on_paper(msgspec.structs.replace(book, rule_sets=[]))


def test_the_same_bytes_with_and_without_the_compiler_and_with_other_hash_seeds() -> None:
    """In processes of their own: what compiles and how words hash is fixed at their start."""
    assert ORDERS_A_SIDE**2 > COMPILE_FROM_ARCS
    command = [sys.executable, "-m", "tests.rules.wide_round"]
    found = {
        subprocess.run(
            command, env={**os.environ, **environment}, check=True, capture_output=True, cwd=CHECKOUT
        ).stdout
        for environment in ({"PYTHONHASHSEED": "1"}, {"PYTHONHASHSEED": "2", "LODESTONE_NO_NUMBA": "1"})
    }
    assert [64] == [len(each) for each in found]


def test_clearing_on_paper_leaves_the_book_as_it_was() -> None:
    book = busy_market(3).book
    before = book_sha256(book)
    conclude(*on_paper(book))
    assert (before, None) == (book_sha256(book), book.plan)


def test_an_operator_sees_no_order_that_no_cut_has_taken_and_no_answer() -> None:
    lane = Lane()
    lane.admit(member("seller"), member("buyer"))
    lane.offer("seller", "early", commitment="subject_to_confirmation")
    lane.require("buyer", "early wanted", basis_g=1_000_000)
    cut = lane.plan()
    lane.append(conclude(lane.book, cut))
    lane.offer("seller", "late")
    lane.require("buyer", "late wanted")
    match = next(iter(lane.book.matches))
    lane.book.matches[match] = replace(lane.book.matches[match], seller_answer="confirmed", version=2)
    seen = see_book(lane.book, OperatorViewer(cut=cut.position))
    assert ({ident("early")}, {ident("early wanted")}) == ({*seen.supplies}, {*seen.requirements})
    assert (None, 1) == (seen.matches[match].seller_answer, seen.matches[match].version)
    assert lane.book is see_book(lane.book, AuditorViewer())
    assert MARKET == seen.market
