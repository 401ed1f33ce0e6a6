"""Warnings about names in an order that are unknown in the market: usually mistyped, and the order may then
match nobody."""

from collections.abc import Iterator
from uuid import UUID

from msgspec import Struct

from events.market_terms import RequirementTerms, SupplyTerms
from events.refusal import Caution


class Known(Struct, frozen=True, kw_only=True):
    """The known names: registered initiatives, schemes of the newest rule set, members."""

    initiatives: frozenset[str] = frozenset()
    schemes: tuple[str, ...] = ()
    members: frozenset[UUID] = frozenset()


def names_any(terms: SupplyTerms | RequirementTerms) -> bool:
    wanted = isinstance(terms, RequirementTerms) and (
        terms.certificates_required or terms.organisations_excluded
    )
    return bool(terms.visible_to_initiatives or wanted)


def name_cautions(terms: SupplyTerms | RequirementTerms, known: Known) -> Iterator[Caution]:
    for index, code in enumerate(terms.visible_to_initiatives):
        if code not in known.initiatives:
            yield Caution(
                code="initiative_unknown",
                text=f"There is no initiative {code}: nobody can see the order through it.",
                pointer=f"/visible_to_initiatives/{index}",
            )
    if not isinstance(terms, RequirementTerms):
        return
    recognised = ", ".join(known.schemes) or "none"
    for index, scheme in enumerate(terms.certificates_required):
        if scheme not in known.schemes:
            yield Caution(
                code="scheme_not_recognised",
                text=(
                    f"The market's rules do not recognise {scheme} (recognised: {recognised}). Only "
                    "supply with a certificate of exactly this name fits."
                ),
                pointer=f"/certificates_required/{index}",
            )
    for index, organisation in enumerate(terms.organisations_excluded):
        if organisation not in known.members:
            yield Caution(
                code="excluded_not_member",
                text="No member of the market has this id, so it excludes nobody.",
                pointer=f"/organisations_excluded/{index}",
            )
