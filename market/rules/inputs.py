"""Records dated inputs and rule sets in a market's lane."""

from datetime import date, datetime, timedelta
from typing import assert_never
from uuid import UUID

from msgspec import Struct, field

from events.analytes import element_meant_by
from events.callers import Caller, role_refusals
from events.decision import Decision, Moment
from events.envelope import Draft
from events.market_events import InputRecorded, RuleSetPublished
from events.market_terms import (
    ConcentratedOrigins,
    FxRate,
    MarketInput,
    MarketTerms,
    Member,
    Qualification,
    ReferencePrice,
    RuleSet,
)
from events.refusal import NoChange, Refusal, refuse
from events.vocabulary import OTHER_ANALYTES, TRADED_OXIDE, Count
from events.wellformed import duplicate_refusals, malformed
from market.rules.book import PublishedRuleSet
from market.rules.clearing.rounds import ALGORITHM
from market.rules.market_inputs import MarketInputs, qualification_key
from market.rules.orders.bids import profile_refusals
from market.rules.orders.rex import ceiling_refusals
from market.rules.quantities import EUR, NDFEB, NDPR
from market.rules.refusing.defects import AlgorithmUnknown, FacilityNotOwned, PartyNotMember
from market.rules.refusing.refusals import (
    BenchmarkWorstTooLow,
    EuroNeedsNoRate,
    InputAnalyteUnknown,
    InputDenominatorUnusable,
    InputEmpty,
    InputInFuture,
    InputOlder,
    MarketUnknown,
    NoticeNotKept,
    QualificationOfOther,
    RuleSetVersionWrong,
    SignaturesMissing,
    SignaturesOfOne,
)
from market.rules.refusing.wording import Text

SIGNATURES = 2
SIGNATURES_IN_SANDBOX = 1
_ONE_DAY = timedelta(days=1)
_PER_OXIDE = ("oxide", "element")


class InputState(Struct, frozen=True, kw_only=True):
    """`members` contains at least the organisations that the input names; `rule_sets` all published ones.
    `first_keys`: for each signing key, the first key of its chain of issuers."""

    market: UUID
    lane: int
    terms: MarketTerms
    inputs: MarketInputs
    rule_sets: list[PublishedRuleSet]
    members: dict[UUID, Member]
    first_keys: dict[UUID, UUID] = field(default_factory=dict)


class RecordInput(Struct, frozen=True, kw_only=True):
    """A buyer records its own qualifications; all other inputs come from the operator."""

    caller: Caller
    input: MarketInput
    source_id: Text
    source_position: Count | None = None


class PublishRuleSet(Struct, frozen=True, kw_only=True):
    """`signed_by` are the operators' keys that approved it."""

    caller: Caller
    rule_set: RuleSet
    signed_by: tuple[UUID, ...]


def record(state: InputState | None, argument: RecordInput, moment: Moment) -> Decision:
    """Pointers are relative to the input. Raises Refusals."""
    if state is None:
        raise MarketUnknown
    value = argument.input
    accepted = ("operator", "trader") if isinstance(value, Qualification) else ("operator",)
    refuse(role_refusals(argument.caller, *accepted))
    refuse(malformed(value) or malformed(argument))
    refuse(_input_refusals(state, argument, value, moment.now.date() + _ONE_DAY))
    fact = InputRecorded(
        market=state.market,
        input=value,
        source_id=argument.source_id,
        source_position=argument.source_position,
    )
    return Decision(drafts=(_draft(state, fact),))


def publish_rule_set(state: InputState | None, argument: PublishRuleSet, moment: Moment) -> Decision:
    """Pointers are relative to the rule set. Raises Refusals."""
    if state is None:
        raise MarketUnknown
    rule_set = argument.rule_set
    refuse(role_refusals(argument.caller, "operator"))
    reasons = malformed(rule_set)
    if not reasons:
        reasons = _version_refusals(state, rule_set) + _notice_refusals(state, rule_set, moment.now)
        reasons += content_refusals(rule_set)
    refuse(reasons + _signature_refusals(state, set(argument.signed_by)))
    fact = RuleSetPublished(market=state.market, rule_set=rule_set, signed_by=argument.signed_by)
    return Decision(drafts=(_draft(state, fact),))


def _draft(state: InputState, fact: InputRecorded | RuleSetPublished) -> Draft:
    return Draft(stream="market", lane=state.lane, subject=str(state.market), data=fact)


def _input_refusals(
    state: InputState, argument: RecordInput, value: MarketInput, last_date: date
) -> list[Refusal]:
    match value:
        case ReferencePrice():
            current = state.inputs.references.get(value.code)
            reasons = _price_refusals(value) + _date_refusals(value.as_of, last_date)
            return reasons + _newer_refusals(value, None if current is None else current.value)
        case FxRate():
            rate = state.inputs.fx.get(value.currency)
            reasons = [EuroNeedsNoRate(pointer="/currency")] if value.currency == EUR else []
            reasons += _date_refusals(value.as_of, last_date)
            return reasons + _newer_refusals(value, None if rate is None else rate.value)
        case ConcentratedOrigins():
            reasons = duplicate_refusals("/countries", value.countries)
            reasons += _date_refusals(value.as_of, last_date)
            return reasons + _newer_refusals(value, state.inputs.concentrated)
        case Qualification():
            return _qualification_refusals(state, argument.caller, value)
        case _:
            assert_never(value)


