"""Every fact of the contracts stream once more: its rule asked again, with what the fact carries.

A fact states what somebody did and what followed from it. A reader of the record alone has the first as
input and computes the second, so that a figure which does not follow shows without any table.
"""

from datetime import datetime
from typing import Any, Final, assert_never
from uuid import UUID

from msgspec import UNSET, Struct
from msgspec.structs import replace

from contracts.rules import (
    agreements,
    contests,
    deemed,
    deliveries,
    indices,
    nominations,
    non_arrivals,
    payments,
    references,
    results,
    returns,
    settlements,
    standing,
    weighings,
)
from contracts.rules.agreement import Agreement
from contracts.rules.balances import FormerBalances
from contracts.rules.delivery import Delivery, DeliveryState, Replaced
from contracts.rules.effective_days import NOTHING_SETTLED, AmendingState, Settled
from contracts.rules.index_units import IndexUnits
from contracts.rules.indices import IndexState
from contracts.rules.matched import from_match
from contracts.rules.nominations import VolumeState
from contracts.rules.payment import Payable
from contracts.rules.payments import PaymentState
from contracts.rules.prices import Priced
from contracts.rules.quotation import IndexValues
from contracts.rules.references import ReferenceState
from contracts.rules.settlements import QuarterState
from contracts.rules.steps import AgreementState
from contracts.rules.volumes import Volumes
from contracts.rules.year_accounts import (
    AccountState,
    AssessYear,
    DeclareOutput,
    NotifyShortfall,
    assess_year,
    declare_output,
    next_year_end,
    notify_shortfall,
    unpriced_day,
)
from contracts.rules.year_prices import year_formula
from events.callers import Caller
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
    IndexPublished,
    InvoiceSettled,
    OutputDeclared,
    ProposalWithdrawn,
    QuantityNominated,
    ShortfallNotified,
    YearAssessed,
)
from events.decision import Decision, Moment
from events.delivery_events import (
    AssayLodged,
    AssaysExchanged,
    BuyerCalled,
    DeliveryAccepted,
    DeliveryRejected,
    DeliveryShipped,
    DeliveryWeighed,
    DeliveryWithdrawn,
    NonArrivalContested,
    NonArrivalDeclared,
    NonArrivalSettled,
    UmpireDecided,
    UmpireObjected,
    WeighingObjected,
    WeighingSettled,
)
from events.envelope import Recorded
from events.facts import (
    AgreementFact,
    DeliveryFact,
    DeliveryStep,
    LifecycleStep,
    PaymentFact,
    ReturnFact,
)
from events.market_events import MatchConfirmed
from events.payment_events import InvoiceReferenced

UNTOLD: Final = UUID(int=0)
"""Stands for an id that only a fact which is still to come will tell."""


class Before(Struct, frozen=True, kw_only=True):
    """What the record has said before the fact, as far as the rule that made it reads it.

    `delivery` is the one that the fact names, `invoices` those of that delivery, or of the quarter of an
    invoice or a shipment. `shipped` are the deliveries of the quarter, `lots` and `left_g` those of
    `DeliveryState`, as `rejected_alike`, `replaced` and `quarter_settled`. Without `units` no price is held
    against them. `match` is confirmed at `match_time`. `former`: a ledger is asked for as an earlier version
    made it, without `oxides_asked` figures of a lot, with `silence_paid` a price, with `pieces_as_bulk` a
    draft, with `of_before` what `DeliveryState` says of it. `settled`: of terms that reach back. `paying`: of
    a payment, `referred`: the invoice that a side's books name.
    """

    agreement: Agreement | None = None
    volumes: Volumes = Volumes()
    delivery: Delivery | None = None
    invoices: tuple[InvoiceSettled, ...] = ()
    shipped: tuple[Delivery, ...] = ()
    lots: frozenset[str] = frozenset()
    rejected_alike: UUID | None = None
    replaced: Replaced | None = None
    quarter_settled: bool = False
    left_g: int = 0
    values: IndexValues = {}
    units: IndexUnits = {}
    match: MatchConfirmed | None = None
    match_time: datetime | None = None
    former: FormerBalances | None = None
    oxides_asked: bool = True
    pieces_as_bulk: bool = False
    silence_paid: bool = False
    of_before: bool = False
    settled: Settled = NOTHING_SETTLED
    paying: PaymentState | None = None
    referred: Payable | None = None


