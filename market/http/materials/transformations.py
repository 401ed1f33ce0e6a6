"""Transformations: what lots with passports become; record one, read one."""

from datetime import date
from typing import Annotated, Any, Final, Self
from uuid import UUID

from msgspec import Meta

from events import passport_terms as words
from events.material_events import PassportIssued, PassportTransformed
from events.passport_terms import MassBalanceMethod
from events.vocabulary import CustodyModel, ValueChainStage
from market.commands import transformations as commands
from market.http.materials.labels import TAG
from market.http.materials.passport_examples import TRANSFORMATION
from market.http.materials.passport_reads import viewer
from market.http.materials.passport_terms import LotTerms, PassportTerms
from market.http.materials.passports import cautioned
from market.http.wire.access import KEEPERS, READERS
from market.http.wire.endpoint import Answer, Call, DryRun, Nothing, endpoint, not_found
from market.http.wire.ids import FacilityId, OrganisationId, PassportId, TransformationId, to_text, to_uuid
from market.http.wire.material import Body, Dated
from market.http.wire.numbers import (
    GRAMS,
    PERCENT,
    TONNES,
    TONNES_POSITIVE,
    DecimalText,
    Grams,
    TonnesPositive,
)
from market.http.wire.reads import as_desk
from market.http.wire.receipts import Accepted, Done, Warned, unless_unread, warned
from market.http.wire.steps import given
from market.rules.passports.element_balance import TOLERANCE_PPM_MAX
from market.rules.passports.plausible_masses import loss_cautions, mass_cautions, place_cautions
from market.rules.passports.transformations import DrawnPart, MadeLot, Transform
from market.rules.passports.yields import ElementYield, element_yields
from market.rules.refusing.wording import Code
from market.rules.visibility.passport_visibility import see_material
from market.store import passports
from market.store import transformations as store

PARTS_MAX: Final = 64


class DrawnLot(Body, frozen=True, kw_only=True):
    """What is taken of a passport's lot; the rest stays."""

    passport: PassportId
    net_wet_t: TonnesPositive


class ElementLoss(Body, frozen=True, kw_only=True):
    """What leaves as slag, dust or effluent, in grams of the element."""

    element: Code
    mass_g: Grams


class TransformationTerms(Dated, frozen=True, kw_only=True):
    """Per element, outputs plus losses equal the inputs, within `tolerance_ppm` of them. `custody` is reduced
    to the weakest input's model. Mass balance states its `method` and for how many days incoming claims may
    be used. Origin follows from the inputs and the facility."""

    facility: FacilityId
    stage: ValueChainStage
    transformed_on: date
    custody: CustodyModel
    method: MassBalanceMethod | None = None
    balance_days: Annotated[int, Meta(ge=1, le=365)] | None = None
    tolerance_ppm: Annotated[int, Meta(ge=0, le=TOLERANCE_PPM_MAX)] = 0
    inputs: Annotated[tuple[DrawnLot, ...], Meta(min_length=1, max_length=PARTS_MAX)]
    outputs: Annotated[tuple[LotTerms, ...], Meta(min_length=1, max_length=PARTS_MAX)]
    losses: Annotated[tuple[ElementLoss, ...], Meta(max_length=64)] = ()


class TransformationAccepted(Accepted, frozen=True, kw_only=True):
    """`outputs` are the passports made, in the order of the body; none of a dry run."""

    id: TransformationId | None
    custody: CustodyModel
    outputs: tuple[PassportId, ...] = ()


class ElementMassView(Body, frozen=True, kw_only=True):
    """`below_detection_g` may be there too."""

    element: str
    mass_g: DecimalText
    below_detection_g: DecimalText


class PartView(Body, frozen=True, kw_only=True):
    passport: PassportId
    net_wet_t: DecimalText
    elements: tuple[ElementMassView, ...]

    @classmethod
    def of(cls, part: words.BatchPart) -> Self:
        return cls(
            passport=to_text("pass", part.passport),
            net_wet_t=TONNES.text(part.net_wet_g),
            elements=tuple(
                ElementMassView(
                    element=each.element,
                    mass_g=GRAMS.text(each.mass_mg),
                    below_detection_g=GRAMS.text(each.below_detection_mg),
                )
                for each in part.elements
            ),
        )


class ElementBalanceView(Body, frozen=True, kw_only=True):
    """Measured grams of one element. `yield_percent`: what came out of what came in; null where nothing of it
    was measured in the inputs. `loss_unusual`: more than a fifth of what came in is stated as lost."""

    element: str
    in_g: DecimalText
    out_g: DecimalText
    lost_g: DecimalText
    yield_percent: DecimalText | None
    loss_unusual: bool

    @classmethod
    def of(cls, found: ElementYield) -> Self:
        return cls(
            element=found.element,
            in_g=GRAMS.text(found.in_mg),
            out_g=GRAMS.text(found.out_mg),
            lost_g=GRAMS.text(found.lost_mg),
            yield_percent=PERCENT.text_optional(found.yield_ppb),
            loss_unusual=found.loss_unusual,
        )


