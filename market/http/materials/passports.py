"""Material passports: issue, transfer, acknowledge, correct, annotate, retire."""

from datetime import date
from functools import partial
from typing import Annotated, Any, Final
from uuid import UUID

from msgspec import Meta
from msgspec.structs import replace

from contracts.rules.delivery import Delivery
from contracts.store.deliveries import shipped_of_number
from events.material_events import PassportCorrected, PassportIssued, PassportTransferred
from events.passport_terms import PassportContent, RetireReason
from market.commands import passports as commands
from market.http.agreements.agreement_views import Evidence
from market.http.materials.labels import TAG, load_responsible
from market.http.materials.passport_examples import PASSPORT
from market.http.materials.passport_reads import sites_of
from market.http.materials.passport_terms import PassportTerms
from market.http.wire.access import KEEPERS
from market.http.wire.endpoint import Answer, Call, DryRun, Nothing, endpoint
from market.http.wire.ids import EventId, OrganisationId, PassportId, to_text, to_uuid
from market.http.wire.material import Body, Dated
from market.http.wire.reads import as_desk
from market.http.wire.receipts import Accepted, Done, Warned, unless_unread, warned
from market.http.wire.steps import given
from market.rules.orders.activities import activity_cautions, radioactive_cautions
from market.rules.passports.magnet_labels import label_cautions, stated_cautions
from market.rules.passports.passport_cautions import (
    correction_cautions,
    day_cautions,
    delivered_cautions,
    transfer_cautions,
)
from market.rules.passports.passport_content import origin_sites
from market.rules.passports.passports import (
    AcknowledgeCorrection,
    AcknowledgePassport,
    CorrectPassport,
    IssuePassport,
    NotePassport,
    RetirePassport,
    TransferPassport,
)
from market.rules.passports.plausible_masses import magnet_cautions, origin_cautions
from market.rules.passports.stated_papers import paper_cautions
from market.rules.refusing.wording import LongText
from market.store import passports as store

ORGANISATION: Final = "org_0199b3c2d4e57f60a1b2c3d4e5f60718"
EVENT: Final = "evt_0199b3c2d4e57f60a1b2c3d4e5f60718"


class PassportAccepted(Accepted, frozen=True, kw_only=True):
    """`id` is null after a dry run of an issue."""

    id: PassportId | None
    version: int | None = None


class TransferTerms(Dated, frozen=True, kw_only=True):
    """Title passes to `owner`, the goods to `holder`, or to the owner if no holder is named."""

    owner: OrganisationId
    holder: OrganisationId | None = None
    transferred_on: date


class CorrectionTerms(Body, frozen=True, kw_only=True):
    """`corrects`: the event that made the current statement; `content`: complete, as it should have been."""

    corrects: EventId
    reason: LongText
    content: PassportTerms


class NoteTerms(Body, frozen=True, kw_only=True):
    """A note that everybody reads with the figures."""

    note: LongText
    evidence: Annotated[tuple[Evidence, ...], Meta(max_length=8)] = ()


class RetirementTerms(Body, frozen=True, kw_only=True):
    """Why the lot will not be used any more."""

    reason: RetireReason
    note: LongText | None = None


SAME_NUMBER_MAX: Final = 10
NONE_OF_THEM: Final = UUID(int=0)
step_endpoint: Final = partial(
    endpoint, "POST", roles=KEEPERS, tag=TAG, query=DryRun, status=201, idempotent=True
)


@step_endpoint(
    "/v1/passports",
    summary="Issue a passport",
    located=True,
    body=PassportTerms,
    answer=PassportAccepted,
    description="For a lot at a facility of one's own that no other passport went into. Recycled shares, "
    "origin, footprint and what was booked each name a document that supports them.",
    example=PASSPORT,
)
async def issue(call: Call[PassportTerms, DryRun]) -> Answer:
    argument = IssuePassport(caller=call.caller, passport=call.door.desk.new_id(), content=call.body.inside())
    outcome = await given(call, commands.issue, argument)
    warnings = await unless_unread(cautioned(call, argument.content))
    found = outcome.made("pass", outcome.fact(PassportIssued).passport)
    return outcome.answer(
        PassportAccepted(id=found, version=1, warnings=warnings, **outcome.accepted()),
        version=1,
        location=f"/v1/passports/{found}",
    )


