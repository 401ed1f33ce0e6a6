"""Deliveries under an agreement: ship, accept, reject, withdraw; read them."""

from datetime import date
from typing import Annotated, Final
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType

from contracts.commands import deliveries as commands
from contracts.commands.steps import find
from contracts.rules.agreement import Agreement
from contracts.rules.deliveries import Accept, Reject, Ship, Withdraw
from contracts.rules.delivery import Delivery
from contracts.rules.non_arrivals import is_operators as loss_is_operators
from contracts.rules.results import is_operators
from contracts.rules.returns import is_operators as return_is_operators
from contracts.rules.weighings import is_operators as mass_is_operators
from contracts.store import deliveries as store
from contracts.store.agreements import load_agreement as stored_agreement
from contracts.store.own_deliveries import invoiced
from events import contract_terms as terms
from events.delivery_events import DeliveryAccepted as AcceptedFact
from events.delivery_events import DeliveryShipped
from events.market_terms import MemberCertificate
from events.vocabulary import ProductForm, RexRoute
from market.commands.shipping import ship as ship_lot
from market.http.agreements.agreement_steps import Papers
from market.http.agreements.assays import RESULTS, Results
from market.http.agreements.consignments import Consignment
from market.http.agreements.contract_reads import ReasonedPage, ReasonQuery, as_party
from market.http.agreements.contract_reads import load as load_agreement
from market.http.agreements.delivery_steps import TAG, DeliveryAccepted, answer, delivery_step, given_of
from market.http.agreements.delivery_views import DeliveryView
from market.http.agreements.delivery_warnings import matched_lot, of_acceptance, of_shipment
from market.http.agreements.goods_terms import FoundGoods
from market.http.agreements.reported_results import results_of
from market.http.wire import lists
from market.http.wire.access import DELIVERY_READERS, READERS
from market.http.wire.endpoint import Answer, Call, DryRun, Nothing, endpoint, not_found
from market.http.wire.ids import CertificateId, DeliveryId, PassportId, to_uuid
from market.http.wire.material import Body, Dated, Footprint, OriginStep, RecycledContent
from market.http.wire.numbers import (
    BECQUEREL_PER_GRAM,
    PERCENT,
    TONNES_POSITIVE,
    BecquerelPerGram,
    Percent,
    TonnesPositive,
)
from market.http.wire.paging import Listing
from market.http.wire.reads import as_desk
from market.http.wire.receipts import unless_unread
from market.http.wire.steps import given
from market.rules.refusing.defects import CertificateNotOwned
from market.rules.refusing.wording import Code, LongText
from market.store import members
from market.store.reading import page

EXAMPLE: Final = {
    "lot_number": "LOT-2028-031",
    "form": "separated_oxide",
    "shipped_on": "2028-03-01",
    "net_wet_t": "20.000",
    "moisture_percent": "0.5",
    "stated": RESULTS,
    "recycled": {"post_consumer_percent": "36", "pre_consumer_percent": "0"},
    "consignment": {"carrier": "Carrier Ltd", "consignment_note": "CMR 2028-0311", "seals": ["EU-20311"]},
    "documents": [{"title": "CMR 2028-0311", "sha256": "4c" * 32, "dated_on": "2028-03-01"}],
}
INSPECTION: Final = {"title": "Inspection 88-3", "sha256": "6e" * 32, "dated_on": "2028-03-16"}


class ShipLot(Dated, frozen=True, kw_only=True):
    """A shipped lot: its mass, the seller's statements and evidence. `replaces`: the rejected delivery that
    it replaces; not needed for a lot that is presented again. `documents` of the handover, such as the
    consignment note or Annex VII for waste, stay with the seller; the record contains their names and
    hashes."""

    lot_number: Code
    passport: PassportId | None = None
    form: ProductForm
    shipped_on: date
    net_wet_t: TonnesPositive
    moisture_percent: Percent = "0"
    stated: Results
    footprint: Footprint | None = None
    recycled: RecycledContent | None = None
    origin: Annotated[tuple[OriginStep, ...], Meta(max_length=12)] = ()
    certificates: Annotated[tuple[CertificateId, ...], Meta(max_length=32)] = ()
    rex_routes: Annotated[tuple[RexRoute, ...], Meta(max_length=4)] = ()
    th_bq_per_g: BecquerelPerGram | None = None
    u_bq_per_g: BecquerelPerGram | None = None
    goods: FoundGoods | None = None
    replaces: DeliveryId | None = None
    consignment: Consignment | None = None
    documents: Papers = ()

    def evidence(self, held: tuple[MemberCertificate, ...]) -> terms.DeliveryEvidence:
        return terms.DeliveryEvidence(
            footprint=None if self.footprint is None else self.footprint.inside(),
            recycled=None if self.recycled is None else self.recycled.inside(),
            origin=tuple(step.inside() for step in self.origin),
            certificates=held,
            rex_routes=self.rex_routes,
            th_mbq_per_g=_activity(self.th_bq_per_g),
            u_mbq_per_g=_activity(self.u_bq_per_g),
        )


