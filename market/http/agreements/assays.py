"""Assays of a delivery: submitted sealed, exchanged, decided by an umpire."""

from typing import Annotated, Final
from uuid import UUID

from msgspec import Meta

from contracts.commands import deliveries as commands
from contracts.rules.results import DecideAsUmpire, ExchangeAssays, LodgeAssay, ObjectToUmpire
from events.callers import Caller
from events.delivery_events import AssayLodged
from market.http.agreements.agreement_views import Evidence
from market.http.agreements.delivery_steps import answer, delivery_step, given_of
from market.http.agreements.delivery_warnings import of_assay
from market.http.agreements.reported_results import ReportedResult, results_of
from market.http.wire.access import INSPECTORS, OPERATORS
from market.http.wire.endpoint import Answer, Call, DryRun, Nothing
from market.http.wire.material import Body
from market.http.wire.numbers import EUR_CENTS, Eur
from market.http.wire.receipts import unless_unread
from market.http.wire.steps import given
from market.rules.refusing.wording import LongText, Text

Results = Annotated[tuple[ReportedResult, ...], Meta(min_length=1, max_length=64)]
RESULTS: Final = [
    {"analyte": "Nd", "fraction": {"unit": "percent", "amount": "64.3"}},
    {"analyte": "Pr", "fraction": {"unit": "percent", "amount": "20.7"}},
]
CERTIFICATE: Final = {"title": "Certificate AHK-2028-5", "sha256": "5d" * 32, "dated_on": "2028-03-15"}
ASSAY: Final = {"laboratory": "Independent Laboratory", "reference": "A-2028-77", "results": RESULTS}


class LodgedAssay(Body, frozen=True, kw_only=True):
    """A side's figures of every analyte that the agreement exchanges."""

    laboratory: Text
    reference: Text
    results: Results


class UmpireAssay(LodgedAssay, frozen=True, kw_only=True):
    """`certificate`: the laboratory's own document, which both parties have of it. `cost`: its bill in the
    agreement's currency; the farther party bears it."""

    certificate: Evidence
    cost: Eur = "0.00"


class Objection(Body, frozen=True, kw_only=True):
    """Why the figures, the bill or the document are not the umpire's, and the document that proves it."""

    reason: LongText
    evidence: Annotated[tuple[Evidence, ...], Meta(max_length=8)] = ()


@delivery_step(
    "/v1/deliveries/{delivery}/assays",
    summary="Lodge a sealed assay",
    body=LodgedAssay,
    roles=INSPECTORS,
    description="Shown to the other side when both are in or the time is out. Until the other side has "
    "lodged its own, another may be lodged in its place. A figure of an oxide names it in `reported_as` and "
    "counts as the element in it. Of an oxide, carbonate or ore its figures cannot come to more than 105 % "
    "as oxides. A figure that is twice or half of what was stated, or more than ten splitting limits from "
    "it, that looks like the oxide of what was stated, and none of what is paid for, are warned of.",
    example=ASSAY,
)
async def lodge(call: Call[LodgedAssay, DryRun]) -> Answer:
    outcome = await given(call, commands.lodge, lodging(call.caller, call.ids["delivery"], call.body))
    warnings = await unless_unread(of_assay(call.door, outcome.fact(AssayLodged)))
    return answer(call, outcome, warnings)


def lodging(caller: Caller, delivery: UUID, body: LodgedAssay) -> LodgeAssay:
    return LodgeAssay(
        caller=caller,
        delivery=delivery,
        laboratory=body.laboratory,
        reference=body.reference,
        results=results_of(body.results, "/results"),
    )


@delivery_step(
    "/v1/deliveries/{delivery}/exchange",
    summary="Exchange assays when the time is out",
    description="Who lodged none in time is bound by the other's figures.",
)
async def exchange(call: Call[Nothing, DryRun]) -> Answer:
    argument = ExchangeAssays(caller=call.caller, delivery=call.ids["delivery"])
    return await given_of(call, commands.exchange, argument)


@delivery_step(
    "/v1/deliveries/{delivery}/umpire",
    summary="Hand in the umpire's assay",
    body=UmpireAssay,
    roles=INSPECTORS | OPERATORS,
    description="By either party, all analytes that stand before the agreed umpire at once. The other side "
    "may object for 7 days; until then a buyer that handed it in neither accepts nor rejects. After an "
    "objection, and where no umpire is named, the operator hands it in, and that is final.",
    example={**ASSAY, "results": RESULTS[:1], "certificate": CERTIFICATE, "cost": "1200.00"},
)
async def umpire(call: Call[UmpireAssay, DryRun]) -> Answer:
    argument = DecideAsUmpire(
        caller=call.caller,
        delivery=call.ids["delivery"],
        laboratory=call.body.laboratory,
        reference=call.body.reference,
        results=results_of(call.body.results, "/results"),
        cost_cents=EUR_CENTS.parse(call.body.cost),
        certificate=call.body.certificate.inside(),
    )
    return await given_of(call, commands.umpire, argument)


@delivery_step(
    "/v1/deliveries/{delivery}/umpire/objection",
    summary="Object to the umpire's assay",
    body=Objection,
    description="By the side that did not hand it in, while it may. Its figures count no longer, so a "
    "document has to show others; the operator asks the laboratory and hands in what it confirms.",
    example={"reason": "Our copy of AHK-2028-5 reads 64.1 % Nd", "evidence": [CERTIFICATE]},
)
async def object_to_umpire(call: Call[Objection, DryRun]) -> Answer:
    argument = ObjectToUmpire(
        caller=call.caller,
        delivery=call.ids["delivery"],
        reason=call.body.reason,
        evidence=tuple(each.inside() for each in call.body.evidence),
    )
    return await given_of(call, commands.object_to_umpire, argument)


HANDLERS: Final = (lodge, exchange, umpire, object_to_umpire)
