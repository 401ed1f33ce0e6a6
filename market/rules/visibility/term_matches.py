"""Matches of a term section: deliveries over years, priced as a differential to an index."""

from typing import Final, get_args

from msgspec import Struct

from events.market_events import MatchStruck
from events.vocabulary import Side, TermHorizon
from market.rules.clearing.graph import Part, section_name
from market.rules.match_terms import matched_horizon
from market.rules.orders.horizons import contract_years

TERM: Final = "term/"
"""The prefix of the names of term sections."""


class TermOfMatch(Struct, frozen=True, kw_only=True):
    """Quantities of the match are those of a contract year at plateau, its price the differential to `index`.

    `horizon` is None if an order was amended in it since the match.
    """

    index: str
    start_year: int
    years: int
    horizon: TermHorizon | None


def is_term(struck: MatchStruck) -> bool:
    return struck.section.startswith(TERM)


def term_of_match(
    struck: MatchStruck,
    sold: TermHorizon | None,
    bought: TermHorizon | None,
    side: Side | None,
    *,
    confirmed: bool,
) -> TermOfMatch | None:
    """`sold`, `bought`: as the orders state them; None for spot.

    Before both have confirmed, a side sees its own profile, tolerance and floor; after that, those that the
    contract takes over, which operators and auditors (`side` None) see at once.
    """
    if not is_term(struck):
        return None
    if not (_traded_under(struck, sold) and _traded_under(struck, bought)):
        # a long index is named by the start of its hash
        index, _, rest = struck.section.removeprefix(TERM).rpartition("/")
        return TermOfMatch(
            index=index,
            start_year=int(rest.partition("-")[0]),
            years=struck.delivery.end.year - struck.delivery.start.year,
            horizon=None,
        )
    own = sold if side == "seller" else bought
    horizon = matched_horizon(sold, bought) if side is None or confirmed else own
    assert horizon is not None
    return TermOfMatch(
        index=horizon.index,
        start_year=horizon.start_year,
        years=len(horizon.profile_ppb),
        horizon=horizon,
    )


def _traded_under(struck: MatchStruck, horizon: TermHorizon | None) -> bool:
    if horizon is None or contract_years(horizon) != struck.delivery:
        return False
    named = (horizon.index, horizon.start_year)
    return struck.section in {section_name(named, part) for part in get_args(Part)}