def remade(before: Before, event: Recorded, fact: AgreementFact) -> Decision:
    """What the rule decides from the fact's inputs: the fact itself first, if it follows from them.

    Who acted is taken from the event, so that a side which it does not speak for shows too. Raises Refusals
    or a Refusal when today's rule refuses, LookupError or ValueError for what no command could have asked.
    """
    caller = Caller(organisation=event.actor, roles=frozenset({"trader", "operator"}))
    if isinstance(fact, AgreementDrafted):
        return _drafted(before, event, fact, caller)
    assert before.agreement is not None
    if isinstance(fact, LifecycleStep):
        return _stepped(before.agreement, before.settled, event, fact, caller)
    if isinstance(fact, PaymentFact):
        assert before.paying is not None
        return payments.decided_again(before.paying, fact, caller, _moment(event.time, fact.payment))
    if isinstance(fact, InvoiceReferenced):
        referring = ReferenceState(lane=event.lane, invoice=before.referred)
        return references.decided_again(referring, fact, caller, _moment(event.time))
    if isinstance(fact, ReturnFact):
        return returns.decided_again(
            _delivery_state(before, event), fact, caller, _moment(event.time, UNTOLD)
        )
    if isinstance(fact, DeliveryFact):
        return _delivered(_delivery_state(before, event), event, fact, caller)
    if isinstance(fact, InvoiceSettled):
        return _invoiced(before, event, fact, caller)
    return _counted(before, before.agreement, event, fact, caller)


def published_again(state: IndexState, event: Recorded, fact: IndexPublished) -> Decision:
    """As `remade`, of values of an index; `state` holds those that touch the new ones."""
    caller = Caller(organisation=event.actor, roles=frozenset({"operator"}))
    unit = indices.IndexUnit(currency=fact.currency, per=fact.per, rate_of=fact.rate_of)
    argument = indices.PublishIndex(caller=caller, index=fact.index, unit=unit, values=fact.values)
    made = indices.publish(state, argument, _moment(event.time))
    return made if fact.restates is not UNSET else _as_before(made)


def _as_before(made: Decision) -> Decision:
    """Of a version that did not say which values restate."""
    (draft,) = made.drafts
    assert isinstance(draft.data, IndexPublished)
    return replace(made, drafts=(replace(draft, data=replace(draft.data, restates=UNSET)),))


def _moment(now: datetime, *ids: UUID) -> Moment:
    given = iter(ids)
    return Moment(now, lambda: next(given, UNTOLD))


def _drafted(before: Before, event: Recorded, fact: AgreementDrafted, caller: Caller) -> Decision:
    if fact.match is not None:
        if before.match is None or before.match_time is None:
            raise LookupError(f"the record confirms no match {fact.match} that has no agreement yet")
        moment = _moment(before.match_time, fact.agreement)
        return from_match(event.lane, before.match, moment, pieces_as_bulk=before.pieces_as_bulk)
    if fact.proposed_by is None:
        raise LookupError("it came of no match, and nobody proposed it")
    argument = agreements.DraftAgreement(
        caller=caller,
        market=fact.market,
        kind=fact.kind,
        side=fact.proposed_by,
        counterparty=fact.buyer if fact.proposed_by == "seller" else fact.seller,
        basis=fact.terms.product.basis,
        members=frozenset({fact.seller, fact.buyer, event.actor}),
        terms=fact.terms,
    )
    return agreements.draft(AgreementState(lane=event.lane), argument, _moment(event.time, fact.agreement))


def _stepped(
    agreement: Agreement, settled: Settled, event: Recorded, fact: LifecycleStep, caller: Caller
) -> Decision:
    state = AmendingState(lane=event.lane, agreement=agreement, settled=settled)
    moment = _moment(event.time)
    ends = isinstance(fact, ForceMajeureEnded | AgreementTerminated)
    if isinstance(fact, AgreementAdvanced) or (ends and agreement.side_of(event.actor) is None):
        by_clock = standing.PassTime(caller=caller, agreement=agreement.agreement)
        return standing.pass_time(state, by_clock, moment)
    named: dict[str, Any] = {
        "caller": caller,
        "agreement": agreement.agreement,
        "expected_version": agreement.version,
    }
    match fact:
        case AgreementProposed():
            proposed = agreements.ProposeTerms(**named, terms=fact.terms, note=fact.note)
            return agreements.propose(state, proposed, moment)
        case ProposalWithdrawn():
            withdrawn = agreements.WithdrawProposal(**named, proposal=fact.proposal)
            return agreements.withdraw(state, withdrawn, moment)
        case AgreementSigned():
            signed = agreements.SignProposal(
                **named,
                proposal=fact.proposal,
                binding=fact.binding,
                group=fact.group,
                capacity=fact.capacity,
            )
            return agreements.sign(state, signed, moment)
        case (
            ConditionSettled()
            | AgreementExtended()
            | ForceMajeureDeclared()
            | ForceMajeureEnded()
            | AgreementTerminated()
        ):
            return standing.decided_again(state, fact, caller, agreement.version, moment)
        case DeclarationContested() | ContestSettled():
            return contests.decided_again(state, fact, caller, moment)
        case _:
            assert_never(fact)


