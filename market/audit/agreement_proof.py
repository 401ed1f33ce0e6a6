"""The file with which a party proves its agreement to somebody without an account, and its check: offline,
without trust in the operator, pure.

It contains the events of the agreement, its invoices and its ledgers, each with its path to one signed head.
Omissions cannot be detected, so the check states nothing about what is not in the file.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import pairwise
from typing import Annotated, Final, Literal, NamedTuple, get_args
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from contracts.rules.agreement import BOUND, ENDED, Agreement, fold, open_conditions
from contracts.rules.agreement_times import times_of
from contracts.rules.invoices import due_on, total_cents
from events.contract_events import (
    AgreementAdvanced,
    AgreementDrafted,
    AgreementExtended,
    AgreementProposed,
    AgreementSigned,
    InvoiceSettled,
    YearAssessed,
)
from events.contract_terms import YearLedger
from events.delivery_events import DeliveryShipped
from events.envelope import Recorded
from events.facts import LifecycleFact
from events.notes import VerifierKey
from events.vocabulary import Instant, Side
from market.audit.proven_parties import NamedParties, Names, check_parties
from market.audit.sealed_proof import (
    NoteText,
    ProofError,
    Rotations,
    SealedEvent,
    check_event,
    check_head,
    parse_file,
)

FORMAT: Final = "lodestone-agreement-proof/v1"
NAMED: Final = "lodestone-agreement-proof/v2"
"""With the names of its parties, as of its draft."""
FORMATS: Final = (FORMAT, NAMED)
EVENTS_MAX: Final = 2_000
ProvenFact = LifecycleFact | DeliveryShipped | InvoiceSettled | YearAssessed
TYPES: Final[tuple[str, ...]] = tuple(kind.TYPE for kind in get_args(ProvenFact))
"""What a file holds: all that makes the agreement, what issues invoices, the ledgers."""


class AgreementProof(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """As a match's proof, of `agreement`; `organisation` is the party that the file was made for. `parties`
    stand in the second format alone."""

    format: Literal["lodestone-agreement-proof/v1", "lodestone-agreement-proof/v2"]
    agreement: UUID
    organisation: UUID
    checkpoint: NoteText
    rotations: Rotations
    events: Annotated[tuple[SealedEvent, ...], Meta(min_length=1, max_length=EVENTS_MAX)]
    parties: NamedParties | UnsetType = UNSET


class ProvenSignature(Struct, frozen=True, kw_only=True):
    """`position` in the lane; `organisation` is the side's own, and its key gave the command."""

    position: int
    time: Instant
    fact: AgreementSigned


class ProvenEnd(Struct, frozen=True, kw_only=True):
    """`by` None: it ended by the clock. `was_in_force`: it had been effective, so that its term ran."""

    position: int
    time: Instant
    by: Side | None
    reason: str
    note: str | None
    was_in_force: bool


class ProvenInvoice(Struct, frozen=True, kw_only=True):
    """A provisional invoice stands in its shipment, where that could be priced."""

    position: int
    issued_at: Instant
    due_on: date
    fact: DeliveryShipped | InvoiceSettled


class AgreementVerdict(Struct, frozen=True, kw_only=True):
    """What is proved. `missing`: why no binding agreement is shown; `hidden` are positions of which the file
    has only a hash. `end`: how a completely shown agreement has ended. `names`: of the parties at the
    draft."""

    origin: str
    size: int
    agreement: Agreement
    binds: bool
    missing: str | None
    end: ProvenEnd | None
    signatures: tuple[ProvenSignature, ...]
    invoices: tuple[ProvenInvoice, ...]
    ledgers: tuple[YearLedger, ...]
    hidden: tuple[int, ...]
    names: Names
    cosigners: tuple[str, ...]
    unchecked_cosigners: tuple[str, ...]


class _Placed(NamedTuple):
    event: Recorded
    fact: ProvenFact


def parse_agreement_proof(raw: bytes) -> AgreementProof:
    """The parsed file. ProofError for other files."""
    return parse_file(raw, AgreementProof)


