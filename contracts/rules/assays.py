"""How two assays become one figure: the mean within the splitting limit, else the umpire's; a side that
submits nothing is bound by the other's."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from contracts.rules.price_terms import round_half_even
from events.contract_terms import SettledAnalyte, SplittingLimit
from events.vocabulary import Side

UMPIRE_UNNAMED: Final = "a laboratory that both parties name"
"""The umpire in the terms of a contract from a market without one, until both sides name one."""


class Exchange(NamedTuple):
    """The figures that two assays settle, and the analytes on which they differ too much."""

    settled: tuple[SettledAnalyte, ...]
    to_umpire: tuple[str, ...]
    silent: tuple[Side, ...]


def exchange(
    limits: Sequence[SplittingLimit],
    seller: Mapping[str, int] | None,
    buyer: Mapping[str, int] | None,
    stated: Mapping[str, int],
) -> Exchange:
    """Figures in ppb by analyte; None: that side submitted none. If both did not, the stated figures apply.

    KeyError when an analyte with a limit has no figure.
    """
    settled: list[SettledAnalyte] = []
    to_umpire: list[str] = []
    for limit in limits:
        analyte = limit.analyte
        if seller is None or buyer is None:
            bound = seller if buyer is None else buyer
            settled.append(
                SettledAnalyte(
                    analyte=analyte,
                    seller_ppb=None if seller is None else seller[analyte],
                    buyer_ppb=None if buyer is None else buyer[analyte],
                    settled_ppb=stated[analyte] if bound is None else bound[analyte],
                    by="silence_binds",
                )
            )
        elif abs(seller[analyte] - buyer[analyte]) <= limit.limit_ppb:
            settled.append(
                SettledAnalyte(
                    analyte=analyte,
                    seller_ppb=seller[analyte],
                    buyer_ppb=buyer[analyte],
                    settled_ppb=round_half_even(seller[analyte] + buyer[analyte], 2),
                    by="mean",
                )
            )
        else:
            to_umpire.append(analyte)
    sides: tuple[tuple[Side, Mapping[str, int] | None], ...] = (("seller", seller), ("buyer", buyer))
    silent = tuple(side for side, lodged in sides if lodged is None)
    return Exchange(tuple(settled), tuple(to_umpire), silent)


def decide(analyte: str, seller_ppb: int, buyer_ppb: int, umpire_ppb: int) -> SettledAnalyte:
    """The umpire's figure if it is between the two, else the nearer party's; the farther party pays. At equal
    distance both pay half (`pays_umpire` None)."""
    between = min(seller_ppb, buyer_ppb) <= umpire_ppb <= max(seller_ppb, buyer_ppb)
    seller_off, buyer_off = abs(umpire_ppb - seller_ppb), abs(umpire_ppb - buyer_ppb)
    nearer_ppb = seller_ppb if seller_off <= buyer_off else buyer_ppb
    farther: Side | None = None
    if seller_off != buyer_off:
        farther = "seller" if seller_off > buyer_off else "buyer"
    return SettledAnalyte(
        analyte=analyte,
        seller_ppb=seller_ppb,
        buyer_ppb=buyer_ppb,
        umpire_ppb=umpire_ppb,
        settled_ppb=umpire_ppb if between else nearer_ppb,
        by="umpire" if between else "nearer_party",
        pays_umpire=farther,
    )


def buyer_share_cents(settled: Sequence[SettledAnalyte], cost_cents: int) -> int:
    """The buyer's part of the umpire's cost, which is divided evenly among the analytes that it decided. The
    seller bears the rest, including the rounding."""
    halves = sum({"buyer": 2, None: 1, "seller": 0}[each.pays_umpire] for each in settled)
    return round_half_even(cost_cents * halves, 2 * len(settled)) if settled else 0
