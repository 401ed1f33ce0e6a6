"""Warnings about accepted declared volumes that look like recorded trades; no refusals, since a company may
also buy the same mass elsewhere from the same counterparty."""

from collections.abc import Iterable, Iterator, Mapping
from re import ASCII
from re import compile as pattern
from typing import Final
from uuid import UUID

from msgspec import Struct

from events.refusal import Caution
from events.vocabulary import MICRO
from events.volume_terms import VolumeTerms
from market.rules.crma.declared_volumes import masses_mg, masses_text
from market.rules.parties.alike_names import alike
from market.rules.parties.parties import Organisation

SAME_PPM: Final = 1_000
"""Figures of one trade differ by what an invoice rounds."""
_ID: Final = pattern(r"(?<![a-z])[a-z]{2,6}_[0-9a-f]{32}(?![0-9a-f])", ASCII)


class Trade(Struct, frozen=True, kw_only=True):
    """What the caller bought or sold here, in the elements that are declared."""

    named: str
    masses_mg: Mapping[str, int]


def double_cautions(
    terms: VolumeTerms, own: UUID, others: Iterable[Organisation], trades: Iterable[Trade]
) -> Iterator[Caution]:
    """`trades` on the caller's side of `direction`, `others` those on the other side of them."""
    for each in alike(own, terms.counterparty or "", others):
        yield Caution(
            code="counterparty_traded_here",
            text=f"You traded with {each.name} here: trades made here are counted already, so do not "
            "declare them too.",
            pointer="/counterparty",
        )
    if _ID.search(terms.reference):
        yield Caution(
            code="reference_of_record",
            text=f"{terms.reference} looks like an id of this record: trades made here are counted already, "
            "so do not declare them too.",
            pointer="/reference",
        )
    declared = masses_mg(terms)
    for trade in trades:
        if _same(declared, trade.masses_mg):
            yield Caution(
                code="masses_of_trade",
                text=f"{masses_text(declared)} are the masses of {trade.named}, which count already.",
                pointer="/masses",
            )


def _same(declared: Mapping[str, int], traded: Mapping[str, int]) -> bool:
    return all(
        abs(mass_mg - traded.get(element, 0)) * MICRO <= mass_mg * SAME_PPM
        for element, mass_mg in declared.items()
    )