def check_agreement_proof(
    proof: AgreementProof, operator: VerifierKey, witnesses: Sequence[VerifierKey]
) -> AgreementVerdict:
    """ProofError unless everything in the file holds under these keys, as of a match's proof, and the events
    follow on each other as the record folds them."""
    head = check_head(proof.checkpoint, proof.rotations, operator, witnesses)
    positions = [each.position for each in proof.events]
    if any(after <= before for before, after in pairwise(positions)):
        raise ProofError("the events are not in the order of the lane, or one is given twice")
    placed, hidden = [], []
    for given in proof.events:
        event = check_event(given, "event", head)
        if event is None:
            hidden.append(given.position)
        else:
            placed.append(_placed(event, proof.agreement))
    agreement = _folded(placed, whole=not hidden)
    if proof.organisation not in (agreement.seller, agreement.buyer):
        raise ProofError(f"org_{proof.organisation.hex} is no party of the agreement")
    signatures = _signatures(placed, agreement)
    invoices = _invoices(placed, agreement)
    ledgers = _ledgers(placed)
    if (ledgers or invoices) and agreement.starts_on is None:
        raise ProofError("an invoice or a ledger is shown, and not that the agreement was effective")
    missing = _missing(agreement, hidden)
    return AgreementVerdict(
        origin=head.checkpoint.origin,
        size=head.checkpoint.size,
        agreement=agreement,
        binds=missing is None,
        missing=missing,
        end=None if hidden else _end(placed, agreement),
        signatures=signatures,
        invoices=invoices,
        ledgers=ledgers,
        hidden=tuple(hidden),
        names=_names(proof, agreement, placed[0].event, operator, witnesses),
        cosigners=head.cosigners,
        unchecked_cosigners=head.unchecked,
    )


def _names(
    proof: AgreementProof,
    agreement: Agreement,
    draft: Recorded,
    operator: VerifierKey,
    witnesses: Sequence[VerifierKey],
) -> Names:
    if (proof.format == NAMED) != bool(proof.parties):
        raise ProofError("the second format of a proof names parties, and the first does not")
    if proof.parties is UNSET:
        return Names((), ())
    known: dict[Side, UUID] = {"seller": agreement.seller, "buyer": agreement.buyer}
    return check_parties(proof.parties, known, draft.time, proof.rotations, operator, witnesses)


def stands_by_match(agreement: Agreement) -> bool:
    """A spot contract of a match, which both have confirmed there, as long as they have amended nothing."""
    standing = agreement.standing
    return (
        agreement.kind == "spot"
        and agreement.match is not None
        and standing is not None
        and (standing.number, standing.by) == (1, None)
    )


def _placed(event: Recorded, agreement: UUID) -> _Placed:
    fact = event.data
    where = f"the event at position {event.position}"
    if not isinstance(fact, ProvenFact):
        raise ProofError(f"{where} is {event.type}, which no proof of an agreement holds")
    if fact.agreement != agreement:
        raise ProofError(f"{where} is of another agreement, agr_{fact.agreement.hex}")
    return _Placed(event, fact)


def _folded(placed: Iterable[_Placed], *, whole: bool) -> Agreement:
    """`whole`: no event is a hash only, so that each advance has to rest on what is shown."""
    agreement: Agreement | None = None
    for event, fact in placed:
        if agreement is None and not isinstance(fact, AgreementDrafted):
            raise ProofError("the draft of the agreement is not shown, or comes after other events")
        if not isinstance(fact, LifecycleFact):
            continue
        before = agreement
        try:
            agreement = fold(before, event, fact)
        except LookupError as error:
            told = f"the event at position {event.position} does not follow from those before it"
            raise ProofError(f"{told}: {error}") from error
        if whole and before is not None:
            _require_numbered(before, fact)
        if whole and isinstance(fact, AgreementAdvanced):
            _require_rested(before, agreement, fact, event.position)
        elif whole and before is not None:
            _require_advanced(before)
    if agreement is None:
        raise ProofError("hashes alone may be of anything")
    if whole:
        _require_advanced(agreement)
    return agreement


def _require_numbered(before: Agreement, fact: LifecycleFact) -> None:
    """Proposals and extensions are counted: ProofError where one before this is left out."""
    if isinstance(fact, AgreementProposed) and fact.proposal != before.proposals + 1:
        raise ProofError(f"proposal {before.proposals + 1} is not shown, and proposal {fact.proposal} is")
    if isinstance(fact, AgreementExtended) and fact.extension != before.extensions + 1:
        raise ProofError(f"extension {before.extensions + 1} is not shown, and extension {fact.extension} is")


def _require_advanced(agreement: Agreement) -> None:
    """Once both have signed as binding, the same command advances the agreement; ProofError without."""
    table = agreement.table
    if table is not None and table.signed_by_both == "binding":
        told = f"both have signed proposal {table.number}, and the advance that follows is not shown"
        raise ProofError(told)


