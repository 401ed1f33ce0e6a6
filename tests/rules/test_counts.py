"""Sentences with counts read right for one and for many."""

import re
from collections.abc import Iterator
from uuid import UUID

import pytest

from contracts.rules import payment_refusals, volume_refusals
from contracts.rules import refusals as contract_refusals
from events import refusal
from events.counts import counted, with_counts
from events.refusal import Refusal
from market.rules.parties.openings import MoneyOpenings, money_cautions
from market.rules.refusing import party_refusals, passport_refusals, policy_defects, refusals, twin_defects

ONE, TWO = UUID(int=1), UUID(int=2)
MODULES = (
    refusal, refusals, party_refusals, policy_defects, twin_defects, passport_refusals, contract_refusals,
    payment_refusals, volume_refusals,
)  # fmt: skip


@pytest.mark.parametrize(
    ("number", "told"),
    [(0, "0 orders are"), (1, "1 order is"), (2, "2 orders are"), (1_000, "1,000 orders are")],
)
def test_a_number_is_told_with_what_it_counts(number: int, told: str) -> None:
    assert told == counted(number, "order is", "orders are")
    assert f"{told} open in 2027: a" == with_counts(
        "{count:order is|orders are} open in {year}: {names}", {"count": number, "year": 2027, "names": "a"}
    )


def test_a_figure_that_counts_nothing_is_told_as_it_is() -> None:
    assert "2027, True, 1,500, 0.5" == with_counts(
        "{a}, {b}, {c:,}, {d}", {"a": 2027, "b": True, "c": 1500, "d": "0.5"}
    )
    assert "1 row" == counted(1, "row")
    assert "0 rows" == counted(0, "row")


def test_what_is_open_of_money_is_told_of_one_and_of_several() -> None:
    one = money_cautions(MoneyOpenings(invoices=(ONE,), statements=(ONE,)), ends=False)
    several = money_cautions(MoneyOpenings(invoices=(ONE, TWO), statements=(ONE, TWO)), ends=False)
    assert [True, True] == [
        each.text.startswith(begin)
        for each, begin in zip(one, ("1 invoice is not settled", "1 payment waits"), strict=True)
    ]
    assert [True, True] == [
        each.text.startswith(begin)
        for each, begin in zip(several, ("2 invoices are not settled", "2 payments wait"), strict=True)
    ]


COUNTS = re.compile(
    r"\{(count|waiting|open_orders|most|live|given|days|notice_days|overlap_days)(:[^{}]*)?\}"
)
BARE = re.compile(r"\{(\w+)\} (?!(?:is|was|has|s)\b)[a-z]+s\b")


def _kinds() -> Iterator[type[Refusal]]:
    for module in MODULES:
        for kind in vars(module).values():
            if isinstance(kind, type) and issubclass(kind, Refusal) and kind is not Refusal:
                yield kind


@pytest.mark.parametrize("kind", sorted(set(_kinds()), key=str), ids=str)
def test_no_refusal_counts_one_in_the_plural(kind: type[Refusal]) -> None:
    """A number stands beside its noun in both forms, and each fills in."""
    text = " ".join((kind.__doc__ or "").split())
    counts = {match[1] for match in COUNTS.finditer(text)}
    assert not [found[0] for found in BARE.finditer(text) if found[1] in counts]
    names = re.findall(r"\{(\w+)[^{}]*\}", text)
    for number in (1, 2):
        told = with_counts(text, {name: number if name in counts else "x" for name in names})
        assert "|" not in told
        assert "{" not in told