class TransformationView(Body, frozen=True, kw_only=True):
    """Inputs, outputs and losses, element by element. `owner`: who had title to the inputs, and has title to
    the outputs, if it is not `organisation`."""

    id: TransformationId
    organisation: OrganisationId
    owner: OrganisationId | None
    facility: FacilityId
    stage: ValueChainStage
    transformed_on: date
    custody: CustodyModel
    method: MassBalanceMethod | None
    tolerance_ppm: int
    inputs: tuple[PartView, ...]
    outputs: tuple[PartView, ...]
    losses: tuple[ElementLoss, ...]
    balance: tuple[ElementBalanceView, ...]

    @classmethod
    def of(cls, fact: PassportTransformed) -> Self:
        return cls(
            id=to_text("tra", fact.transformation),
            organisation=to_text("org", fact.organisation),
            owner=to_text("org", fact.owner) if fact.owner else None,
            facility=to_text("fac", fact.facility),
            stage=fact.stage,
            transformed_on=fact.transformed_on,
            custody=fact.custody,
            method=fact.method,
            tolerance_ppm=fact.tolerance_ppm,
            inputs=tuple(map(PartView.of, fact.inputs)),
            outputs=tuple(map(PartView.of, fact.outputs)),
            losses=tuple(
                ElementLoss(element=loss.element, mass_g=GRAMS.text(loss.mass_mg)) for loss in fact.losses
            ),
            balance=tuple(map(ElementBalanceView.of, element_yields(fact))),
        )


@endpoint(
    "POST",
    "/v1/transformations",
    roles=KEEPERS,
    summary="Record a transformation",
    tag=TAG,
    body=TransformationTerms,
    query=DryRun,
    answer=TransformationAccepted,
    status=201,
    located=True,
    idempotent=True,
    description="By who holds the inputs, at a facility of its own. What is made belongs to the owner of the "
    "inputs, who reads the whole of it. A loss of more than a fifth of an element is warned of. "
    "What the facility adds, such as B, Co or Ni in an alloy, is an input with a passport of its own. An "
    "impossible balance, or a claim that no input carries, is refused with its figures.",
    example=TRANSFORMATION,
)
async def transform(call: Call[TransformationTerms, DryRun]) -> Answer:
    outcome = await given(call, commands.transform, _argument(call))
    fact = outcome.fact(PassportTransformed)
    warnings = await unless_unread(_warnings(call, outcome))
    found = outcome.made("tra", fact.transformation)
    made = () if found is None else tuple(to_text("pass", part.passport) for part in fact.outputs)
    return outcome.answer(
        TransformationAccepted(
            id=found,
            custody=fact.custody,
            outputs=made,
            warnings=warnings,
            **outcome.accepted(),
        ),
        location=f"/v1/transformations/{found}",
    )


async def _warnings(call: Call[Any, Any], outcome: Done) -> tuple[Warned, ...]:
    issued = [each for each in outcome.facts if isinstance(each, PassportIssued)]
    fact = outcome.fact(PassportTransformed)
    found = [*warned(mass_cautions(fact)), *warned(loss_cautions(fact))]
    async with as_desk(call) as connection:
        drawn = await passports.load_several(connection, [part.passport for part in fact.inputs])
    contents = [passport.content for passport in drawn.values()]
    found += warned(place_cautions(fact, contents, [each.content for each in issued]))
    for index, each in enumerate(issued):
        found += await cautioned(call, each.content, f"/outputs/{index}", made=True)
    return tuple(found)


def _argument(call: Call[TransformationTerms, DryRun]) -> Transform:
    body, new_id = call.body, call.door.desk.new_id
    return Transform(
        caller=call.caller,
        transformation=new_id(),
        facility=to_uuid(body.facility),
        stage=body.stage,
        transformed_on=body.transformed_on,
        custody=body.custody,
        method=body.method,
        balance_days=body.balance_days,
        tolerance_ppm=body.tolerance_ppm,
        inputs=tuple(
            DrawnPart(passport=to_uuid(part.passport), net_wet_g=TONNES_POSITIVE.decoded(part.net_wet_t))
            for part in body.inputs
        ),
        outputs=tuple(_made(new_id(), body, lot) for lot in body.outputs),
        losses=tuple(
            words.ElementLoss(element=loss.element, mass_mg=GRAMS.decoded(loss.mass_g))
            for loss in body.losses
        ),
    )


def _made(passport: UUID, body: TransformationTerms, lot: LotTerms) -> MadeLot:
    """Through the terms of a passport, so that both convert alike."""
    stated: dict[str, Any] = {name: getattr(lot, name) for name in lot.__struct_fields__}
    content = PassportTerms(facility=body.facility, custody=body.custody, **stated).inside()
    kept = {name: getattr(content, name) for name in MadeLot.__struct_fields__ if name != "passport"}
    return MadeLot(passport=passport, **kept)


@endpoint(
    "GET",
    "/v1/transformations/{transformation}",
    roles=READERS,
    summary="Read a transformation",
    tag=TAG,
    answer=TransformationView,
    description="For who recorded it, who had title to its inputs, operators and auditors: what came in, "
    "went out and was lost of each element, and its yield.",
)
async def read(call: Call[Nothing, Nothing]) -> Answer:
    return Answer(body=TransformationView.of(await load(call)))


async def load(call: Call[Any, Any]) -> PassportTransformed:
    """The transformation in the path, for whom it is shown."""
    async with as_desk(call) as connection:
        fact = await store.load_transformation(connection, call.ids["transformation"])
    seen = None if fact is None else see_material(fact, viewer(call))
    if not isinstance(seen, PassportTransformed):
        raise not_found()
    return seen


HANDLERS: Final = (transform, read)