@step_endpoint(
    "/v1/passports/{passport}/transfers",
    summary="Transfer a passport",
    body=TransferTerms,
    answer=PassportAccepted,
    versioned=True,
    description="By the owner; goods that another holds go back to their owner by that holder's word alone, "
    "and to nobody else. With an accepted delivery of the whole lot a passport goes to the buyer by "
    "itself, for what arrived; of a lot that is sold, in whole or in part, title goes to its buyer alone. "
    "Whoever gets title or goods by this route acknowledges that; until then such goods are nobody's stock, "
    "which is warned of.",
    example={"owner": ORGANISATION, "transferred_on": "2026-02-20"},
)
async def transfer(call: Call[TransferTerms, DryRun]) -> Answer:
    argument = TransferPassport(
        caller=call.caller,
        passport=call.ids["passport"],
        expected_version=call.expected_version,
        owner=to_uuid(call.body.owner),
        holder=None if call.body.holder is None else to_uuid(call.body.holder),
        transferred_on=call.body.transferred_on,
    )
    outcome = await given(call, commands.transfer, argument)
    fact = outcome.fact(PassportTransferred)
    early = await unless_unread(_early(call, fact))
    return _stepped(call, outcome, warned(transfer_cautions(fact)) + early)


async def _early(call: Call[TransferTerms, DryRun], fact: PassportTransferred) -> tuple[Warned, ...]:
    async with as_desk(call) as connection:
        row = await store.load_passport(connection, fact.passport)
        if row is None:
            return ()
        left: tuple[Delivery, ...] = ()
        if fact.previous_owner == call.caller.organisation != fact.owner:
            left = await shipped_of_number(
                connection,
                fact.previous_owner,
                row.content.lot_number,
                NONE_OF_THEM,
                limit=SAME_NUMBER_MAX,
            )
    shipped = [each.shipped for each in left if each.kept_wet_g]
    return warned([*delivered_cautions(row, shipped), *day_cautions(fact, row.issued_at)])


@step_endpoint(
    "/v1/passports/{passport}/acknowledgements",
    summary="Acknowledge a passport that was transferred to one",
    answer=PassportAccepted,
    versioned=True,
    description="By whoever has got title or goods outside a delivery (`awaited` of the passport): they are "
    "its own, and the goods count in its stock. Who was named in error transfers the passport back.",
)
async def acknowledge(call: Call[Nothing, DryRun]) -> Answer:
    argument = AcknowledgePassport(
        caller=call.caller, passport=call.ids["passport"], expected_version=call.expected_version
    )
    return _stepped(call, await given(call, commands.acknowledge, argument))


@step_endpoint(
    "/v1/passports/{passport}/corrections",
    summary="Correct a passport",
    body=CorrectionTerms,
    answer=PassportAccepted,
    versioned=True,
    description="By who issued it. Readers see the corrected content, and both in the history; of a lot that "
    "another has title to, once that has acknowledged it, which is warned of. What a "
    "transformation rests on stays as it is, and so does what a delivery has settled: mass, moisture and "
    "form once title has passed by it, figures within 5 %.",
    example={"corrects": EVENT, "reason": "the laboratory withdrew its report", "content": PASSPORT},
)
async def correct(call: Call[CorrectionTerms, DryRun]) -> Answer:
    argument = CorrectPassport(
        caller=call.caller,
        passport=call.ids["passport"],
        expected_version=call.expected_version,
        corrects=to_uuid(call.body.corrects),
        reason=call.body.reason,
        content=call.body.content.inside(),
    )
    outcome = await given(call, commands.correct, argument)
    warnings = await unless_unread(cautioned(call, argument.content, "/content"))
    waits = warned(correction_cautions(outcome.fact(PassportCorrected)))
    return _stepped(call, outcome, waits + warnings)


