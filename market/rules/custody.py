"""What a lot made by a transformation may claim from its inputs, by the custody models of ISO 22095. No model
lets a claim grow.

identity_preserved   one input, and its shares
segregated           the least share among the inputs: each of them carries it
controlled_blending  the share of the blend
mass_balance         what the facility's account holds (`mass_balance`)
book_and_claim       nothing: what was booked belongs to no material

What users have given back begins anew (`as_returned`): it is post-consumer, whatever it claimed before.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from events.fractions import percent_text
from events.passport_terms import (
    CLAIM_KINDS,
    CUSTODY_LADDER,
    ORIGIN_STAGES,
    ClaimKind,
    ElementShare,
    OriginShare,
    PassportContent,
)
from events.refusal import Refusal
from events.vocabulary import PPB, RARE_EARTHS, CustodyModel, ProductForm, ValueChainStage
from market.rules.element_masses import BALANCED, Contained, grams_text
from market.rules.quantities import largest_remainder
from market.rules.refusing.passport_refusals import (
    CertificateNotInherited,
    ClaimAboveInputs,
    ClaimMassAboveInputs,
    IdentityMixed,
)

USED: tuple[ProductForm, ...] = ("finished_magnet",)
RETURNED: tuple[ProductForm, ...] = ("core", "eol_magnet")
ORIGINS_OF_STAGE_MAX = 256
SEVERAL = "several sources"


class Batch(Struct, frozen=True, kw_only=True):
    """A passport's content, and the mass of its lot that takes part in a transformation."""

    content: PassportContent
    net_wet_g: int
    masses: dict[str, Contained]

    def claimed(self, element: str, claim: ClaimKind) -> int:
        """The claimed mass, over SCALE_PER_MG × PPB."""
        mass = self.masses.get(element)
        return 0 if mass is None else mass.least * claimed_ppb(self.content, element, claim)


def claimed_ppb(content: PassportContent, element: str, claim: ClaimKind) -> int:
    """The claimed share of the material; book-and-claim shares never count."""
    for share in content.recycled:
        if share.element == element:
            return share.post_consumer_ppb if claim == "post_consumer" else share.pre_consumer_ppb
    return 0


def weakest(models: Iterable[CustodyModel]) -> CustodyModel:
    """The weakest of several models."""
    return max(models, key=CUSTODY_LADDER.index)


def is_return(stage: ValueChainStage, inputs: Iterable[ProductForm], outputs: Iterable[ProductForm]) -> bool:
    """Whether products go in, and material that users have returned comes out."""
    return stage == "recycling" and set(inputs) <= set(USED) and set(outputs) <= set(RETURNED)


def as_returned(batch: Batch) -> Batch:
    """The batch as fully post-consumer, without the certificates and documents of the former product."""
    shares = tuple(ElementShare(element=element, post_consumer_ppb=PPB) for element in batch.masses)
    return replace(batch, content=replace(batch.content, recycled=shares, booked=(), certificates=()))


def custody_refusals(
    custody: CustodyModel, inputs: Sequence[Batch], outputs: Sequence[Batch]
) -> list[Refusal]:
    """Shares and certificates of the outputs under any model; mass balance has its account besides."""
    reasons: list[Refusal] = []
    if custody == "identity_preserved" and len(inputs) > 1:
        reasons.append(IdentityMixed(pointer="/custody", inputs=len(inputs)))
    for index, output in enumerate(outputs):
        if custody not in ("mass_balance", "book_and_claim"):
            reasons += _share_refusals(custody, inputs, output, f"/outputs/{index}/recycled")
        reasons += _certificate_refusals(custody, inputs, output, f"/outputs/{index}/certificates")
    if custody not in ("mass_balance", "book_and_claim"):
        reasons += _mass_refusals(inputs, outputs)
    return reasons


def _share_refusals(
    custody: CustodyModel, inputs: Sequence[Batch], output: Batch, pointer: str
) -> list[Refusal]:
    reasons: list[Refusal] = []
    for place, share in enumerate(output.content.recycled):
        for claim in CLAIM_KINDS:
            stated_ppb = claimed_ppb(output.content, share.element, claim)
            most_ppb = _most_ppb(custody, inputs, share.element, claim)
            if stated_ppb > most_ppb:
                reasons.append(
                    ClaimAboveInputs(
                        pointer=f"{pointer}/{place}/{claim}_ppb",
                        element=share.element,
                        claim=claim,
                        stated=percent_text(stated_ppb),
                        custody=custody,
                        most=percent_text(most_ppb),
                    )
                )
    return reasons


