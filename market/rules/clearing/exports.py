"""Files of a book and of a round's certificate, which can be cleared and checked without a server."""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any, Literal
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from events.catalog import type_of
from events.envelope import Draft, Fact, Recorded
from events.market_events import ClearingPlanned
from events.vocabulary import Sha256Hex
from market.rules.book import Book, RequirementOrder, SupplyOrder, rule_set_at
from market.rules.clearing.breaches import CertificateBroken
from market.rules.clearing.certificate import expected_record
from market.rules.clearing.clearings import rule_set_sha256
from market.rules.clearing.differences import first_difference
from market.rules.clearing.evidence import derived_id
from market.rules.clearing.rounds import posed_round

PAPER_SALT = "0" * 32
PAPER_LANE = 0
"""The lane number of a round computed from a file, which belongs to no lane; its salts are not secret to the
holder of the book."""

_encoder = msgspec.json.Encoder(order="deterministic")


class NoRuleSet(Exception):
    """The book has no rule set in effect at its last event, so it cannot be cleared."""


class BookFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A market's book at `book.position`, with the terms of the events; grams and micro-EUR."""

    format: Literal["lodestone-book-1"]
    book: Book


class CertifiedFact(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fact of a round with the salt of its hashes; `data` is the fact's JSON."""

    type: str
    id: UUID
    salt: str
    data: dict[str, Any]


class CertificateFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a round records, and the SHA-256 of the canonical JSON of its book."""

    format: Literal["lodestone-certificate-1"]
    book_sha256: Sha256Hex
    facts: tuple[CertifiedFact, ...]


class Fault(Struct, frozen=True, kw_only=True):
    """`field` of a certificate does not follow from the book, or `field` of a book is impossible in a
    lane."""

    field: str
    sentence: str


def book_faults(book: Book) -> Iterator[Fault]:
    """Impossible quantities and ids: zero or less, more traded than available, an id twice."""
    for place, orders in (("supplies", book.supplies), ("requirements", book.requirements)):
        for key, order in orders.items():
            path = f"/book/{place}/{key}"
            if order.order != key:
                yield Fault(
                    field=f"{path}/order", sentence=f"{path}/order: {order.order} is another order's id"
                )
            for member, grams, least in _quantities(order):
                if grams < least:
                    field = f"{path}/{member}"
                    yield Fault(field=field, sentence=f"{field}: {grams}, at least {least}")
            if order.held_g + order.filled_g > order.terms.basis_g:
                told = f"{path}: held_g and filled_g are more than the {order.terms.basis_g} g of the order"
                yield Fault(field=path, sentence=told)
    for key in sorted(book.supplies.keys() & book.requirements.keys()):
        field = f"/book/requirements/{key}"
        yield Fault(field=field, sentence=f"{field}: the id of a supply")


def _quantities(order: SupplyOrder | RequirementOrder) -> Iterator[tuple[str, int, int]]:
    """Member, grams and the least that they may be."""
    yield "held_g", order.held_g, 0
    yield "filled_g", order.filled_g, 0
    yield "terms/basis_g", order.terms.basis_g, 1
    if isinstance(order, SupplyOrder):
        yield "terms/net_wet_g", order.terms.net_wet_g, 1
        for index, tranche in enumerate(order.terms.tranches):
            yield f"terms/tranches/{index}/net_wet_g", tranche.net_wet_g, 1
        for index, grams in enumerate(order.tranche_committed_g):
            yield f"tranche_committed_g/{index}", grams, 0


def on_paper(book: Book) -> tuple[Book, Recorded]:
    """The book with the round that would be planned next, at the time of its last event.

    NoRuleSet when none is in effect then. The plan derives only from market and position.
    """
    rule_set = rule_set_at(book.rule_sets, book.last_time)
    if rule_set is None:
        raise NoRuleSet
    plan = derived_id(book.market, "paper", book.position.to_bytes(8, "big"))
    planned = ClearingPlanned(
        market=book.market,
        plan=plan,
        round=book.last_round + 1,
        cut_time=book.last_time,
        rule_set=rule_set,
        rule_set_sha256=rule_set_sha256(rule_set),
        algorithm=rule_set.algorithm,
        trigger="demand",
    )
    position = book.position + 1
    posed = replace(book, plan=planned, plan_position=position, position=position)
    event = Recorded(
        id=plan,
        type=type_of(planned),
        subject=str(plan),
        time=planned.cut_time,
        stream="market",
        lane=PAPER_LANE,
        position=position,
        cause="paper",
        actor=book.market,
        salt=PAPER_SALT,
        data=planned,
        body=b"",
        chain=b"",
    )
    return posed, event


def certificate_of(book: Book, drafts: Sequence[Draft]) -> CertificateFile:
    """The certificate file of the result of `conclude` for the book."""
    return CertificateFile(
        format="lodestone-certificate-1",
        book_sha256=book_sha256(book),
        facts=tuple(_certified(draft) for draft in drafts),
    )


def book_sha256(book: Book) -> str:
    """Over the book's JSON with members and keys in order."""
    members = msgspec.to_builtins(book, str_keys=True, order="deterministic")
    return sha256(_encoder.encode(members)).hexdigest()


def faults(book: Book, certificate: CertificateFile, facts: Sequence[Fact]) -> tuple[Fault, ...]:
    """All reasons why the certificate does not prove a round of the book; facts: its data, decoded.

    NoRuleSet and ClearingImpossible as in clearing the book.
    """
    own = book_sha256(book)
    if certificate.book_sha256 != own:
        told = f"book_sha256 is {certificate.book_sha256}, the book's is {own}: it is of another book"
        return (Fault(field="book_sha256", sentence=told),)
    try:
        expected = expected_record(posed_round(*on_paper(book)), facts)
    except CertificateBroken as broken:
        return tuple(Fault(field=each.field, sentence=each.sentence()) for each in broken.breaches)
    return tuple(_differences(certificate.facts, [_certified(draft) for draft in expected]))


def _differences(recorded: Sequence[CertifiedFact], expected: Sequence[CertifiedFact]) -> Iterator[Fault]:
    if len(recorded) != len(expected):
        told = f"the certificate has {len(recorded)} facts, the round has {len(expected)}"
        yield Fault(field="facts", sentence=told)
    for index, (left, right) in enumerate(zip(recorded, expected, strict=False)):
        found = first_difference(msgspec.to_builtins(left), msgspec.to_builtins(right))
        if found is not None:
            field = f"facts/{index}/{found.field}"
            told = f"{field} is {found.recorded}, it has to be {found.expected}"
            yield Fault(field=field, sentence=told)


def _certified(draft: Draft) -> CertifiedFact:
    assert draft.id is not None
    assert draft.salt is not None
    data = msgspec.json.decode(_encoder.encode(draft.data))
    return CertifiedFact(type=type_of(draft.data), id=draft.id, salt=draft.salt, data=data)