def _counted(
    before: Before,
    agreement: Agreement,
    event: Recorded,
    fact: OutputDeclared | QuantityNominated | ShortfallNotified | YearAssessed,
    caller: Caller,
) -> Decision:
    state = VolumeState(lane=event.lane, agreement=agreement, volumes=before.volumes)
    named: dict[str, Any] = {"caller": caller, "agreement": agreement.agreement}
    match fact:
        case OutputDeclared():
            declared = DeclareOutput(**named, year=fact.year, output_g=fact.output_g)
            return declare_output(state, declared, _moment(event.time))
        case ShortfallNotified():
            told = NotifyShortfall(**named, year=fact.year, quantity_g=fact.quantity_g, reason=fact.reason)
            return notify_shortfall(state, told, _moment(event.time))
        case QuantityNominated():
            moment = _moment(event.time, fact.nomination)
            if agreement.side_of(event.actor) is None:
                silent = nominations.NominateBySilence(
                    **named, level=fact.level, start=fact.part.period.start
                )
                return nominations.nominate_by_silence(state, silent, moment)
            spoken = nominations.NominateQuantity(**named, level=fact.level, part=fact.part)
            return nominations.nominate(state, spoken, moment)
        case YearAssessed():
            account = AccountState(
                lane=event.lane,
                agreement=agreement,
                volumes=before.volumes,
                formula=_formula(before, agreement, event.time),
                former=before.former,
            )
            due = next_year_end(agreement, before.volumes)
            year = fact.ledger.year if due is None else due[1]
            return assess_year(account, AssessYear(**named, year=year), _moment(event.time))
        case _:
            assert_never(fact)


def _formula(before: Before, agreement: Agreement, now: datetime) -> Priced | None:
    last_day = unpriced_day(agreement, before.volumes, now)
    if last_day is None:
        return None
    return year_formula(agreement, last_day, before.units, before.values, now)


def _delivery_state(before: Before, event: Recorded) -> DeliveryState:
    return DeliveryState(
        lane=event.lane,
        agreement=before.agreement,
        delivery=before.delivery,
        lots=before.lots,
        rejected_alike=before.rejected_alike,
        replaced=before.replaced,
        closed_years=frozenset(
            year.year for year in before.volumes.years.values() if year.ledger is not None
        ),
        quarter_settled=before.quarter_settled,
        left_g=before.left_g,
        invoices=before.invoices,
        values=before.values,
        units=before.units,
        oxides_asked=before.oxides_asked,
        silence_paid=before.silence_paid,
        of_before=before.of_before,
    )


def _delivered(
    state: DeliveryState, event: Recorded, fact: DeliveryShipped | DeliveryStep, caller: Caller
) -> Decision:
    moment = _moment(event.time)
    if isinstance(fact, BuyerCalled) or getattr(fact, "deemed", UNSET) is not UNSET or _by_clock(fact):
        return deemed.pass_time(state, deemed.PassDelivery(caller=caller, delivery=fact.delivery), moment)
    match fact:
        case DeliveryShipped():
            return deliveries.ship(
                state, _shipment(fact, caller), _moment(event.time, fact.delivery, fact.invoice)
            )
        case DeliveryWeighed() | WeighingObjected() | WeighingSettled():
            return weighings.decided_again(state, fact, caller, moment)
        case NonArrivalDeclared() | NonArrivalContested() | NonArrivalSettled():
            return non_arrivals.decided_again(state, fact, caller, moment)
        case AssayLodged() | AssaysExchanged() | UmpireDecided() | UmpireObjected():
            return results.decided_again(state, fact, caller, moment)
        case DeliveryAccepted() | DeliveryRejected() | DeliveryWithdrawn():
            return deliveries.decided_again(state, fact, caller, moment)
        case _:
            assert_never(fact)


def _by_clock(fact: DeliveryFact) -> bool:
    """A declaration of non-arrival that nobody contested."""
    return isinstance(fact, NonArrivalSettled) and fact.by is UNSET and not fact.evidence


def _shipment(fact: DeliveryShipped, caller: Caller) -> deliveries.Ship:
    return deliveries.Ship(
        caller=caller,
        agreement=fact.agreement,
        nomination=fact.nomination,
        lot_number=fact.lot_number,
        passport=fact.passport,
        form=fact.form,
        shipped_on=fact.shipped_on,
        net_wet_g=fact.net_wet_g,
        moisture_ppb=fact.moisture_ppb,
        stated=fact.stated,
        evidence=fact.evidence,
        goods=fact.goods,
        replaces=fact.replaces,
        consignment=fact.consignment,
        documents=fact.documents,
    )


def _invoiced(before: Before, event: Recorded, fact: InvoiceSettled, caller: Caller) -> Decision:
    """An invoice that a side asked for; one that follows from another fact comes right after it."""
    moment = _moment(event.time, fact.invoice)
    if fact.delivery is not None:
        state = _delivery_state(before, event)
        if before.invoices:
            restated = settlements.Restate(caller=caller, delivery=fact.delivery)
            return settlements.restate(state, restated, moment)
        settled = settlements.Settle(caller=caller, delivery=fact.delivery)
        return settlements.settle(state, settled, moment)
    if fact.period is None:
        raise LookupError("it settles neither a delivery nor a quarter, and follows from no fact before it")
    quarter = QuarterState(
        lane=event.lane,
        agreement=before.agreement,
        deliveries=before.shipped,
        invoices=before.invoices,
        values=before.values,
        units=before.units,
    )
    asked = settlements.SettleQuarter(
        caller=caller, agreement=fact.agreement, quarter=fact.period.start.date()
    )
    return settlements.settle_quarter(quarter, asked, moment)