def _most_ppb(custody: CustodyModel, inputs: Sequence[Batch], element: str, claim: ClaimKind) -> int:
    """The highest share that may be claimed, rounded down. Only inputs that contain the element count."""
    carrying = [each for each in inputs if element in each.masses and each.masses[element].most]
    if not carrying:
        return 0
    if custody != "controlled_blending":
        return min(claimed_ppb(each.content, element, claim) for each in carrying)
    whole = sum(each.masses[element].most for each in carrying)
    return sum(each.claimed(element, claim) for each in carrying) // whole


def _mass_refusals(inputs: Sequence[Batch], outputs: Sequence[Batch]) -> list[Refusal]:
    """An assay may find more than went in, within the tolerance: the excess does not count as recycled."""
    reasons: list[Refusal] = []
    for element in BALANCED:
        for claim in CLAIM_KINDS:
            stated = sum(each.claimed(element, claim) for each in outputs)
            most = sum(each.claimed(element, claim) for each in inputs)
            if stated > most:
                reasons.append(
                    ClaimMassAboveInputs(
                        pointer="/outputs",
                        element=element,
                        claim=claim,
                        stated=grams_text(stated // PPB),
                        most=grams_text(most // PPB),
                    )
                )
    return reasons


def _certificate_refusals(
    custody: CustodyModel, inputs: Sequence[Batch], output: Batch, pointer: str
) -> list[Refusal]:
    """A made lot has the certificates of the site that makes it, and those that every input had."""
    reasons: list[Refusal] = []
    for place, paper in enumerate(output.content.certificates):
        if paper.facility == output.content.facility:
            continue
        held = custody != "book_and_claim" and all(paper in each.content.certificates for each in inputs)
        if not held:
            reasons.append(
                CertificateNotInherited(
                    pointer=f"{pointer}/{place}",
                    scheme=paper.scheme,
                    reference=paper.reference,
                    custody=custody,
                )
            )
    return reasons


def origin_weights(inputs: Sequence[Batch]) -> list[int]:
    """Contained rare earths, or product where there are none."""
    weights = [sum(each.masses[e].most for e in RARE_EARTHS if e in each.masses) for each in inputs]
    return weights if any(weights) else [each.net_wet_g for each in inputs]


def mixed_origin(inputs: Sequence[Batch], step: OriginShare | None) -> tuple[OriginShare, ...]:
    """Origin of what is made: `step` is where its stage took place, every other stage is as the inputs mix.

    What a supplier did not say stays open. Shares of a stage are rounded by largest remainder, what is open
    among them.
    """
    weights = origin_weights(inputs)
    found: list[OriginShare] = []
    for stage in ORIGIN_STAGES:
        if step is not None and step.stage == stage:
            found.append(step)
            continue
        parts: defaultdict[tuple[str, UUID | None, str | None, bool], int] = defaultdict(int)
        for weight, batch in zip(weights, inputs, strict=True):
            for share in batch.content.origin:
                if share.stage == stage:
                    key = (share.country, share.facility, share.source, share.strategic_project)
                    parts[key] += weight * share.share_ppb
        if len(parts) > ORIGINS_OF_STAGE_MAX:
            parts = _by_country(parts)
        whole = sum(weights) * PPB
        shares = largest_remainder(PPB, [*parts.values(), whole - sum(parts.values())])
        for (country, facility, source, strategic), share_ppb in zip(parts, shares, strict=False):
            if share_ppb:
                found.append(
                    OriginShare(
                        stage=stage,
                        country=country,
                        share_ppb=share_ppb,
                        facility=facility,
                        source=source,
                        strategic_project=strategic,
                    )
                )
    return tuple(found)


def _by_country(
    parts: defaultdict[tuple[str, UUID | None, str | None, bool], int],
) -> defaultdict[tuple[str, UUID | None, str | None, bool], int]:
    merged: defaultdict[tuple[str, UUID | None, str | None, bool], int] = defaultdict(int)
    for (country, _, _, _), weight in parts.items():
        merged[country, None, SEVERAL, False] += weight
    return merged
