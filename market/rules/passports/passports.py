"""Material passports: issue, transfer, acknowledge, correct, annotate, retire."""

from datetime import date
from uuid import UUID

from msgspec import UNSET, Struct
from msgspec.structs import replace

from events.callers import Caller, role_refusals
from events.contract_terms import Evidence
from events.decision import Decision, Moment
from events.material_events import (
    PassportAcknowledged,
    PassportCorrected,
    PassportIssued,
    PassportNoted,
    PassportRetired,
    PassportTransferred,
)
from events.passport_terms import PassportContent, RetireReason
from events.refusal import NoChange, Refusal, VersionStale, refuse
from events.wellformed import malformed
from market.rules.orders.orders import Reservation
from market.rules.parties.parties import Facility
from market.rules.passport import Passport, awaited_after
from market.rules.passports.bound_lots import Sales, retirement_refusals, title_refusals
from market.rules.passports.lot_checks import (
    LotDays,
    day_refusals,
    facility_refusals,
    number_refusals,
    order_refusals,
    over_refusals,
    passport_draft,
    sequence_refusals,
)
from market.rules.passports.magnet_labels import label_refusals
from market.rules.passports.passport_content import (
    at,
    content_refusals,
    made_refusals,
    origin_sites,
    root_refusals,
    site_refusals,
    told_refusals,
)
from market.rules.passports.settled_lots import SettledLot, delivery_refusals
from market.rules.refusing.party_refusals import OrganisationUnknown
from market.rules.refusing.passport_refusals import (
    CorrectionMoves,
    CorrectionNotProposed,
    CorrectionOfBalance,
    CorrectsOther,
    GoodsHeldByOther,
    GoodsNotBack,
    LotNumberTaken,
    PassportNotAwaited,
    PassportNotesUsed,
    PassportOfOther,
    PassportUnknown,
    TransferToSelf,
)

NOTES_MAX = 20
BALANCED_MEMBERS = (
    "form",
    "net_wet_g",
    "moisture_ppb",
    "composition",
    "custody",
    "origin",
    "recycled",
    "certificates",
)
"""Members on which a transformation is based; they cannot be corrected in a lot that was made, or from which
something was made."""


class IssueState(Struct, frozen=True, kw_only=True):
    """`taken`: lot numbers that the facility has issued; `by_number`: the newest reservation of this one;
    `sites`: those of the origin that are registered; `at_door`: no audit asks."""

    lanes: int
    facility: Facility | None
    taken: frozenset[str]
    by_number: Reservation | None = None
    sites: frozenset[UUID] = frozenset()
    at_door: bool = False


class PassportState(Struct, frozen=True, kw_only=True):
    """`reservation`: the newest one of the lot; `receivers`: which of the organisations named stand;
    `sales` and `settled`: of the lot, which an audit does not know; `sites`: those of a correction's origin
    that are registered; `at_door`: no audit asks."""

    lanes: int
    passport: Passport | None
    reservation: Reservation | None
    receivers: frozenset[UUID] = frozenset()
    days: LotDays = LotDays()
    sales: Sales = {}
    settled: tuple[SettledLot, ...] = ()
    sites: frozenset[UUID] = frozenset()
    at_door: bool = False


class IssuePassport(Struct, frozen=True, kw_only=True):
    caller: Caller
    passport: UUID
    content: PassportContent


class TransferPassport(Struct, frozen=True, kw_only=True):
    """`holder` None: the goods go to the new owner. `awaited`: in an audit, whether the recorded transfer
    awaits an acknowledgement."""

    caller: Caller
    passport: UUID
    expected_version: int
    owner: UUID
    holder: UUID | None = None
    transferred_on: date
    awaited: bool = False


class AcknowledgePassport(Struct, frozen=True, kw_only=True):
    caller: Caller
    passport: UUID
    expected_version: int


class AcknowledgeCorrection(Struct, frozen=True, kw_only=True):
    caller: Caller
    passport: UUID
    expected_version: int


class CorrectPassport(Struct, frozen=True, kw_only=True):
    """`corrects`: the event that made the current statement; `content` as it should have been. `awaited`: in
    an audit, whether the recorded correction awaits an acknowledgement."""

    caller: Caller
    passport: UUID
    expected_version: int
    corrects: UUID
    reason: str
    content: PassportContent
    awaited: bool = False


class NotePassport(Struct, frozen=True, kw_only=True):
    caller: Caller
    passport: UUID
    expected_version: int
    note: str
    evidence: tuple[Evidence, ...] = ()


class RetirePassport(Struct, frozen=True, kw_only=True):
    caller: Caller
    passport: UUID
    expected_version: int
    reason: RetireReason
    note: str | None = None