def _activity(stated: str | None) -> int | UnsetType:
    return UNSET if stated is None else BECQUEREL_PER_GRAM.parse(stated)


class RejectLot(Body, frozen=True, kw_only=True):
    """`found`: findings about goods agreed by the piece. `claims`: the seller's claims that the documents
    contradict, if price or contract depend on them. Settled figures that are off-spec need not be stated."""

    found: FoundGoods | None = None
    evidence: Papers = ()
    claims: Annotated[tuple[terms.StatedClaim, ...], Meta(max_length=4)] = ()


class WithdrawLot(Body, frozen=True, kw_only=True):
    """Why the shipment is withdrawn, as its buyer reads it."""

    reason: LongText


class AcceptLot(Dated, frozen=True, kw_only=True):
    title_passed_on: date


@delivery_step(
    "/v1/agreements/{agreement}/deliveries",
    summary="Ship a lot",
    located=True,
    body=ShipLot,
    description="""By the seller, under an effective agreement. The provisional invoice goes with it;
where its index has no value yet there is none, and the final one is of the whole. The contract of a
match takes its lot, or parts of it, up to its quantity and tolerance (10 % where none is stated); what
one contract takes of a lot no other takes.

A `passport` is the seller's own and lives; it is of that lot, or of the one that the number of a part
begins with, and proves form, footprint, recycled shares and origins that are stated. Mass and basis may
be 5 % above it.

A lot that was rejected is presented again by the same number, not before the day it was weighed, with
its new figures; so is a lot of another number that names what it `replaces`. Within the contract year
that makes the rejected quantity good: it lowers what the year has to take no longer.

Warned of, and not refused:

- a day outside the delivery window, or before the newest terms count, so that former ones price the lot
- more than is agreed for the year, more than two agreed lots, mass or basis above the passport
- a lot number that left before under any agreement of the seller, whatever its case, or stands in an
  open order
- an origin that is left out where the price rests on it: no premium is paid then, and what is bid
  against listed countries is taken off
- claims that are paid for without a passport; a footprint that cannot be compared or looks odd
- an activity of Th-232 or U-238 twice or half of what the stated mass of Th or U comes to
- a form that the price states no factor of
- waste for which the buyer's site has no permit or no consent on that day
- what `product.demands` asks and the lot does not show
- `goods` that are not as agreed, or not stated where they are agreed
""",
    example=EXAMPLE,
)
async def ship(call: Call[ShipLot, DryRun]) -> Answer:
    body = call.body
    argument = Ship(
        caller=call.caller,
        agreement=call.ids["agreement"],
        lot_number=body.lot_number,
        passport=None if body.passport is None else to_uuid(body.passport),
        form=body.form,
        shipped_on=body.shipped_on,
        net_wet_g=TONNES_POSITIVE.parse(body.net_wet_t),
        moisture_ppb=PERCENT.parse(body.moisture_percent),
        stated=results_of(body.stated, "/stated"),
        evidence=body.evidence(await _certificates(call)),
        matched=await matched_lot(call),
        goods=UNSET if body.goods is None else body.goods.inside(),
        replaces=UNSET if body.replaces is None else to_uuid(body.replaces),
        consignment=UNSET if body.consignment is None else body.consignment.inside(),
        documents=tuple(each.inside() for each in body.documents) or UNSET,
    )
    outcome = await given(call, ship_lot, argument)
    fact = outcome.fact(DeliveryShipped)
    found = outcome.made("del", fact.delivery)
    return outcome.answer(
        DeliveryAccepted(id=found, warnings=await of_shipment(call, fact), **outcome.accepted()),
        location=f"/v1/deliveries/{found}",
    )


async def _certificates(call: Call[ShipLot, DryRun]) -> tuple[MemberCertificate, ...]:
    """The named certificates as the seller's sites hold them in the market. Raises CertificateNotOwned."""
    if not call.body.certificates:
        return ()
    place = await find(call.door.desk, call.caller, call.ids["agreement"])
    async with as_desk(call) as connection:
        row = await members.load_member(connection, place.market, place.seller)
    held = {} if row is None else {each.certificate: each for each in row.member.certificates}
    found: list[MemberCertificate] = []
    for index, certificate in enumerate(map(to_uuid, call.body.certificates)):
        if certificate not in held:
            raise CertificateNotOwned(pointer=f"/certificates/{index}")
        found.append(held[certificate])
    return tuple(found)


