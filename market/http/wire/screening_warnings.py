"""Warnings about expired sanctions screenings: to both sides of an agreement, for dry runs of orders, and
when a member is admitted. Rounds exclude such pairs themselves."""

from datetime import datetime
from typing import Final
from uuid import UUID

from contracts.rules.agreement import Agreement
from events.market_terms import Member
from market.http.wire.reads import Looking, looking_on
from market.http.wire.receipts import Warned, unless_unread
from market.store import members

CODE: Final = "sanctions_screening_expired"
OF_SIDE: Final = (
    "The sanctions screening of the {side} was valid until {until}: have it renewed before you {act}."
)
OF_ORDER: Final = (
    "Your sanctions screening was valid until {until}: the order is not matched until the operator renews it."
)
OF_MEMBER: Final = (
    "Its sanctions screening was valid until {until}: its orders are not matched until it is renewed."
)


async def of_parties(
    on: Looking, market: UUID, seller: UUID, buyer: UUID, *, pointer: str, act: str
) -> tuple[Warned, ...]:
    """As the market knows both now; `act`: what the caller should not do before."""
    return await unless_unread(_of_sides(on, market, {"seller": seller, "buyer": buyer}, pointer, act))


async def of_agreement(on: Looking, agreement: Agreement, *, pointer: str, act: str) -> tuple[Warned, ...]:
    return await of_parties(on, agreement.market, agreement.seller, agreement.buyer, pointer=pointer, act=act)


async def of_order(on: Looking, market: UUID, organisation: UUID) -> tuple[Warned, ...]:
    return await unless_unread(_of_order(on, market, organisation))


def of_member(member: Member, now: datetime) -> tuple[Warned, ...]:
    """Of one that is admitted."""
    return _told(member, now, OF_MEMBER, "/organisation")


async def _of_order(on: Looking, market: UUID, organisation: UUID) -> tuple[Warned, ...]:
    async with looking_on(on) as connection:
        row = await members.load_member(connection, market, organisation)
    return () if row is None else _told(row.member, on.clock(), OF_ORDER, "")


async def _of_sides(
    on: Looking, market: UUID, sides: dict[str, UUID], pointer: str, act: str
) -> tuple[Warned, ...]:
    async with looking_on(on) as connection:
        rows = {side: await members.load_member(connection, market, each) for side, each in sides.items()}
    return tuple(
        warned
        for side, row in rows.items()
        if row is not None
        for warned in _told(row.member, on.clock(), OF_SIDE, pointer, side=side, act=act)
    )


def _told(member: Member, now: datetime, sentence: str, pointer: str, **words: str) -> tuple[Warned, ...]:
    if member.sanctions_screened_until >= now:
        return ()
    until = f"{member.sanctions_screened_until:%Y-%m-%d}"
    return (Warned(code=CODE, detail=sentence.format(until=until, **words), pointer=pointer),)