def _require_rested(
    before: Agreement | None, agreement: Agreement, fact: AgreementAdvanced, position: int
) -> None:
    """ProofError unless signatures and conditions that the advance says were there are shown."""
    standing, where = agreement.standing, f"the advance at position {position}"
    if standing is None or fact.reason == "term_over" or stands_by_match(agreement):
        return
    if standing.signed_by_both != ("term_sheet" if fact.status == "term_sheet" else "binding"):
        raise ProofError(f"{where} rests on signatures of both sides, which are not shown")
    if fact.counts_from != standing.terms.effective_from:
        raise ProofError(f"{where} does not count from the day that the signed terms state")
    started_on = None if before is None else before.starts_on
    if started_on is not None or fact.reason == "amended":
        if started_on is None or started_on != fact.starts_on:
            raise ProofError(f"{where} rests on an earlier one, which is not shown")
        return
    unmet = open_conditions(standing.terms, agreement.conditions)
    if fact.status == "effective" and unmet:
        raise ProofError(f"{where} rests on condition {unmet[0]}, which is not shown to be met or waived")


def _signatures(placed: Iterable[_Placed], agreement: Agreement) -> tuple[ProvenSignature, ...]:
    found = []
    for event, fact in placed:
        if isinstance(fact, AgreementSigned):
            side = agreement.seller if fact.side == "seller" else agreement.buyer
            if {fact.organisation, event.actor} != {side}:
                raise ProofError(f"the {fact.side}'s signature at position {event.position} is another's")
            found.append(ProvenSignature(position=event.position, time=event.time, fact=fact))
    return tuple(found)


def _end(placed: Iterable[_Placed], agreement: Agreement) -> ProvenEnd | None:
    times = times_of(event for event, _ in placed)
    if agreement.status not in ENDED or times.ended_at is None or times.end_position is None:
        return None
    return ProvenEnd(
        position=times.end_position,
        time=times.ended_at,
        by=times.ended_by,
        reason=agreement.ended_reason or agreement.status,
        note=times.end_note,
        was_in_force=agreement.starts_on is not None,
    )


def _invoices(placed: Sequence[_Placed], agreement: Agreement) -> tuple[ProvenInvoice, ...]:
    """ProofError for one whose lines do not come to its total, or which names what is not shown."""
    shipped: dict[UUID, DeliveryShipped] = {}
    known: set[UUID] = set()
    found = []
    for event, fact in placed:
        if not isinstance(fact, DeliveryShipped | InvoiceSettled):
            continue
        where = f"inv_{fact.invoice.hex}"
        if isinstance(fact, DeliveryShipped):
            shipped[fact.delivery] = fact
        else:
            if fact.delivery is not None and fact.delivery not in shipped:
                raise ProofError(f"{where}: the shipment of its delivery is not shown")
            if fact.restates is not None and fact.restates not in known:
                raise ProofError(f"{where}: the invoice that it restates is not shown")
            if total_cents(fact.lines) != fact.total_cents:
                raise ProofError(f"{where}: its lines do not come to its total")
        if fact.invoice in known:
            raise ProofError(f"{where} is issued twice")
        known.add(fact.invoice)
        if isinstance(fact, DeliveryShipped) and not fact.lines:
            continue
        delivery = None if fact.delivery is None else shipped[fact.delivery]
        try:
            due = due_on(agreement, event.time, None if delivery is None else delivery.shipped_on)
        except LookupError as error:
            raise ProofError(f"{where}: {error}") from error
        found.append(ProvenInvoice(position=event.position, issued_at=event.time, due_on=due, fact=fact))
    return tuple(found)


def _ledgers(placed: Sequence[_Placed]) -> tuple[YearLedger, ...]:
    """ProofError where a ledger and the invoice of its shortfall are not both shown."""
    ledgers = tuple(fact.ledger for _, fact in placed if isinstance(fact, YearAssessed))
    if any(after.year <= before.year for before, after in pairwise(ledgers)):
        raise ProofError("the ledgers are not in the order of their years")
    invoiced = {
        fact.year for _, fact in placed if isinstance(fact, InvoiceSettled) and fact.settles == "shortfall"
    }
    owed = {each.year for each in ledgers if each.deficiency_cents or each.deliver_or_pay_cents}
    if owed - invoiced:
        raise ProofError(f"the ledger of year {min(owed - invoiced)} owes, and its invoice is not shown")
    if invoiced - {each.year for each in ledgers}:
        raise ProofError("the invoice of a year's shortfall is shown, and the ledger of the year is not")
    return ledgers


def _missing(agreement: Agreement, hidden: Sequence[int]) -> str | None:
    """Why no agreement that binds is shown; None when one is."""
    if hidden:
        return f"of the event at position {hidden[0]} there is only a hash, which may be of anything"
    if agreement.status in ENDED:
        return f"it has ended: {agreement.ended_reason or agreement.status}"
    return None if agreement.status in BOUND else f"it does not bind: its status is {agreement.status}"