@delivery_step(
    "/v1/deliveries/{delivery}/acceptance",
    summary="Accept a delivery",
    body=AcceptLot,
    description="By the buyer, when nobody may object to the mass received, or has; title passes for the "
    "settled quantity. A buyer that neither accepts nor rejects is called upon when the time to lodge "
    "assays, or to object to the mass or to the umpire's assay, is out; 30 days later the lot is deemed "
    "accepted. What is not as agreed (`broken` of the delivery) is warned of: an accepted lot is rejected no "
    "more.",
    example={"title_passed_on": "2028-03-18"},
)
async def accept(call: Call[AcceptLot, DryRun]) -> Answer:
    argument = Accept(
        caller=call.caller, delivery=call.ids["delivery"], title_passed_on=call.body.title_passed_on
    )
    outcome = await given(call, commands.accept, argument)
    return answer(call, outcome, await unless_unread(of_acceptance(call.door, outcome.fact(AcceptedFact))))


@delivery_step(
    "/v1/deliveries/{delivery}/rejection",
    summary="Reject a delivery",
    body=RejectLot,
    body_required=False,
    description="By the buyer, before the lot is deemed accepted, when settled figures break the agreed "
    "limits, or when pieces, magnets or condition are not as agreed: as the seller stated them at shipment, "
    "or as `found` by an inspection whose document `evidence` names; or when such a document says otherwise "
    "than the seller stated of recycled content, origin, footprint or certificates, where the price pays for "
    "it or the contract asks it: `claims`. What was paid comes back.",
    example={"found": {"grade": "N35", "flux_percent": "81"}, "evidence": [INSPECTION]},
)
async def reject(call: Call[RejectLot, DryRun]) -> Answer:
    body = call.body
    argument = Reject(
        caller=call.caller,
        delivery=call.ids["delivery"],
        found=UNSET if body.found is None else body.found.inside(),
        evidence=tuple(each.inside() for each in body.evidence) or UNSET,
        claims=body.claims or UNSET,
    )
    return await given_of(call, commands.reject, argument)


@delivery_step(
    "/v1/deliveries/{delivery}/withdrawal",
    summary="Withdraw a shipment",
    body=WithdrawLot,
    description="By the seller, of what was mistyped or did not leave, until the buyer has weighed it, is "
    "deemed to have, or has declared that it never came. What was invoiced is credited, and the lot may "
    "leave again. Nothing of it counts in the year.",
    example={"reason": "20 t were meant, not 2,000"},
)
async def withdraw(call: Call[WithdrawLot, DryRun]) -> Answer:
    argument = Withdraw(caller=call.caller, delivery=call.ids["delivery"], reason=call.body.reason)
    return await given_of(call, commands.withdraw, argument)


@endpoint(
    "GET",
    "/v1/agreements/{agreement}/deliveries",
    roles=READERS,
    summary="List the deliveries of an agreement",
    tag=TAG,
    query=ReasonedPage,
    answer=Listing[DeliveryView],
    description="The newest first.",
)
async def index(call: Call[Nothing, ReasonedPage]) -> Answer:
    agreement, limit = await load_agreement(call), lists.limit(call)
    async with as_party(call) as (connection, _):
        rows = await store.list_deliveries(
            connection, agreement.agreement, after=lists.after(call, UUID), limit=limit + 1
        )
        done = await invoiced(connection, rows)
    side = agreement.side_of(call.caller.organisation)
    return lists.answer(
        call,
        page(rows, limit),
        key=lambda row: row.shipped.delivery,
        view=lambda row: DeliveryView.of(
            row, agreement, side, call.door.clock(), invoiced=row.shipped.delivery in done
        ),
    )


@endpoint(
    "GET",
    "/v1/deliveries/{delivery}",
    roles=DELIVERY_READERS,
    summary="Read a delivery",
    tag=TAG,
    query=ReasonQuery,
    problems=(422,),
    answer=DeliveryView,
    etagged=True,
    description="As far as it is: shipped, weighed, analysed, settled. For both parties, an auditor with a "
    "reason, and an operator with one where it hands in the umpire's assay or the surveyor's certificate, "
    "after an objection or where nobody is named, and of a contested loss. An assay of the other side once "
    "both are exchanged.",
)
async def read(call: Call[Nothing, ReasonQuery]) -> Answer:
    async with as_party(call, operators=True) as (connection, organisation):
        row = await store.load_delivery(connection, call.ids["delivery"])
        agreement = (
            None if row is None else await stored_agreement(connection, organisation, row.shipped.agreement)
        )
        done = await invoiced(connection, () if row is None else (row,))
    if row is None or agreement is None:
        raise not_found()
    side = agreement.side_of(call.caller.organisation)
    if side is None and "auditor" not in call.caller.roles and not _is_operators(agreement, row):
        raise not_found()
    body = DeliveryView.of(row, agreement, side, call.door.clock(), invoiced=bool(done))
    return Answer(body=body, version=row.version)


def _is_operators(agreement: Agreement, row: Delivery) -> bool:
    assayed_or_weighed = is_operators(agreement, row) or mass_is_operators(agreement, row)
    return assayed_or_weighed or loss_is_operators(row) or return_is_operators(row)


HANDLERS: Final = (ship, index, read, accept, reject, withdraw)
