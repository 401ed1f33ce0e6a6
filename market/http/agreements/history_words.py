"""A fact of an agreement as a sentence, for who reads its history and not its code."""

from datetime import datetime
from typing import assert_never

from msgspec import UNSET, UnsetType

from contracts.rules.agreement import counts_from
from events.contract_events import (
    AgreementAdvanced,
    AgreementDrafted,
    AgreementExtended,
    AgreementProposed,
    AgreementSigned,
    AgreementTerminated,
    ConditionSettled,
    ContestSettled,
    DeclarationContested,
    ForceMajeureDeclared,
    ForceMajeureEnded,
    ProposalWithdrawn,
)
from events.contract_terms import Evidence
from events.facts import LifecycleFact, PaymentFact
from events.payment_events import (
    PaymentDenied,
    PaymentReceived,
    PaymentReversed,
    PaymentStated,
    PaymentWithdrawn,
)
from events.vocabulary import Side
from market.http.wire.ids import to_text
from market.http.wire.numbers import SIGNED_CENTS


def sentence(fact: LifecycleFact, at: datetime) -> str:
    """`at`: when it was recorded. Days as the record has them, instants in UTC."""
    match fact:
        case AgreementDrafted() | AgreementProposed() | ProposalWithdrawn() | AgreementSigned():
            return _negotiated(fact)
        case AgreementAdvanced():
            return _advanced(fact, at)
        case ConditionSettled():
            told = f"The {fact.by} says that condition {fact.condition} was {fact.outcome} on {fact.on}"
            return f"{told}{_papers(fact.evidence)}."
        case AgreementExtended():
            return f"Extension {fact.extension}, by the {fact.by}: the term runs to before {fact.ends_on}."
        case ForceMajeureDeclared():
            until = "" if fact.contest_by is UNSET else f"; to be contested before {_utc(fact.contest_by)}"
            period = f"from {_utc(fact.period.start)} to {_utc(fact.period.end)}"
            return f"The {fact.by} declares force majeure {period}{_papers(fact.evidence)}{until}."
        case ForceMajeureEnded():
            return f"Deliveries rest no longer from {_utc(fact.ended_at)}."
        case AgreementTerminated():
            told = (
                "The agreement ends by the clock" if fact.by is None else f"The {fact.by} ends the agreement"
            )
            return f"{told}: {fact.reason}{_papers(fact.evidence)}."
        case DeclarationContested():
            return f"The {fact.by} contests {_declaration(fact.suspension)}{_papers(fact.evidence)}."
        case ContestSettled():
            who = "the operator" if fact.by is None else f"the {fact.by}"
            declared = _declaration(fact.suspension)
            return f"By the word of {who} {declared} {fact.outcome}{_papers(fact.evidence)}."
        case _:
            assert_never(fact)


def payment_sentence(fact: PaymentFact, payer: Side, here_cents: int | None) -> str:
    """`here_cents`: what of a statement or receipt is for the agreement's invoices, in its payer's signs."""
    payee = "buyer" if payer == "seller" else "seller"
    paid = SIGNED_CENTS.text_optional(here_cents)
    match fact:
        case PaymentStated():
            told = f"The {payer} states that it pays {paid} {fact.currency} on {fact.value_on}"
            return f"{told}, reference {fact.reference}."
        case PaymentReceived():
            told = f"The {payee} has received {paid} {fact.currency} of {fact.value_on}"
            return f"{told}, reference {fact.reference}."
        case PaymentDenied():
            return f"The {payee} says that {to_text('pay', fact.payment)} has not come."
        case PaymentWithdrawn():
            return f"The {payer} takes back that it pays by {to_text('pay', fact.payment)}."
        case PaymentReversed():
            return f"The {payee} takes back that it received {to_text('pay', fact.payment)}."
        case _:
            assert_never(fact)


def _negotiated(fact: AgreementDrafted | AgreementProposed | ProposalWithdrawn | AgreementSigned) -> str:
    match fact:
        case AgreementDrafted():
            if fact.match is not None:
                return f"Proposal 1 comes of {to_text('match', fact.match)}."
            return f"The {fact.proposed_by} drafts the agreement as proposal 1."
        case AgreementProposed():
            return f"The {fact.proposed_by} makes proposal {fact.proposal}."
        case ProposalWithdrawn():
            return f"The {fact.by} withdraws proposal {fact.proposal}."
        case AgreementSigned():
            level = "binding" if fact.binding else "a term sheet"
            signed = f"The {fact.side} signs proposal {fact.proposal} as {level}"
            return f"{signed}, terms_sha256 {fact.terms_sha256}."
        case _:
            assert_never(fact)


def _advanced(fact: AgreementAdvanced, at: datetime) -> str:
    told = f"The agreement is {fact.status} by proposal {fact.proposal}: {fact.reason}"
    if fact.starts_on is not None:
        told += f"; its term runs from {fact.starts_on} to before {fact.ends_on}"
    if fact.reason == "amended":
        told += f"; the proposal is for what is shipped from {counts_from(fact, at)} on"
    return f"{told}."


def _declaration(suspension: int | None) -> str:
    return "the termination" if suspension is None else f"force majeure {suspension}"


def _papers(documents: tuple[Evidence, ...] | UnsetType) -> str:
    if documents is UNSET or not documents:
        return ""
    named = ", ".join(f"{each.title} of {each.dated_on}, SHA-256 {each.sha256}" for each in documents)
    return f", by {named}"


def _utc(instant: datetime) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}"
