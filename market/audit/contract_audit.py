"""Checks the contracts stream from its records alone: every fact has to follow from its inputs.

Index values are in lanes of their own. Which of them a decision saw is only known to about a second, so a
figure is right if it follows from the values at some moment within SEEN_WITHIN.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from itertools import islice, product
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import UnsetType
from msgspec.structs import replace

from contracts.rules.agreement import Agreement
from contracts.rules.agreement import fold as fold_agreement
from contracts.rules.balances import FORMER_BALANCES
from contracts.rules.days import day_of
from contracts.rules.delivered import left_g, of_match
from contracts.rules.delivery import GONE, Replaced
from contracts.rules.delivery import fold as fold_delivery
from contracts.rules.effective_days import NOTHING_SETTLED, Settled, reaches_back, settled_by
from contracts.rules.index_units import clause_units, terms_read, unlike_units
from contracts.rules.indices import IndexState
from contracts.rules.quotation import IndexValues, quarter_of
from contracts.rules.remade import UNTOLD, Before, published_again, remade
from contracts.rules.replacements import rejected_last, replaced_in
from contracts.rules.settlements import settles_quarterly, terms_between
from contracts.rules.volumes import VolumeFact, fold_volume
from contracts.rules.year_accounts import unpriced_day
from events.contract_events import (
    AgreementAdvanced,
    AgreementDrafted,
    AgreementProposed,
    AgreementSigned,
    IndexPublished,
    InvoiceSettled,
    YearAssessed,
)
from events.contract_terms import IndexValue
from events.decision import Decision
from events.delivery_events import (
    AssayLodged,
    BuyerCalled,
    DeliveryShipped,
    DeliveryWeighed,
    ReturnDeclared,
    UmpireDecided,
    UmpireObjected,
    WeighingObjected,
    WeighingSettled,
)
from events.envelope import Draft, Recorded
from events.facts import AgreementFact, DeliveryFact, LifecycleFact, PaymentFact, ReturnFact
from events.payment_events import InvoiceReferenced, PaymentReceived
from events.refusal import Refusal, Refusals
from market.audit.fact_faults import FactFault, difference_between, said, said_by
from market.audit.fact_progress import NOTHING_COUNTED, Counted
from market.audit.lane_verdict import after_former_rule
from market.audit.payment_audit import keep_invoice, keep_payment, state_before
from market.audit.shelf import AuditShelf, DeliveryFile, Dossier, Following, KnownValue
from market.rules.clearing.differences import Difference

SEEN_WITHIN: Final = timedelta(seconds=60)
CHOICES_MAX: Final = 256


class ContractAudit:
    """Call it with the facts of a lane in order; the first fault ends the check, since later facts depend on
    it."""

    def __init__(self, shelf: AuditShelf, counted: Counted = NOTHING_COUNTED) -> None:
        """`counted`: by an earlier reading."""
        self._shelf = shelf
        self.agreements = counted.agreements
        self.deliveries = counted.deliveries
        self.invoices = counted.invoices
        self.payments = counted.payments
        self.years = counted.years
        self.former_rule = counted.former_rule

    def follow(self, event: Recorded) -> FactFault | None:
        fact: Any = event.data
        if isinstance(fact, IndexPublished):
            return self._published(event, fact)
        dossier = self._shelf.agreement(fact.agreement)
        if dossier is None and not isinstance(fact, AgreementDrafted):
            return FactFault(kind="fold", told=f"is of agreement {fact.agreement}, which was never drafted")
        if dossier is not None and dossier.following:
            fault, following = _followed(dossier.following[0], event), dossier.following[1:]
        else:
            fault, following = self._decided(dossier, event, fact)
        if fault is None:
            try:
                self._fold(dossier, event, fact, following)
            except LookupError as error:
                fault = FactFault(kind="fold", told=f"does not fit what came before it ({error})")
        return fault

    def _published(self, event: Recorded, fact: IndexPublished) -> FactFault | None:
        known: list[IndexValue] = []
        for value in fact.values:
            period = value.period
            known += self._shelf.values_before(event, fact.index, period.start, period.end)
        state = IndexState(
            lane=event.lane, unit=self._shelf.unit_before(event, fact.index), values=tuple(known)
        )
        self._shelf.keep_index(event, fact)
        fault, _ = _asked_again(lambda: published_again(state, event, fact), event)
        return fault

    def _decided(
        self, dossier: Dossier | None, event: Recorded, fact: AgreementFact
    ) -> tuple[FactFault | None, tuple[Following, ...]]:
        """Whether today's rule makes the same of it, or a former one did, and what it makes beside it."""
        if self._of_unread_match(dossier, event, fact):
            return None, ()
        before = self._before(dossier, event, fact)
        first, following = self._asked(before, event, fact)
        if first is None:
            return None, following
        for former in _by_former_rules(before, fact):
            fault, following = self._asked(former, event, fact)
            if fault is None:
                self.former_rule = after_former_rule(self.former_rule, event)
                return None, following
        return first, ()

    def _asked(
        self, before: Before, event: Recorded, fact: AgreementFact
    ) -> tuple[FactFault | None, tuple[Following, ...]]:
        first: FactFault | None = None
        for reading in self._readings(before):
            for values in _choices(self._known(reading, fact, event.time), event.time):
                seen = replace(reading, values=values)
                fault, following = _asked_again(lambda seen=seen: remade(seen, event, fact), event)
                if fault is None:
                    return None, following
                first = first or fault
        return first, ()

    def _readings(self, before: Before) -> Iterator[Before]:
        """As before units were held against clauses; then, where one is misread, as an amendment mends it."""
        yield before
        agreement = before.agreement
        if agreement is None or agreement.standing is None:
            return
        stood = (*(each.terms for each in agreement.superseded), agreement.terms)
        units = self._shelf.units({each.code for terms in stood for each in clause_units(terms)})
        if any(unlike_units(terms, units) for terms in stood):
            yield replace(before, units=units)

    def _of_unread_match(self, dossier: Dossier | None, event: Recorded, fact: AgreementFact) -> bool:
        """What the market's lane alone can prove, when it was not read, or not to its end."""
        if self._shelf.matches_known(event.lane):
            return False
        if isinstance(fact, AgreementDrafted):
            return fact.match is not None
        return (
            isinstance(fact, AgreementAdvanced)
            and dossier is not None
            and dossier.agreement.match is not None
            and dossier.agreement.status == "draft"
            and fact.reason == "match_confirmed"
        )

    def _before(self, dossier: Dossier | None, event: Recorded, fact: AgreementFact) -> Before:
        if isinstance(fact, AgreementDrafted):
            return self._before_draft(dossier, event, fact)
        assert dossier is not None
        before = Before(agreement=dossier.agreement, volumes=dossier.volumes)
        if isinstance(fact, PaymentFact):
            return replace(before, paying=state_before(self._shelf, event, fact))
        if isinstance(fact, InvoiceReferenced):
            return replace(before, referred=self._shelf.payable(fact.invoice))
        if isinstance(fact, AgreementProposed | AgreementSigned):
            return replace(before, settled=self._settled(dossier, event, fact))
        if isinstance(fact, DeliveryShipped):
            return self._before_shipment(before, dossier.agreement, fact)
        if isinstance(fact, InvoiceSettled) and fact.delivery is None:
            if fact.period is None:
                return before
            days = quarter_of(fact.period.start.date())
            return replace(
                before,
                invoices=self._shelf.quarter_invoices(fact.agreement, days.start),
                shipped=self._shelf.shipped_between(fact.agreement, days.start, days.end),
            )
        named: UUID | None = getattr(fact, "delivery", None)
        kept = None if named is None else self._shelf.delivery(fact.agreement, named)
        if kept is None:
            return before
        shipped = kept.delivery.shipped
        return replace(
            before,
            delivery=kept.delivery,
            invoices=kept.invoices,
            replaced=self._replaced(shipped, shipped.replaces),
            quarter_settled=isinstance(fact, ReturnFact)
            and self._quarter_settled(dossier.agreement, shipped.shipped_on),
        )

    def _quarter_settled(self, agreement: Agreement, day: date) -> bool:
        start = quarter_of(day).start
        return settles_quarterly(agreement, day) and bool(
            self._shelf.quarter_invoices(agreement.agreement, start)
        )

    def _before_shipment(self, before: Before, agreement: Agreement, fact: DeliveryShipped) -> Before:
        alike = self._shelf.of_lot(fact.agreement, fact.lot_number)
        last = rejected_last(fact.lot_number, alike)
        shipped = self._shelf.deliveries_of(fact.agreement) if of_match(agreement) else ()
        return replace(
            before,
            lots=frozenset(each.shipped.lot_number for each in alike if each.status not in GONE),
            rejected_alike=last,
            replaced=self._replaced(fact, fact.replaces or last),
            left_g=left_g(agreement, shipped),
            quarter_settled=self._quarter_settled(agreement, fact.shipped_on),
        )

    def _replaced(self, shipped: DeliveryShipped, named: UUID | UnsetType | None) -> Replaced | None:
        if not named:
            return None
        return replaced_in(named, self._shelf.deliveries_of(shipped.agreement), shipped.delivery)

    def _settled(
        self, dossier: Dossier, event: Recorded, fact: AgreementProposed | AgreementSigned
    ) -> Settled:
        table = dossier.agreement.table
        terms = fact.terms if isinstance(fact, AgreementProposed) else None if table is None else table.terms
        if terms is None or not reaches_back(terms, day_of(event.time)):
            return NOTHING_SETTLED
        return settled_by(*self._shelf.last_settled(fact.agreement), dossier.volumes)

    def _before_draft(self, dossier: Dossier | None, event: Recorded, fact: AgreementDrafted) -> Before:
        agreement = None if dossier is None else dossier.agreement
        confirmed = None if fact.match is None else self._shelf.match(fact.match)
        if confirmed is None or event.cause != str(confirmed.event):
            return Before(agreement=agreement)
        return Before(agreement=agreement, match=confirmed.fact, match_time=confirmed.time)

    def _known(self, before: Before, fact: AgreementFact, now: datetime) -> dict[str, list[KnownValue]]:
        """Index values that the fact may rest on, by code."""
        agreement = before.agreement
        if agreement is None or agreement.standing is None:
            return {}
        if isinstance(fact, DeliveryShipped):
            day = fact.shipped_on
        elif isinstance(fact, InvoiceSettled) and before.delivery is not None:
            day = before.delivery.shipped.shipped_on
        elif isinstance(fact, InvoiceSettled) and fact.period is not None:
            days = quarter_of(fact.period.start.date())
            known: dict[str, list[KnownValue]] = {}
            for _, stretch in terms_between(agreement, days):
                terms = terms_read(agreement, stretch.start, before.units)
                known |= self._shelf.known_values(terms, [days.start, days.last])
            return known
        elif isinstance(fact, YearAssessed) and (last_day := unpriced_day(agreement, before.volumes, now)):
            day = last_day
        else:
            return {}
        return self._shelf.known_values(terms_read(agreement, day, before.units), [day])

    def _fold(
        self, dossier: Dossier | None, event: Recorded, fact: AgreementFact, following: tuple[Following, ...]
    ) -> None:
        if isinstance(fact, LifecycleFact):
            after = fold_agreement(None if dossier is None else dossier.agreement, event, fact)
            dossier = Dossier(agreement=after) if dossier is None else replace(dossier, agreement=after)
        assert dossier is not None
        if isinstance(fact, VolumeFact):
            dossier = replace(dossier, volumes=fold_volume(dossier.volumes, fact))
        if isinstance(fact, DeliveryFact):
            self._fold_delivery(event, fact)
        if isinstance(fact, InvoiceSettled):
            self._fold_invoice(fact)
        if isinstance(fact, DeliveryShipped | InvoiceSettled):
            keep_invoice(self._shelf, dossier.agreement, fact)
        if isinstance(fact, PaymentFact):
            keep_payment(self._shelf, event, fact)
        self._shelf.keep_agreement(replace(dossier, following=following))
        if isinstance(fact, AgreementDrafted) and fact.match is not None:
            self._shelf.drop_match(fact.match)
        self.agreements += isinstance(fact, AgreementDrafted)
        self.deliveries += isinstance(fact, DeliveryShipped)
        self.invoices += isinstance(fact, InvoiceSettled)
        self.payments += isinstance(fact, PaymentReceived)
        self.years += isinstance(fact, YearAssessed)

    def _fold_delivery(self, event: Recorded, fact: DeliveryFact) -> None:
        kept = self._shelf.delivery(fact.agreement, fact.delivery)
        after = fold_delivery(None if kept is None else kept.delivery, event.position, fact)
        file = DeliveryFile(delivery=after) if kept is None else replace(kept, delivery=after)
        self._shelf.keep_delivery(file)

    def _fold_invoice(self, fact: InvoiceSettled) -> None:
        if fact.delivery is not None:
            kept = self._shelf.delivery(fact.agreement, fact.delivery)
            if kept is None:
                raise LookupError(f"delivery {fact.delivery} was never shipped")
            self._shelf.keep_delivery(replace(kept, invoices=(*kept.invoices, fact)))
        elif fact.period is not None:
            self._shelf.keep_quarter_invoice(fact, fact.period.start.date())


