"""Members of certificates changed by one: whatever is changed is found, and named where it stands.

`WHOLE_CERTIFICATES` takes every member of so many certificates: `make test-certificates` of a thousand.
"""

import os
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import pytest
from msgspec import Struct

from events.envelope import Recorded
from market.rules.clearing.rounds import Round
from tests.blotter import Lane
from tests.rules.small_rounds import posed, small_round, small_round_of_portfolios
from tests.rules.tampering import Path, members, otherwise
from tests.rules.test_certificate import faults

WHOLE = int(os.environ.get("WHOLE_CERTIFICATES", "0"))
CERTIFICATES = WHOLE or 320
MEMBERS = 10**6 if WHOLE else 4
PORTFOLIOS_OF = 4
"""One of so many rounds has buyers with portfolio limits."""
SHARES = max(8, WHOLE // 10)
WITHOUT_NEIGHBOUR = frozenset(
    {
        "ClearingEvidence/cut_edges",
        "ClearingEvidence/lines",
        "ClearingEvidence/lines/evidence",
        "ClearingEvidence/lines/inputs",
        "ClearingEvidence/multipliers",
        "ClearingEvidence/multipliers/country",
        "ClearingEvidence/quotas",
        "ClearingEvidence/waterfalls",
        "ClearingEvidence/waterfalls/premiums",
        "ClearingEvidence/waterfalls/premiums/country",
        "MatchConfirmed/contract/co_products",
        "MatchConfirmed/contract/delivery",
        "MatchConfirmed/contract/horizon",
        "MatchConfirmed/contract/index",
        "MatchConfirmed/contract/limits",
        "MatchConfirmed/contract/packaging",
        "MatchConfirmed/contract/penalties",
        "MatchConfirmed/contract/place",
        "MatchConfirmed/contract/purity",
        "MatchConfirmed/contract/terms/evidence",
        "MatchConfirmed/contract/terms/inputs",
        "MatchStruck/delivery",
        "MatchConfirmed/contract/demands",
        "MatchConfirmed/contract/goods",
        "MatchConfirmed/contract/stated",
        "MatchStruck/demands",
        "MatchStruck/forecast",
        "MatchStruck/place",
        "MatchStruck/reference",
        "MatchStruck/reference/as_of",
        "MatchStruck/reference/fx",
        "MatchStruck/reference/price",
    }
)
"""Where at least once nothing was near: an empty list, an object that has to be there, or one that is not."""
BY_CONSEQUENCE = frozenset(
    {
        "ClearingEvidence/multipliers",
        "ClearingEvidence/multipliers/ueur_per_kg",
        "ClearingEvidence/quotas",
        "ClearingEvidence/quotas/capacity_g",
        "ClearingEvidence/waterfalls",
    }
)
"""Others of these are a split of the same buyer, or one entry fewer, which the rest of the record does not
fit: it is named."""

Maker = Callable[[int], tuple[Lane, Recorded]]


def maker_of(seed: int) -> Maker:
    return small_round if seed % PORTFOLIOS_OF else small_round_of_portfolios


def kind(fact: Struct, path: Path) -> str:
    """The place of a member without its indices."""
    names = (step for step in path if isinstance(step, str))
    return f"{type(fact).__name__}/{'/'.join(names)}"


def unseen(of: Round, facts: Sequence[Struct], index: int, path: Path) -> str | None:
    """What is wrong when this member changes and nobody says so; None when it is named."""
    bad = otherwise(facts[index], path)
    name = kind(facts[index], path)
    if bad is None:
        return None if name in WITHOUT_NEIGHBOUR else f"{name} was not changed"
    found = faults(of, [*facts[:index], bad, *facts[index + 1 :]])
    if not found:
        return f"{path} of {name} was not found"
    named = name.rpartition("/")[2]
    if name not in BY_CONSEQUENCE and not any(named in field for field in found):
        return f"{path} of {name} was found as {found[0]}"
    return None


def some(facts: Sequence[Struct], done: Counter[str], rng: random.Random) -> Iterator[tuple[int, Path]]:
    """Of every certificate the members of which fewest were changed so far: all kinds get their turn."""
    places = [(index, path) for index, fact in enumerate(facts) for path in members(fact)]
    rng.shuffle(places)
    places.sort(key=lambda place: done[kind(facts[place[0]], place[1])])
    yield from places[:MEMBERS]


@pytest.mark.parametrize("share", range(SHARES))
def test_each_member_of_many_certificates_changed_by_one_is_found_and_named(share: int) -> None:
    done: Counter[str] = Counter()
    missed = []
    for seed in range(share, CERTIFICATES, SHARES):
        of, recorded = posed(*maker_of(seed)(seed))
        facts: list[Struct] = [draft.data for draft in recorded]
        assert [] == faults(of, facts)
        for index, path in some(facts, done, random.Random(seed)):
            done[kind(facts[index], path)] += 1
            told = unseen(of, facts, index, path)
            if told is not None:
                missed.append((seed, told))
    assert [] == missed
    assert len(done) > 100