@step_endpoint(
    "/v1/passports/{passport}/corrections/acknowledgement",
    summary="Acknowledge a correction of a passport",
    answer=PassportAccepted,
    versioned=True,
    description="By who has title, of the correction that waits (`proposed` of the passport): it stands from "
    "here on. Whoever does not want it leaves it; what was stated stands.",
)
async def acknowledge_correction(call: Call[Nothing, DryRun]) -> Answer:
    argument = AcknowledgeCorrection(
        caller=call.caller, passport=call.ids["passport"], expected_version=call.expected_version
    )
    return _stepped(call, await given(call, commands.acknowledge_correction, argument))


@step_endpoint(
    "/v1/passports/{passport}/notes",
    summary="Add a public note to a passport",
    body=NoteTerms,
    answer=PassportAccepted,
    versioned=True,
    description="By who issued it, at any time: what is wrong with figures that a correction can no longer "
    "change, since other lots rest on them. Everybody who reads label or passport reads it; it stays.",
    example={"note": "Recycled content was overstated: audited, it is 10 % post-consumer."},
)
async def note(call: Call[NoteTerms, DryRun]) -> Answer:
    argument = NotePassport(
        caller=call.caller,
        passport=call.ids["passport"],
        expected_version=call.expected_version,
        note=call.body.note,
        evidence=tuple(each.inside() for each in call.body.evidence),
    )
    return _stepped(call, await given(call, commands.note, argument))


@step_endpoint(
    "/v1/passports/{passport}/retirements",
    summary="Retire a passport",
    body=RetirementTerms,
    answer=PassportAccepted,
    versioned=True,
    description="By the owner: what is left of the lot leaves the loop. Goods that another holds by its own "
    "word come back by a transfer of that holder first. A retired passport stays readable.",
    example={"reason": "installed", "note": "built into wind turbines of one park"},
)
async def retire(call: Call[RetirementTerms, DryRun]) -> Answer:
    argument = RetirePassport(
        caller=call.caller,
        passport=call.ids["passport"],
        expected_version=call.expected_version,
        reason=call.body.reason,
        note=call.body.note,
    )
    return _stepped(call, await given(call, commands.retire, argument))


def _stepped(call: Call[Any, DryRun], outcome: Done, warnings: tuple[Warned, ...] = ()) -> Answer:
    version, found = call.expected_version + 1, to_text("pass", call.ids["passport"])
    return outcome.answer(
        PassportAccepted(id=found, version=version, warnings=warnings, **outcome.accepted()), version=version
    )


async def cautioned(
    call: Call[Any, Any], content: PassportContent, prefix: str = "", *, made: bool = False
) -> tuple[Warned, ...]:
    """What the issuer of a passport should know; pointers below `prefix`. `made`: of others."""
    found = [] if made else list(stated_cautions(content))
    found += paper_cautions(content, call.door.clock())
    if content.assay is not None:
        found += activity_cautions(content.composition, content.assay)
        found += radioactive_cautions(content.composition, content.assay)
    record = content.magnets
    if record is not None:
        async with as_desk(call) as connection:
            responsible = await load_responsible(connection, record)
        found += label_cautions(content, responsible)
        found += magnet_cautions(content)
    if not made:
        named = origin_sites(content)
        found += origin_cautions(content, call.caller.organisation, await sites_of(call, named))
    return warned(replace(each, pointer=f"{prefix}{each.pointer}") for each in found)


HANDLERS: Final = (
    issue,
    transfer,
    acknowledge,
    correct,
    acknowledge_correction,
    note,
    retire,
)