def issue(state: IssueState, argument: IssuePassport, moment: Moment) -> Decision:
    """Raises Refusals."""
    content, organisation = argument.content, argument.caller.organisation
    fact = PassportIssued(
        passport=argument.passport,
        organisation=organisation,
        owner=organisation,
        holder=organisation,
        content=content,
    )
    refuse(role_refusals(argument.caller, "trader", "compliance") + malformed(content))
    reasons = facility_refusals(state.facility)
    if content.lot_number in state.taken:
        reasons.append(LotNumberTaken(pointer="/lot_number", lot_number=content.lot_number))
    reasons += number_refusals(state.by_number, content.lot_number, "/lot_number")
    reasons += content_refusals(content, moment.now, moment.now, at_door=state.at_door)
    if state.at_door:
        reasons += label_refusals(content.magnets, organisation)
        reasons += site_refusals(content, state.sites) + told_refusals(content)
    refuse(reasons + root_refusals(content))
    return Decision(drafts=(passport_draft(argument.passport, state.lanes, fact),))


def transfer(state: PassportState, argument: TransferPassport, moment: Moment) -> Decision:
    """Transfers title, goods or both to others, who have to acknowledge it, by the owner; or goods back to
    their owner, by their holder. Raises Refusals."""
    passport = _standing(state, argument.caller, argument.expected_version)
    fact = PassportTransferred(
        passport=passport.passport,
        previous_owner=passport.owner,
        owner=argument.owner,
        holder=argument.holder or argument.owner,
        transferred_on=argument.transferred_on,
    )
    handed_back = _handed_back(passport, fact, argument.caller)
    if not handed_back:
        refuse(_party_refusals(argument.caller, "owner", passport.owner))
    refuse(role_refusals(argument.caller, "trader", "compliance"))
    reasons = malformed(fact) + over_refusals(passport) + order_refusals(state.reservation)
    reasons += [
        OrganisationUnknown(pointer=f"/{name}")
        for name, named in (("owner", fact.owner), ("holder", fact.holder))
        if named not in state.receivers and (name == "owner" or argument.holder is not None)
    ]
    if (fact.owner, fact.holder) == (passport.owner, passport.holder):
        reasons.append(TransferToSelf(pointer="/owner"))
    if state.at_door and not handed_back and _leaves_holder(passport, fact):
        reasons.append(GoodsHeldByOther(pointer="/holder"))
    day = argument.transferred_on
    reasons += day_refusals(day, "/transferred_on", moment.now)
    reasons += sequence_refusals(passport.passport, day, "/transferred_on", state.days)
    refuse(reasons + title_refusals(passport, state.sales, argument.owner))
    if handed_back or ((state.at_door or argument.awaited) and awaited_after(passport, fact)):
        fact = replace(fact, acceptance="awaited")
    return Decision(drafts=(passport_draft(passport.passport, state.lanes, fact),))


def _handed_back(passport: Passport, fact: PassportTransferred, caller: Caller) -> bool:
    """Whether the holder, which is not the owner, gives the goods back to the owner."""
    by_holder = caller.organisation == passport.holder != passport.owner
    return by_holder and fact.owner == fact.holder == passport.owner


def _leaves_holder(passport: Passport, fact: PassportTransferred) -> bool:
    return _held_by_other(passport) and passport.holder != fact.holder


def _held_by_other(passport: Passport) -> bool:
    """Whether another organisation holds the goods for their owner, and has acknowledged it or got them by an
    older transfer."""
    return passport.holder != passport.owner and passport.holder not in (passport.awaited or ())


def acknowledge(state: PassportState, argument: AcknowledgePassport, moment: Moment) -> Decision:
    """Acknowledges title or goods, by the organisation that a transfer named. Raises Refusals."""
    del moment
    passport = _standing(state, argument.caller, argument.expected_version)
    organisation = argument.caller.organisation
    reasons = role_refusals(argument.caller, "trader", "compliance") + over_refusals(passport)
    if organisation not in (passport.awaited or ()):
        reasons.append(PassportNotAwaited())
    refuse(reasons)
    fact = PassportAcknowledged(passport=passport.passport, organisation=organisation)
    return Decision(drafts=(passport_draft(passport.passport, state.lanes, fact),))


