"""An agreement on paper: its clauses, its two parties, and a lane that records and folds what they do."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from hashlib import sha256
from itertools import count
from typing import Any

from msgspec.structs import replace

from contracts.rules import agreements, standing
from contracts.rules.agreement import Agreement, fold
from contracts.rules.agreements import (
    DraftAgreement,
    ProposeTerms,
    SignProposal,
    WithdrawProposal,
)
from contracts.rules.effective_days import NOTHING_SETTLED, AmendingState
from contracts.rules.standing import Extend, PassTime, Resume, SettleCondition, Suspend, Terminate
from contracts.rules.steps import AgreementState
from events.callers import Caller
from events.codec import decode_event, encode_event
from events.contract_terms import (
    AgreementTerms,
    AssayClause,
    ConditionPrecedent,
    DeliveryClause,
    Evidence,
    FixedVolume,
    NominationRule,
    PaymentClause,
    ProductClause,
    SplittingLimit,
    TakeOrPayClause,
    TermClause,
)
from events.decision import Decision, Moment
from events.envelope import Fact
from events.price_clauses import IndexedPrice, IndexReference
from events.vocabulary import Packaging, Period, Place
from tests.desk_support import (
    BUYER,
    BUYER_TRADER,
    LANE,
    MARKET,
    NOW,
    OPERATOR_CALLER,
    PERCENT_PPB,
    SELLER,
    SELLER_TRADER,
    SOURCE,
    numbered,
)

TONNE_G = 1_000_000
MICRO = 1_000_000
CALLERS = {"seller": SELLER_TRADER, "buyer": BUYER_TRADER}
BOTH = frozenset({SELLER, BUYER})
PERMIT = ConditionPrecedent(
    code="permit",
    kind="permit",
    description="Environmental permit of the separation plant",
    due_on=date(2026, 6, 30),
    by="seller",
)
FINANCING = ConditionPrecedent(
    code="financing", kind="financing", description="Debt is drawn", due_on=date(2026, 9, 30), by="buyer"
)
CERTIFICATE = Evidence(title="Permit 17/2026", sha256="ab" * 32, dated_on=date(2026, 3, 1))


def agreement_terms(**changes: Any) -> AgreementTerms:
    """NdPr oxide for three years, 600 → 900 → 1,500 t: two conditions, an index with floor, take-or-pay."""
    terms = AgreementTerms(
        product=ProductClause(basis="ndpr", form="separated_oxide", buyer_option_forms=("metal",)),
        term=TermClause(
            starts_on=date(2027, 1, 1),
            years=3,
            extension_years=1,
            extensions_max=1,
            extended_by="buyer",
            extension_notice_days=90,
            long_stop_on=date(2026, 12, 31),
        ),
        volume=FixedVolume(acq_g=(600 * TONNE_G, 900 * TONNE_G, 1_500 * TONNE_G, 1_500 * TONNE_G)),
        nominations=(
            NominationRule(level="annual", notice_days=90, band_ppb=10 * PERCENT_PPB),
            NominationRule(level="quarterly", notice_days=45, band_ppb=10 * PERCENT_PPB),
            NominationRule(level="monthly", notice_days=20, band_ppb=10 * PERCENT_PPB),
        ),
        take_or_pay=TakeOrPayClause(
            top_ppb=80 * PERCENT_PPB, deficiency_price_ppb=100 * PERCENT_PPB, makeup_years=2
        ),
        price=IndexedPrice(
            index=IndexReference(
                code="ndpr-oxide-cn",
                currency="USD",
                per="oxide",
                quotation_period="month_of_shipment",
                fx_code="usd-eur",
            ),
            floor_micro_per_kg=110 * MICRO,
        ),
        conditions=(PERMIT, FINANCING),
        delivery=DeliveryClause(
            incoterm="FCA",
            place=Place(country="EE", name="Narva"),
            lot_wet_g=20 * TONNE_G,
            packaging=Packaging(unit="big_bag", package_wet_g=TONNE_G),
        ),
        assay=AssayClause(
            splitting=(SplittingLimit(analyte="Nd", limit_ppb=5_000_000),), umpire="Alfred H. Knight"
        ),
        payment=PaymentClause(currency="EUR", provisional_ppb=90 * PERCENT_PPB, due_days=30),
    )
    return replace(terms, **changes)


def spot_terms(**changes: Any) -> AgreementTerms:
    """One delivery without conditions: binding signatures make it effective."""
    return agreement_terms(
        term=TermClause(years=1),
        volume=FixedVolume(acq_g=(20 * TONNE_G,)),
        nominations=(),
        take_or_pay=None,
        conditions=(),
        **changes,
    )


class Paper:
    """One agreement in its lane; every fact is encoded, decoded and folded as the record does it."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now
        self.agreement: Agreement | None = None
        self.facts: list[Fact] = []
        self.settled = NOTHING_SETTLED
        self._ids = count(5_000)

    @property
    def stands(self) -> Agreement:
        assert self.agreement is not None
        return self.agreement

    @property
    def state(self) -> AmendingState:
        return AmendingState(lane=LANE, agreement=self.agreement, settled=self.settled)

    @property
    def moment(self) -> Moment:
        return Moment(self.now, lambda: numbered(next(self._ids)))

    def on(self, day: date) -> "Paper":
        """Let time pass to the morning of a day."""
        self.now = datetime(day.year, day.month, day.day, 9, tzinfo=NOW.tzinfo)
        return self

    def record(self, decision: Decision) -> "Paper":
        for draft in decision.drafts:
            body = encode_event(
                event_id=numbered(next(self._ids)),
                source=SOURCE,
                subject=draft.subject,
                time=self.now,
                lane=draft.lane,
                position=len(self.facts) + 1,
                cause="test",
                actor=SELLER,
                salt="0" * 32,
                data=draft.data,
            )
            event = decode_event(body, sha256(body).digest())
            assert event.data == draft.data
            self.agreement = fold(self.agreement, event, event.data)  # type: ignore[arg-type]
            self.facts.append(event.data)
        return self

    def draft(self, by: str = "seller", **changes: Any) -> "Paper":
        return self.record(agreements.draft(AgreementState(lane=LANE), drafting(by, **changes), self.moment))

    def propose(self, by: str, terms: AgreementTerms, **changes: Any) -> "Paper":
        return self._step(agreements.propose, ProposeTerms, by, terms=terms, **changes)

    def withdraw(self, by: str, proposal: int) -> "Paper":
        return self._step(agreements.withdraw, WithdrawProposal, by, proposal=proposal)

    def sign(self, by: str, *, binding: bool = True, **changes: Any) -> "Paper":
        changes.setdefault("proposal", self.stands.proposals)
        return self._step(agreements.sign, SignProposal, by, binding=binding, **changes)

    def sign_both(self, *, binding: bool = True) -> "Paper":
        return self.sign("seller", binding=binding).sign("buyer", binding=binding)

    def settle(self, by: str, condition: str, **changes: Any) -> "Paper":
        given = {"outcome": "met", "on": self.now.date(), "evidence": (CERTIFICATE,)} | changes
        return self._step(standing.settle_condition, SettleCondition, by, condition=condition, **given)

    def extend(self, by: str) -> "Paper":
        return self._step(standing.extend, Extend, by)

    def suspend(self, by: str, days: int = 30, **changes: Any) -> "Paper":
        given = {"period": Period(start=self.now, end=self.now + timedelta(days=days)), "reason": "flood"}
        return self._step(standing.suspend, Suspend, by, **(given | changes))

    def resume(self, by: str) -> "Paper":
        return self._step(standing.resume, Resume, by)

    def terminate(self, by: str, reason: str, **changes: Any) -> "Paper":
        return self._step(standing.terminate, Terminate, by, reason=reason, **changes)

    def pass_time(self) -> "Paper":
        argument = PassTime(caller=OPERATOR_CALLER, agreement=self.stands.agreement)
        return self.record(standing.pass_time(self.state, argument, self.moment))

    def effective(self) -> "Paper":
        """Drafted, signed as binding by both, every condition met."""
        return self.draft().sign_both().settle("seller", "permit").settle("buyer", "financing")

    def _step(
        self,
        decide: Callable[[AmendingState, Any, Moment], Decision],
        argument: Callable[..., Any],
        by: str,
        **given: Any,
    ) -> "Paper":
        caller: Caller = given.pop("caller", CALLERS.get(by))
        given = {"agreement": self.stands.agreement, "expected_version": self.stands.version} | given
        return self.record(decide(self.state, argument(caller=caller, **given), self.moment))


def drafting(by: str = "seller", **changes: Any) -> DraftAgreement:
    caller, counterparty = (SELLER_TRADER, BUYER) if by == "seller" else (BUYER_TRADER, SELLER)
    given: dict[str, Any] = {
        "caller": caller,
        "market": MARKET,
        "kind": "offtake",
        "side": by,
        "counterparty": counterparty,
        "basis": "ndpr",
        "members": BOTH,
        "terms": agreement_terms(),
    }
    return DraftAgreement(**(given | changes))
