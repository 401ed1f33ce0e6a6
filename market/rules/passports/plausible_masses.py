"""Warnings about contradictions in a passport or a transformation; not refusals, since material added without
a passport, or another laboratory, may explain them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from uuid import UUID

from events.fractions import decimal_text, percent_text, tonnes_text
from events.material_events import PassportTransformed
from events.passport_terms import OriginShare, PassportContent
from events.refusal import Caution
from events.vocabulary import MICRO, PPB
from market.rules.element_masses import MG_PER_G, SCALE_PER_MG, contained
from market.rules.parties.parties import Facility
from market.rules.passports.element_balance import TOLERANCE_PPM_MAX
from market.rules.passports.yields import USUAL_LOSS_PPB, element_yields
from market.rules.quantities import figure_shares


def magnet_cautions(content: PassportContent) -> Iterator[Caution]:
    """Warns if the magnets contain more of an element than their lot, or less of it although they are the
    whole lot."""
    if content.magnets is None:
        return
    held: Counter[str] = Counter()
    stated: Counter[str] = Counter()
    for magnet in content.magnets.magnets:
        shares = {} if magnet.composition is None else figure_shares(magnet.composition)
        for element, (share, below) in shares.items():
            if not below:
                held[element] += magnet.pieces * magnet.mass_mg * share * PPB
                stated[element] += 1
    magnets_mg = sum(magnet.pieces * magnet.mass_mg for magnet in content.magnets.magnets)
    dry = content.moisture_ppb == 0
    whole = dry and magnets_mg * MICRO >= content.net_wet_g * MG_PER_G * (MICRO - TOLERANCE_PPM_MAX)
    for element, lot in contained(content, content.net_wet_g).items():
        of_all = whole and stated[element] == len(content.magnets.magnets)
        if of_all and held[element] * MICRO < lot.least * MG_PER_G * (MICRO - TOLERANCE_PPM_MAX):
            yield Caution(
                code="magnets_below_lot",
                text=f"{element}: the magnets are the whole lot, but contain "
                f"{_kg(held[element] // MG_PER_G)} kg by their composition, and {_kg(lot.least)} kg by "
                "the lot's. Statements use the magnets' figure, trades and stock the lot's.",
                pointer="/magnets/magnets",
            )
        if held[element] * MICRO > lot.most * MG_PER_G * (MICRO + TOLERANCE_PPM_MAX):
            yield Caution(
                code="magnets_above_lot",
                text=f"{element}: the magnets contain {_kg(held[element] // MG_PER_G)} kg, but their lot "
                f"{_kg(lot.most)} kg.",
                pointer="/magnets/magnets",
            )


def origin_cautions(
    content: PassportContent, issuer: UUID, known: Mapping[UUID, Facility]
) -> Iterator[Caution]:
    """`known`: registered sites that the origin names. For other organisations' sites it only says that the
    register differs, not how."""
    for index, share in enumerate(content.origin):
        site = known.get(share.facility) if share.facility is not None else None
        if site is None:
            continue
        own = site.organisation == issuer
        whose = f"your site {site.details.name}" if own else "another company's site"
        if (share.country, share.stage in site.details.stages) != (site.details.country, True):
            yield Caution(
                code="origin_not_of_facility",
                text=f"{share.stage} in {share.country} is stated at {whose}, which is "
                f"{_registered(share, site, own=own)}.",
                pointer=f"/origin/{index}",
            )
        if share.strategic_project and site.details.strategic_project is None:
            yield Caution(
                code="origin_not_strategic",
                text=f"A strategic project is stated at {whose}, which is not registered as one.",
                pointer=f"/origin/{index}/strategic_project",
            )


def _registered(share: OriginShare, site: Facility, *, own: bool) -> str:
    details = site.details
    if own:
        return f"registered in {details.country} for {', '.join(details.stages)}"
    wrong = ["in that country"] if share.country != details.country else []
    wrong += [f"for {share.stage}"] if share.stage not in details.stages else []
    return f"not registered {' or '.join(wrong)}"


def mass_cautions(fact: PassportTransformed) -> Iterator[Caution]:
    """Warns if more comes out than went in: oxygen, water or an alloy's iron need no passport, but a wrong
    unit looks the same."""
    came_g, went_g = (sum(part.net_wet_g for part in parts) for parts in (fact.inputs, fact.outputs))
    if went_g > came_g:
        yield Caution(
            code="outputs_heavier_than_inputs",
            text=f"The outputs weigh {tonnes_text(went_g)}, the inputs {tonnes_text(came_g)}, so "
            f"{percent_text((went_g - came_g) * PPB // went_g)} of what was made came in without a passport.",
            pointer="/outputs",
        )


def loss_cautions(fact: PassportTransformed) -> Iterator[Caution]:
    """Warns about large losses: a residue that is kept is an output, and needs a passport."""
    index = {loss.element: index for index, loss in enumerate(fact.losses)}
    for found in element_yields(fact):
        if found.loss_unusual:
            came_mg = found.in_mg + found.below_detection_mg
            lost = decimal_text(found.lost_mg, MICRO)
            share = f" ({percent_text(found.lost_mg * PPB // came_mg)})" if came_mg else ""
            yield Caution(
                code="loss_unusual",
                text=f"{found.element}: {lost} kg of {decimal_text(came_mg, MICRO)} kg{share} are stated as "
                f"lost; by published figures a plant loses {percent_text(USUAL_LOSS_PPB)} at most. "
                "Material that is kept is an output with its own passport.",
                pointer=f"/losses/{index[found.element]}",
            )


def place_cautions(
    fact: PassportTransformed, drawn: Iterable[PassportContent], made: Iterable[PassportContent]
) -> Iterator[Caution]:
    """Warns about earlier steps of the stage that the output's origin does not state; `drawn`: the inputs."""
    now = {each.country for content in made for each in content.origin if each.stage == fact.stage}
    before = {each.country for content in drawn for each in content.origin if each.stage == fact.stage}
    if now and before - now:
        yield Caution(
            code="origin_of_last_step",
            text=f"Inputs name {', '.join(sorted(before))} for {fact.stage}, but what is made only "
            f"{', '.join(sorted(now))}, where this step took place. Its paths keep the earlier steps: "
            "if the market's rules ask for origins in full, they count for buyers that exclude a "
            "country, or pay by origin.",
            pointer="/stage",
        )


def _kg(scaled: int) -> str:
    return decimal_text(scaled // SCALE_PER_MG, MICRO)
