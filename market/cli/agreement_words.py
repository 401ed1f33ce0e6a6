"""What the bytes of an agreement say, in words: the members that the API has for its clauses, with units."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

from contracts.rules.agreement import Agreement, Contest, terms_sha256
from contracts.rules.days import instant_text
from events import contract_terms
from events.contract_terms import YearLedger
from events.delivery_events import DeliveryShipped
from market.audit.agreement_proof import AgreementVerdict, ProvenEnd, ProvenInvoice, stands_by_match
from market.http.agreements.agreement_terms import AgreementTerms
from market.http.agreements.invoice_views import InvoiceView, IssueView
from market.http.agreements.statement_views import LedgerView
from market.http.wire.ids import to_text
from market.http.wire.numbers import KILOGRAMS

UNITS: Final = {"kg": "kg", "t": "t", "percent": "%", "days": "days", "years": "years"}
OF_MONEY: Final = ("deficiency", "make_up_credit", "make_up_expired", "deliver_or_pay", "paid")
"""Members that hold amounts and name no unit."""


def agreement_lines(verdict: AgreementVerdict) -> Iterator[str]:
    """What a proof shows, from its parties to its ledgers."""
    of = verdict.agreement
    yield f"seller {to_text('org', of.seller)}"
    yield f"buyer {to_text('org', of.buyer)}"
    yield f"{of.kind} of market {to_text('mkt', of.market)}, status {of.status}{_term(of)}"
    yield from _standing(verdict)
    if of.conditions:
        yield "conditions"
        for each in of.conditions:
            yield f"  {each.code}: {each.outcome} by the {each.by} on {each.on}"
    for number, rest in enumerate(of.suspensions, 1):
        until = rest.period.end if rest.ended_at is None else rest.ended_at
        yield f"force majeure {number}, declared by the {rest.by}: {rest.period.start} to {until}"
        yield from _contest(rest.contest)
    if verdict.end is not None:
        yield from _end(verdict.end, of)
    for invoice in verdict.invoices:
        yield from _invoice(invoice)
    for ledger in verdict.ledgers:
        yield f"ledger of contract year {ledger.year}"
        yield from _indented(_ledger(ledger, of.terms.payment.currency))


def _end(end: ProvenEnd, of: Agreement) -> Iterator[str]:
    who = "by the clock" if end.by is None else f"by the word of the {end.by}"
    yield f"ended {who}, at {instant_text(end.time)}, position {end.position}: {end.reason}"
    if end.note is not None:
        yield f"  note: {end.note}"
    for each in () if of.end_evidence is UNSET else of.end_evidence:
        yield f"  document: {each.title} of {each.dated_on}, SHA-256 {each.sha256}"
    yield from _contest(of.end_contest)


def _contest(contest: Contest | UnsetType) -> Iterator[str]:
    if contest is UNSET:
        return
    yield f"  contested by the {contest.by}: {contest.reason}"
    if contest.outcome is not None:
        who = "the operator" if contest.settled_by is None else f"the {contest.settled_by}"
        yield f"  it {contest.outcome}, by the word of {who}"


def _term(of: Agreement) -> str:
    """Its contract years as half-open days."""
    return "" if of.starts_on is None else f", from {of.starts_on} to before {of.ends_on}"


def _standing(verdict: AgreementVerdict) -> Iterator[str]:
    of = verdict.agreement
    if of.standing is None:
        yield "nothing is signed by both sides"
        return
    yield f"proposal {of.standing.number}, terms_sha256 {terms_sha256(of.standing.terms)}"
    if stands_by_match(of):
        assert of.match is not None
        yield f"  signed by neither: it stands by {to_text('match', of.match)}, which has a proof of its own"
    for each in verdict.signatures:
        if each.fact.proposal == of.standing.number:
            level = "binding" if each.fact.binding else "a term sheet"
            who = f"{each.fact.side}, {to_text('org', each.fact.organisation)}"
            yield f"  signed as {level} by the {who}, at {instant_text(each.time)}"
    in_force = of.in_force()
    if len(in_force) > 1:
        yield f"  for what is shipped from {in_force[-1].first} on"
    yield from _clauses(of.terms)
    for former in in_force[:-1]:
        yield f"former terms, terms_sha256 {terms_sha256(former.terms)}"
        yield f"  for what is shipped from {former.first} to {former.last}"
        yield from _clauses(former.terms)


def _clauses(terms: contract_terms.AgreementTerms) -> Iterator[str]:
    yield from member_lines(AgreementTerms.outside(terms), terms.payment.currency)


def _invoice(of: ProvenInvoice) -> Iterator[str]:
    issue = IssueView(of.issued_at, of.due_on)
    if isinstance(of.fact, DeliveryShipped):
        view, what = InvoiceView.provisional(of.fact, issue), f" of lot {of.fact.lot_number}"
        what += f", {KILOGRAMS.text(of.fact.quantity_g)} kg shipped on {of.fact.shipped_on}"
    else:
        view, what = InvoiceView.outside(of.fact, issue), ""
    what += "" if view.delivery is None else f", {view.delivery}"
    what += "" if view.contract_year is None else f", contract year {view.contract_year}"
    what += "" if view.restates is None else f", restates {view.restates}"
    yield f"invoice {view.invoice}: {view.settles}{what}"
    yield f"  issued on {of.issued_at:%Y-%m-%d}, due on {view.due_on}: {view.total} {view.currency}"
    for line in view.lines:
        priced = f": {line.quantity_kg} kg at {line.price_per_kg} {view.currency}/kg" if line.terms else ""
        yield f"  {line.kind}{priced}: {line.amount} {view.currency}"


def _ledger(of: YearLedger, currency: str) -> Iterator[str]:
    yield f"acq_kg: {KILOGRAMS.text(of.acq_g)} kg"
    yield f"taken_kg: {KILOGRAMS.text(of.taken_g)} kg"
    yield from member_lines(LedgerView.of(of), currency)


def member_lines(of: Struct, currency: str) -> Iterator[str]:
    """Every member that is stated, under its name, with its unit."""
    yield from _members(msgspec.to_builtins(of), currency)


def _members(of: Mapping[str, object], currency: str) -> Iterator[str]:
    for name, value in of.items():
        yield from _member(name, value, currency)


def _member(name: str, value: object, currency: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield name
        yield from _indented(_members(value, currency))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        if any(isinstance(each, Mapping) for each in value):
            for number, each in enumerate(value, 1):
                yield from _member(f"{name} {number}", each, currency)
        elif value:
            yield f"{name}: {', '.join(_with_unit(name, each, currency) for each in value)}"
    elif value is not None:
        yield f"{name}: {_with_unit(name, value, currency)}"


def _with_unit(name: str, value: object, currency: str) -> str:
    if name.endswith("_per_kg"):
        return f"{value} {currency}/kg"
    if name in OF_MONEY:
        return f"{value} {currency}"
    unit = UNITS.get(name.rsplit("_", 1)[-1]) if "_" in name or name == "years" else None
    return f"{value}" if unit is None else f"{value} {unit}"


def _indented(lines: Iterator[str]) -> Iterator[str]:
    return (f"  {line}" for line in lines)