OF_BEFORE: Final = (
    BuyerCalled | DeliveryWeighed | WeighingObjected | WeighingSettled | ReturnDeclared | UmpireObjected
)


def _by_former_rules(before: Before, fact: AgreementFact) -> Iterator[Before]:
    """As earlier versions decided the fact, the last of them first."""
    if isinstance(fact, AgreementDrafted):
        yield replace(before, pieces_as_bulk=True)
    if isinstance(fact, YearAssessed):
        yield from (replace(before, former=former) for former in FORMER_BALANCES)
    if isinstance(fact, DeliveryShipped | InvoiceSettled):
        yield replace(before, silence_paid=True)
    if isinstance(fact, DeliveryShipped | AssayLodged | UmpireDecided):
        yield replace(before, silence_paid=True, oxides_asked=False)
    if isinstance(fact, OF_BEFORE):
        yield replace(before, of_before=True)


def _asked_again(decide: Any, event: Recorded) -> tuple[FactFault | None, tuple[Following, ...]]:
    """What a rule makes of the inputs, beside the event; the facts that have to follow on it."""
    try:
        decision: Decision = decide()
    except (Refusal, Refusals) as refused:
        return FactFault(kind="contract", told=f"is refused by its rule: {refused}"), ()
    except (LookupError, ValueError, AssertionError) as error:
        told = f"is what no command could have asked for ({type(error).__name__}: {error})"
        return FactFault(kind="contract", told=told), ()
    first, *rest = decision.drafts
    if first.data != event.data or first.subject != event.subject:
        difference = difference_between(said_by(event), {**said_by(event), **said(first)})
        return _unlike(difference), ()
    return None, tuple(_following(draft, event) for draft in rest)