def _price_refusals(value: ReferencePrice) -> list[Refusal]:
    reasons: list[Refusal] = []
    if value.price.amount_micro <= 0:
        reasons.append(InputEmpty(pointer="/price/amount_micro"))
    accepted = accepted_denominators(value.analyte)
    if not accepted:
        meant = f"{element_meant_by(value.analyte)}; {NDPR} and {NDFEB}"
        reasons.append(InputAnalyteUnknown(pointer="/analyte", analyte=value.analyte, meant=meant))
    elif value.price.per not in accepted:
        reasons.append(
            InputDenominatorUnusable(
                pointer="/price/per",
                analyte=value.analyte,
                per=value.price.per,
                accepted=" or ".join(accepted),
            )
        )
    return reasons


def accepted_denominators(analyte: str) -> tuple[str, ...]:
    """Allowed denominators of a reference price: oxide or element for rare earths and NdPr, element for other
    elements, wet for magnets; else none."""
    if analyte == NDFEB:
        return ("wet",)
    if analyte == NDPR or analyte in TRADED_OXIDE:
        return _PER_OXIDE
    return ("element",) if analyte in OTHER_ANALYTES else ()


def _date_refusals(as_of: date, last_date: date) -> list[Refusal]:
    return [InputInFuture(pointer="/as_of")] if as_of > last_date else []


def _newer_refusals(
    value: ReferencePrice | FxRate | ConcentratedOrigins,
    current: ReferencePrice | FxRate | ConcentratedOrigins | None,
) -> list[Refusal]:
    """Refusals for an older date and for a repetition; a restated value of the same date is accepted."""
    if current is None:
        return []
    if value == current:
        return [NoChange()]
    if value.as_of < current.as_of:
        return [InputOlder(pointer="/as_of", current=current.as_of.isoformat())]
    return []


def _qualification_refusals(state: InputState, caller: Caller, value: Qualification) -> list[Refusal]:
    reasons: list[Refusal] = []
    if "operator" not in caller.roles and value.buyer != caller.organisation:
        reasons.append(QualificationOfOther(pointer="/buyer"))
    reasons += [
        PartyNotMember(pointer=pointer)
        for party, pointer in ((value.buyer, "/buyer"), (value.seller, "/seller"))
        if party not in state.members
    ]
    seller = state.members.get(value.seller)
    if seller is not None and all(site.facility != value.facility for site in seller.facilities):
        reasons.append(FacilityNotOwned(pointer="/facility"))
    key = qualification_key(value.buyer, value.seller, value.facility, value.form)
    if state.inputs.qualifications.get(key) == value.level:
        reasons.append(NoChange())
    return reasons


def _version_refusals(state: InputState, rule_set: RuleSet) -> list[Refusal]:
    expected = 1 + max((published.rule_set.version for published in state.rule_sets), default=0)
    if rule_set.version == expected:
        return []
    return [RuleSetVersionWrong(pointer="/version", expected=expected, given=rule_set.version)]


def _notice_refusals(state: InputState, rule_set: RuleSet, now: datetime) -> list[Refusal]:
    """The first rule set, and any of a sandbox market, may take effect at once."""
    notice = state.terms.rule_notice_seconds
    if state.terms.sandbox or notice == 0 or not state.rule_sets:
        return []
    earliest = now + timedelta(seconds=notice)
    if rule_set.effective_from >= earliest:
        return []
    return [NoticeNotKept(pointer="/effective_from", notice_seconds=notice, earliest=earliest.isoformat())]


def _signature_refusals(state: InputState, signed_by: set[UUID]) -> list[Refusal]:
    """Signatures have to come from different persons: keys issued with the same first key count as one
    person's."""
    needed = SIGNATURES_IN_SANDBOX if state.terms.sandbox else SIGNATURES
    if len(signed_by) < needed:
        return [SignaturesMissing(needed=needed, given=len(signed_by))]
    if len({state.first_keys.get(key, key) for key in signed_by}) < needed:
        return [SignaturesOfOne(needed=needed)]
    return []


def content_refusals(rule_set: RuleSet) -> list[Refusal]:
    reasons = profile_refusals(rule_set.default_profile, "/default_profile")
    if rule_set.algorithm != ALGORITHM:
        algorithm = rule_set.algorithm
        reasons.append(AlgorithmUnknown(pointer="/algorithm", algorithm=algorithm, known=ALGORITHM))
    reasons += duplicate_refusals("/benchmarks", (benchmark.form for benchmark in rule_set.benchmarks))
    reasons += [
        BenchmarkWorstTooLow(pointer=f"/benchmarks/{index}/worst_g_co2e_per_kg")
        for index, benchmark in enumerate(rule_set.benchmarks)
        if benchmark.worst_g_co2e_per_kg < benchmark.benchmark_g_co2e_per_kg
    ]
    reasons += duplicate_refusals("/recognised_certificates", rule_set.recognised_certificates)
    reasons += ceiling_refusals(rule_set.route_ceilings)
    return reasons + duplicate_refusals("/eu_countries", rule_set.eu_countries)