def correct(state: PassportState, argument: CorrectPassport, moment: Moment) -> Decision:
    """Corrects the content; paths on which a transformation is based stay, if the new content omits them.
    Raises Refusals."""
    passport = _standing(state, argument.caller, argument.expected_version)
    content, before = argument.content, passport.content
    if state.at_door and content.paths is UNSET and _balanced(passport):
        content = replace(content, paths=before.paths)
    fact = PassportCorrected(
        passport=passport.passport, corrects=argument.corrects, reason=argument.reason, content=content
    )
    refuse(_party_refusals(argument.caller, "issuer", passport.organisation))
    refuse(malformed(replace(fact, content=before)) + at("/content", malformed(content)))
    reasons: list[Refusal] = []
    if argument.corrects != passport.stated_by:
        reasons.append(CorrectsOther(pointer="/corrects", standing=f"evt_{passport.stated_by.hex}"))
    if content == before:
        reasons.append(NoChange())
    if (content.facility, content.lot_number) != (before.facility, before.lot_number):
        reasons.append(CorrectionMoves(pointer="/content/facility"))
    reasons += _balance_refusals(passport, content)
    reasons += delivery_refusals(passport, content, state.settled)
    judge = root_refusals if passport.transformation is None else made_refusals
    wrong = content_refusals(content, moment.now, passport.issued_at, at_door=state.at_door) + judge(content)
    if state.at_door:
        wrong += label_refusals(content.magnets, passport.organisation)
        wrong += site_refusals(content, state.sites | origin_sites(before))
        if (content.paths, content.origin) != (before.paths, before.origin):
            wrong += told_refusals(content)
    refuse(reasons + at("/content", wrong))
    if (state.at_door or argument.awaited) and passport.owner != passport.organisation:
        fact = replace(fact, acceptance="awaited")
    return Decision(drafts=(passport_draft(passport.passport, state.lanes, fact),))


def acknowledge_correction(state: PassportState, argument: AcknowledgeCorrection, moment: Moment) -> Decision:
    """The owner accepts the waiting correction, unless other lots depend on the old content by now, or an
    order offers the lot. Raises Refusals."""
    del moment
    passport = _standing(state, argument.caller, argument.expected_version)
    refuse(_party_refusals(argument.caller, "owner", passport.owner))
    proposed = passport.proposed
    if proposed is UNSET:
        raise CorrectionNotProposed
    reasons = order_refusals(state.reservation) + _balance_refusals(passport, proposed.content)
    refuse(reasons + delivery_refusals(passport, proposed.content, state.settled))
    fact = PassportAcknowledged(
        passport=passport.passport, organisation=argument.caller.organisation, correction=proposed.event
    )
    return Decision(drafts=(passport_draft(passport.passport, state.lanes, fact),))


def note(state: PassportState, argument: NotePassport, moment: Moment) -> Decision:
    """Adds a note to its label, whatever became of the lot. Raises Refusals."""
    del moment
    passport = _standing(state, argument.caller, argument.expected_version)
    fact = PassportNoted(passport=passport.passport, note=argument.note, evidence=argument.evidence)
    refuse(_party_refusals(argument.caller, "issuer", passport.organisation))
    reasons = malformed(fact)
    if len(passport.notes or ()) >= NOTES_MAX:
        reasons.append(PassportNotesUsed(most=NOTES_MAX))
    refuse(reasons)
    return Decision(drafts=(passport_draft(passport.passport, state.lanes, fact),))


def retire(state: PassportState, argument: RetirePassport, moment: Moment) -> Decision:
    """The owner retires the rest of the lot. Raises Refusals."""
    del moment
    passport = _standing(state, argument.caller, argument.expected_version)
    fact = PassportRetired(passport=passport.passport, reason=argument.reason, note=argument.note)
    refuse(_party_refusals(argument.caller, "owner", passport.owner))
    reasons = malformed(fact) + over_refusals(passport) + order_refusals(state.reservation)
    if state.at_door and _held_by_other(passport):
        reasons.append(GoodsNotBack())
    refuse(reasons + retirement_refusals(passport, state.sales))
    return Decision(drafts=(passport_draft(passport.passport, state.lanes, fact),))


def _standing(state: PassportState, caller: Caller, expected_version: int) -> Passport:
    passport = state.passport
    if passport is None or caller.organisation not in passport.parties:
        raise PassportUnknown
    if passport.version != expected_version:
        raise VersionStale(expected=expected_version, current=passport.version)
    return passport


def _party_refusals(caller: Caller, party: str, organisation: UUID) -> list[Refusal]:
    """Refusals for other callers, without further reasons: whether the lot is offered or used is confidential
    to the party."""
    reasons = role_refusals(caller, "trader", "compliance")
    return reasons if caller.organisation == organisation else [*reasons, PassportOfOther(party=party)]


def _balance_refusals(passport: Passport, content: PassportContent) -> list[Refusal]:
    """Refusals for members on which a transformation is based; without the transformation's id, which belongs
    to its organisation. A lot that was made before paths existed may get them later."""
    if not _balanced(passport):
        return []
    before = passport.content
    changed = [m for m in BALANCED_MEMBERS if getattr(content, m) != getattr(before, m)]
    later = passport.transformation is not None and before.paths is UNSET
    if content.paths != before.paths and not later:
        changed.append("paths")
    return [CorrectionOfBalance(pointer=f"/content/{member}") for member in changed]


def _balanced(passport: Passport) -> bool:
    return passport.drawn_by is not None or passport.transformation is not None