def _followed(following: Following, event: Recorded) -> FactFault | None:
    """An id that nobody could tell before is taken from the event."""
    expected = msgspec.json.decode(following.body)
    recorded = said_by(event)
    if event.type == following.type and expected["data"].get("invoice") == str(UNTOLD):
        expected["data"]["invoice"] = recorded["data"]["invoice"]
    return _unlike(difference_between(recorded, expected)) if recorded != expected else None


def _unlike(difference: Difference | None) -> FactFault:
    return FactFault(kind="contract", told="is not what follows from its inputs", difference=difference)


def _following(draft: Draft, event: Recorded) -> Following:
    expected = {**said_by(event), **said(draft)}
    return Following(type=expected["type"], body=msgspec.json.encode(expected))


def _choices(known: Mapping[str, list[KnownValue]], now: datetime) -> Iterator[IndexValues]:
    """What may have stood of each code when the decision was made: most likely all that was recorded by then.

    A lane is read without its lock, and the clocks of two processes differ: values recorded about that time
    may have been seen or not, each code up to some moment.
    """
    options: list[list[tuple[str, list[IndexValue]]]] = []
    for code, values in known.items():
        certain = [each.value for each in values if each.recorded <= now - SEEN_WITHIN]
        moments = sorted(
            {each.recorded for each in values if abs(each.recorded - now) <= SEEN_WITHIN},
            key=lambda moment: (moment > now, abs(moment - now)),
        )
        seen = [[each.value for each in values if each.recorded <= moment] for moment in moments]
        options.append([(code, stood) for stood in (*seen, certain)])
    for choice in islice(product(*options), CHOICES_MAX):
        yield dict(choice)
