"""What an organisation still has open, as refusals name it: per market, and outside markets."""

from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct

from events.counts import counted
from events.refusal import Caution, Refusal
from market.rules.book import RequirementOrder, SupplyOrder
from market.rules.refusing.party_refusals import (
    AgreementsOpen,
    ContractsToCome,
    DeliveriesOpen,
    MatchesOpen,
    OrdersOpen,
    PassportsOpen,
    PoliciesOpen,
)

NAMED_MAX = 200


class MarketOpenings(Struct, frozen=True, kw_only=True):
    """Open items in one market: open orders; matches that wait for answers; confirmed ones without a contract
    yet; agreements that bind, or that the organisation has signed as binding.

    `has_left`: the organisation is no member any more. `plan_cut` is the position of the market's open plan,
    None when none is open.
    """

    market: UUID
    lane: int
    has_left: bool = False
    plan_cut: int | None = None
    supplies: tuple[SupplyOrder, ...] = ()
    requirements: tuple[RequirementOrder, ...] = ()
    matches: tuple[UUID, ...] = ()
    uncontracted: tuple[UUID, ...] = ()
    agreements: tuple[UUID, ...] = ()


class Openings(Struct, frozen=True, kw_only=True):
    """`markets`: every one that the organisation was ever admitted to. `deliveries` that nobody has accepted,
    rejected or lost; `policies` that are not retired; live `passports` that it owns or holds."""

    markets: tuple[MarketOpenings, ...] = ()
    deliveries: tuple[UUID, ...] = ()
    policies: tuple[UUID, ...] = ()
    passports: tuple[UUID, ...] = ()


class MoneyOpenings(Struct, frozen=True, kw_only=True):
    """Unsettled invoices of either side, and payments that wait for the payee's confirmation. They prevent
    nothing, since the creditor decides when an invoice is settled."""

    invoices: tuple[UUID, ...] = ()
    statements: tuple[UUID, ...] = ()


def money_cautions(money: MoneyOpenings, *, ends: bool) -> list[Caution]:
    """`ends`: the organisation itself ends, not only a membership."""
    invoices = [f"inv_{each.hex}" for each in money.invoices]
    statements = [f"pay_{each.hex}" for each in money.statements]
    if ends:
        after = "once it is closed it neither reads nor says anything of them here"
    else:
        after = "they are due as before, whoever is a member"
    cautions: list[Caution] = []
    if invoices:
        open_ = counted(len(invoices), "invoice is", "invoices are")
        text = f"{open_} not settled, {after}: {_named(invoices)}."
        cautions.append(Caution(code="invoices_open", text=text, pointer=""))
    if statements:
        waiting = counted(len(statements), "payment waits", "payments wait")
        text = f"{waiting} for the payee's word, {after}: {_named(statements)}."
        cautions.append(Caution(code="payments_open", text=text, pointer=""))
    return cautions


def orders_refusals(markets: Sequence[MarketOpenings]) -> list[Refusal]:
    """Empty where no order is open."""
    names = [
        *(f"{order.kind}_{order.order.hex}" for market in markets for order in market.supplies),
        *(f"req_{order.order.hex}" for market in markets for order in market.requirements),
    ]
    return [OrdersOpen(count=len(names), names=_named(names))] if names else []


def dealt_refusals(markets: Sequence[MarketOpenings]) -> list[Refusal]:
    """What is open of matches and agreements, each kind by itself."""
    reasons: list[Refusal] = []
    matches = [f"match_{each.hex}" for market in markets for each in market.matches]
    uncontracted = [f"match_{each.hex}" for market in markets for each in market.uncontracted]
    agreements = [f"agr_{each.hex}" for market in markets for each in market.agreements]
    if matches:
        reasons.append(MatchesOpen(count=len(matches), names=_named(matches)))
    if uncontracted:
        reasons.append(ContractsToCome(names=_named(uncontracted)))
    if agreements:
        reasons.append(AgreementsOpen(count=len(agreements), names=_named(agreements)))
    return reasons


def openings_refusals(openings: Openings) -> list[Refusal]:
    """All reasons why an organisation cannot be closed."""
    reasons = orders_refusals(openings.markets) + dealt_refusals(openings.markets)
    deliveries = [f"del_{each.hex}" for each in openings.deliveries]
    policies = [f"pol_{each.hex}" for each in openings.policies]
    passports = [f"pass_{each.hex}" for each in openings.passports]
    if deliveries:
        reasons.append(DeliveriesOpen(count=len(deliveries), names=_named(deliveries)))
    if policies:
        reasons.append(PoliciesOpen(count=len(policies), names=_named(policies)))
    if passports:
        reasons.append(PassportsOpen(count=len(passports), names=_named(passports)))
    return reasons


def _named(names: Sequence[str]) -> str:
    left = len(names) - NAMED_MAX
    return ", ".join(names[:NAMED_MAX]) + (f" and {left} more" if left > 0 else "")
