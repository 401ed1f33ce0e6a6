"""The statement of recycled content of a product's magnets (Regulation (EU) 2024/1252, Article 29)."""

from typing import Literal

from msgspec import Struct

from events.passport_terms import ElementShare, MagnetRecord, PassportContent
from events.vocabulary import PPB
from market.rules.crma.dated import CrmaRules
from market.rules.passports.magnet_types import type_by_composition
from market.rules.quantities import SHARE_SCALE, scaled_shares

Duty = Literal[
    "due", "not_yet", "below_threshold", "no_magnets_of_these_types", "types_contradicted", "no_rule_yet"
]


class StatedShare(Struct, frozen=True, kw_only=True):
    """`mass_mg` in the magnets that count, rounded down; None: not every one of them states the element.

    Shares None: the passport states none for this element. `counted_ppb` by the rules of the day.
    """

    element: str
    mass_mg: int | None
    post_consumer_ppb: int | None
    pre_consumer_ppb: int | None
    counted_ppb: int | None


class Statement(Struct, frozen=True, kw_only=True):
    """`duty` of who places the product on the market, on the day of the rules: `types_contradicted` where it
    would be another by what the magnets are stated to hold. All masses are of the types as stated."""

    duty: Duty
    magnets_mg: int
    above_mg: int
    counted: tuple[str, ...]
    shares: tuple[StatedShare, ...]


def statement(content: PassportContent, rules: CrmaRules) -> Statement | None:
    """None for what holds no magnets. Claims booked apart from the material never count."""
    if content.magnets is None:
        return None
    claims = {share.element: share for share in content.recycled}
    magnets_mg = sum(
        each.pieces * each.mass_mg for each in content.magnets.magnets if each.type in rules.statement_magnets
    )
    read_mg = sum(
        each.pieces * each.mass_mg
        for each in content.magnets.magnets
        if {each.type, type_by_composition(each, content)} & rules.statement_magnets
    )
    return Statement(
        duty=_duty(magnets_mg, rules) if _counts_alike(magnets_mg, read_mg, rules) else "types_contradicted",
        magnets_mg=magnets_mg,
        above_mg=rules.statement_above_mg,
        counted=tuple(sorted(rules.statement_counts)),
        shares=tuple(
            _share(element, claims.get(element), content.magnets, rules)
            for element in rules.statement_elements
        ),
    )


def _counts_alike(stated_mg: int, read_mg: int, rules: CrmaRules) -> bool:
    """Whether the types that compositions tell leave the duty as it is by those that are stated."""
    return _duty(stated_mg, rules) == _duty(read_mg, rules)


def _duty(magnets_mg: int, rules: CrmaRules) -> Duty:
    if not rules.statement_magnets:
        return "no_rule_yet"
    if magnets_mg == 0:
        return "no_magnets_of_these_types"
    if magnets_mg <= rules.statement_above_mg:
        return "below_threshold"
    return "due" if rules.statement_due else "not_yet"


def _share(element: str, claim: ElementShare | None, record: MagnetRecord, rules: CrmaRules) -> StatedShare:
    mass_mg = _mass_mg(element, record, rules)
    if claim is None:
        return StatedShare(
            element=element, mass_mg=mass_mg, post_consumer_ppb=None, pre_consumer_ppb=None, counted_ppb=None
        )
    kinds = {"post_consumer": claim.post_consumer_ppb, "pre_consumer": claim.pre_consumer_ppb}
    return StatedShare(
        element=element,
        mass_mg=mass_mg,
        post_consumer_ppb=claim.post_consumer_ppb,
        pre_consumer_ppb=claim.pre_consumer_ppb,
        counted_ppb=min(PPB, sum(share for kind, share in kinds.items() if kind in rules.statement_counts)),
    )


def _mass_mg(element: str, record: MagnetRecord, rules: CrmaRules) -> int | None:
    scaled = 0
    for magnet in record.magnets:
        if magnet.type not in rules.statement_magnets:
            continue
        found = {} if magnet.composition is None else scaled_shares(magnet.composition)
        if element not in found:
            return None
        scaled += magnet.pieces * magnet.mass_mg * found[element]
    return scaled // SHARE_SCALE
