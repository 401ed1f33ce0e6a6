"""Trials of a draft rule set on the last completed round: what it would have changed. For operators."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal
from uuid import UUID

from msgspec import Struct

from events.callers import Caller, role_refusals
from events.decision import Decision, Moment
from events.envelope import Draft, Fact
from events.market_events import ClearingAbandoned, ClearingCompleted, MatchStruck, RuleSetRehearsed
from events.market_terms import RuleSet
from events.refusal import refuse
from events.vocabulary import OrderKind
from events.wellformed import malformed
from market.rules.book import Book
from market.rules.clearing.clearings import rule_set_sha256
from market.rules.inputs import InputState, content_refusals
from market.rules.refusing.refusals import MarketUnknown, RoundMissing, RoundNotComputable
from market.rules.visibility.quotes import LastRound

Kind = Literal["gained", "lost", "changed"]
PairKey = tuple[UUID, int, UUID]
"""Supply, tranche, requirement."""
Pairs = Mapping[PairKey, Sequence[MatchStruck]]


class RehearseRuleSet(Struct, frozen=True, kw_only=True):
    caller: Caller
    rule_set: RuleSet


class RehearsalState(Struct, frozen=True, kw_only=True):
    inputs: InputState
    last_round: LastRound | None


class Traded(Struct, frozen=True, kw_only=True):
    """Matches, grams of basis and EUR cents of one side of a comparison."""

    matches: int = 0
    quantity_basis_g: int = 0
    amount_cents_eur: int = 0


class PairChange(Struct, frozen=True, kw_only=True):
    """A pair of orders whose trade differs between round and trial; prices are None where it does not
    trade."""

    kind: Kind
    supply: UUID
    supply_kind: OrderKind
    tranche: int
    requirement: UUID
    seller: UUID
    buyer: UUID
    quantity_before_g: int
    quantity_after_g: int
    price_before_ueur_per_kg: int | None
    price_after_ueur_per_kg: int | None


class OrganisationChange(Struct, frozen=True, kw_only=True):
    """What an organisation sold and bought, in the round and in the trial."""

    organisation: UUID
    before: Traded
    after: Traded


class Rehearsal(Struct, frozen=True, kw_only=True):
    """The comparison of a round with its trial. Welfare is Σ quantity × value, in gram·micro-EUR per kg."""

    round: int
    before: Traded
    after: Traded
    welfare_before: int
    welfare_after: int
    pairs: tuple[PairChange, ...]
    organisations: tuple[OrganisationChange, ...]


def rehearse(state: RehearsalState | None, argument: RehearseRuleSet, moment: Moment) -> Decision:
    """Records a trial; version and notice are only checked at publication. Pointers are relative to the rule
    set. Raises Refusals."""
    if state is None:
        raise MarketUnknown
    rule_set = argument.rule_set
    refuse(role_refusals(argument.caller, "operator"))
    reasons = malformed(rule_set) or content_refusals(rule_set)
    if state.last_round is None:
        reasons.append(RoundMissing())
    refuse(reasons)
    assert state.last_round is not None
    rehearsal = moment.new_id()
    fact = RuleSetRehearsed(
        market=state.inputs.market,
        rehearsal=rehearsal,
        plan=state.last_round.plan,
        round=state.last_round.round,
        rule_set=rule_set,
        rule_set_sha256=rule_set_sha256(rule_set),
    )
    return Decision(
        drafts=(Draft(stream="market", lane=state.inputs.lane, subject=str(rehearsal), data=fact),)
    )


def compare(book: Book, recorded: Iterable[Fact], drafts: Sequence[Draft]) -> Rehearsal:
    """`recorded`: the facts of the round; `drafts`: of its trial; `book` at the cut names the owners.

    Raises RoundNotComputable when the trial has no result.
    """
    tried = [draft.data for draft in drafts]
    for fact in tried:
        if isinstance(fact, ClearingAbandoned):
            raise RoundNotComputable(reason=fact.reason)
    facts = list(recorded)
    before, after = _struck(facts), _struck(tried)
    return Rehearsal(
        round=next(fact.round for fact in facts if isinstance(fact, ClearingCompleted)),
        before=_sum(before.values()),
        after=_sum(after.values()),
        welfare_before=_welfare(facts),
        welfare_after=_welfare(tried),
        pairs=tuple(_pair_changes(book, before, after)),
        organisations=tuple(_organisation_changes(book, before, after)),
    )


def _struck(facts: Iterable[Fact]) -> dict[PairKey, list[MatchStruck]]:
    """A pair may trade in a firm section and in the one after it."""
    found: dict[PairKey, list[MatchStruck]] = {}
    for fact in facts:
        if isinstance(fact, MatchStruck):
            found.setdefault((fact.supply, fact.tranche, fact.requirement), []).append(fact)
    return found


def _sum(pairs: Iterable[Sequence[MatchStruck]]) -> Traded:
    struck = [each for pair in pairs for each in pair]
    return Traded(
        matches=len(struck),
        quantity_basis_g=sum(each.quantity_basis_g for each in struck),
        amount_cents_eur=sum(each.amount_cents_eur for each in struck),
    )


def _welfare(facts: Iterable[Fact]) -> int:
    completed = next(fact for fact in facts if isinstance(fact, ClearingCompleted))
    return sum(int(section.welfare) for section in completed.sections)


def _pair_changes(
    book: Book,
    before: Pairs,
    after: Pairs,
) -> Iterable[PairChange]:
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key, ()), after.get(key, ())
        quantities = sum(each.quantity_basis_g for each in old), sum(each.quantity_basis_g for each in new)
        prices = _mean_price(old), _mean_price(new)
        if quantities[0] == quantities[1] and prices[0] == prices[1]:
            continue
        supply, tranche, requirement = key
        yield PairChange(
            kind="gained" if not old else "lost" if not new else "changed",
            supply=supply,
            supply_kind=book.supplies[supply].kind,
            tranche=tranche,
            requirement=requirement,
            seller=book.supplies[supply].organisation,
            buyer=book.requirements[requirement].organisation,
            quantity_before_g=quantities[0],
            quantity_after_g=quantities[1],
            price_before_ueur_per_kg=prices[0],
            price_after_ueur_per_kg=prices[1],
        )


def _mean_price(struck: Sequence[MatchStruck]) -> int | None:
    """Weighted by volume, rounded down."""
    quantity_g = sum(each.quantity_basis_g for each in struck)
    if quantity_g == 0:
        return None
    return sum(each.quantity_basis_g * each.price_ueur_per_kg for each in struck) // quantity_g


def _organisation_changes(
    book: Book,
    before: Pairs,
    after: Pairs,
) -> Iterable[OrganisationChange]:
    sides = _by_organisation(book, before), _by_organisation(book, after)
    for organisation in sorted(sides[0].keys() | sides[1].keys()):
        old, new = (_sum(side.get(organisation, ())) for side in sides)
        if old != new:
            yield OrganisationChange(organisation=organisation, before=old, after=new)


def _by_organisation(book: Book, pairs: Pairs) -> dict[UUID, list[Sequence[MatchStruck]]]:
    found: dict[UUID, list[Sequence[MatchStruck]]] = {}
    for (supply, _, requirement), struck in pairs.items():
        for organisation in (book.supplies[supply].organisation, book.requirements[requirement].organisation):
            found.setdefault(organisation, []).append(struck)
    return found
