"""A transformation: parts of n lots become m lots. Elements are conserved, and no claim grows."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from uuid import UUID

from msgspec import UNSET, Struct
from msgspec.structs import replace

from events.callers import Caller, role_refusals
from events.decision import Decision, Moment
from events.envelope import Draft
from events.fractions import decimal_text
from events.material_events import MassBalanceMoved, PassportDrawn, PassportIssued, PassportTransformed
from events.passport_terms import (
    Assurance,
    BatchPart,
    ClaimEvidence,
    ClaimKind,
    ElementLoss,
    ElementShare,
    MagnetRecord,
    MassBalanceLine,
    MassBalanceMethod,
    OriginShare,
    PassportCertificate,
    PassportContent,
)
from events.refusal import Refusal, refuse
from events.vocabulary import (
    GRAMS_PER_KG,
    PPB,
    Assay,
    Composition,
    CustodyModel,
    Footprint,
    ProductForm,
    ValueChainStage,
    lane_of,
)
from events.wellformed import duplicate_refusals, malformed
from market.rules.custody import Batch, as_returned, custody_refusals, is_return, mixed_origin, weakest
from market.rules.element_masses import (
    contained,
    shown,
)
from market.rules.orders.orders import Reservation
from market.rules.parties.parties import Facility
from market.rules.passport import Passport
from market.rules.passports.bound_lots import Sales, use_refusals
from market.rules.passports.element_balance import balance_refusals
from market.rules.passports.lot_checks import (
    LotDays,
    day_refusals,
    facility_refusals,
    number_refusals,
    order_refusals,
    passport_draft,
    sequence_refusals,
)
from market.rules.passports.magnet_labels import label_refusals
from market.rules.passports.mass_balance import Account, Movement, move
from market.rules.passports.passport_content import at, content_refusals, made_refusals
from market.rules.refusing.passport_refusals import (
    DrawnEmpty,
    DrawnTwice,
    LineageCycle,
    LotNumberDelivered,
    LotNumberTaken,
    MassBalanceMethodMissing,
    MassBalanceMethodUnexpected,
    OwnersDiffer,
    PassportOfOther,
    PassportOver,
    PassportUnknown,
    StageNotOfFacility,
)
from market.rules.stage_paths import mixed_paths


class DrawnPart(Struct, frozen=True, kw_only=True):
    passport: UUID
    net_wet_g: int


class MadeLot(Struct, frozen=True, kw_only=True):
    """An output; its facility, custody and origin follow from the transformation."""

    passport: UUID
    lot_number: str
    form: ProductForm
    net_wet_g: int
    moisture_ppb: int
    composition: Composition
    assay: Assay | None = None
    recycled: tuple[ElementShare, ...] = ()
    booked: tuple[ElementShare, ...] = ()
    footprint: Footprint | None = None
    assurance: Assurance = "none"
    certificates: tuple[PassportCertificate, ...] = ()
    evidence: tuple[ClaimEvidence, ...] = ()
    magnets: MagnetRecord | None = None


class Transform(Struct, frozen=True, kw_only=True):
    """`method` and `balance_days` go with mass balance only. `names_owner`, `tells_paths`: an audit's fact
    does."""

    caller: Caller
    transformation: UUID
    facility: UUID
    stage: ValueChainStage
    transformed_on: date
    custody: CustodyModel
    method: MassBalanceMethod | None = None
    balance_days: int | None = None
    tolerance_ppm: int
    inputs: tuple[DrawnPart, ...]
    outputs: tuple[MadeLot, ...]
    losses: tuple[ElementLoss, ...] = ()
    names_owner: bool = False
    tells_paths: bool = False


class TransformState(Struct, frozen=True, kw_only=True):
    """`reservations`, `days` and `sales` (which an audit does not know) by passport, `by_number` those of lot
    numbers of outputs; `taken`: lot numbers of the facility; `left`: days on which parts of the inputs left,
    by their numbers in small letters; `accounts` of its mass balance; `at_door`: no audit asks."""

    lanes: int
    facility: Facility | None
    passports: Mapping[UUID, Passport]
    reservations: Mapping[UUID, Reservation]
    taken: frozenset[str]
    accounts: Mapping[tuple[str, ClaimKind], Account]
    by_number: Mapping[str, Reservation] = {}
    days: Mapping[UUID, LotDays] = {}
    sales: Mapping[UUID, Sales] = {}
    left: Mapping[str, date] = {}
    at_door: bool = False


def transform(state: TransformState, argument: Transform, moment: Moment) -> Decision:
    """Records a transformation. Raises Refusals with all reasons that can be determined."""
    refuse(role_refusals(argument.caller, "trader", "compliance"))
    reasons = _site_refusals(state, argument)
    reasons += day_refusals(argument.transformed_on, "/transformed_on", moment.now)
    of_inputs = _input_refusals(state, argument)
    if of_inputs:
        refuse(of_inputs + reasons)
    reasons += _sequence_refusals(state, argument)
    passports = [state.passports[part.passport] for part in argument.inputs]
    custody, inputs = _taken(argument, [passport.content for passport in passports])
    step = _step(state.facility, argument)
    origin = mixed_origin(inputs, step)
    contents = tuple(_content(made, argument.facility, custody, origin) for made in argument.outputs)
    if state.at_door or argument.tells_paths:
        of_made = [passport.transformation is not None for passport in passports]
        contents = tuple(
            replace(each, paths=mixed_paths(inputs, of_made, step, each.form)) for each in contents
        )
    of_forms = _form_refusals(contents)
    if of_forms:
        refuse(of_forms + reasons)
    outputs = tuple(_batch(content, content.net_wet_g) for content in contents)
    for index, content in enumerate(contents):
        wrong = content_refusals(content, moment.now, moment.now, at_door=state.at_door)
        wrong += made_refusals(content)
        if state.at_door:
            wrong += label_refusals(content.magnets, argument.caller.organisation)
        reasons += at(f"/outputs/{index}", wrong)
    reasons += balance_refusals(inputs, outputs, argument.losses, argument.tolerance_ppm)
    reasons += custody_refusals(custody, inputs, outputs)
    account_reasons, moved = _account(state, argument, moment, custody, inputs, outputs)
    owner = passports[0].owner
    tolled = (state.at_door or argument.names_owner) and owner != argument.caller.organisation
    fact = PassportTransformed(
        transformation=argument.transformation,
        organisation=argument.caller.organisation,
        facility=argument.facility,
        stage=argument.stage,
        transformed_on=argument.transformed_on,
        custody=custody,
        method=argument.method,
        tolerance_ppm=argument.tolerance_ppm,
        inputs=_parts([part.passport for part in argument.inputs], inputs),
        outputs=_parts([made.passport for made in argument.outputs], outputs),
        losses=argument.losses,
        owner=owner if tolled else UNSET,
    )
    refuse(reasons + account_reasons + malformed(fact))
    return _decision(state, argument, owner, fact, contents, moved)


def _taken(
    argument: Transform, contents: Sequence[PassportContent]
) -> tuple[CustodyModel, tuple[Batch, ...]]:
    """The weakest model of all that takes part, and what they bring; a return brings none of the past."""
    parts = zip(contents, argument.inputs, strict=True)
    batches = tuple(_batch(content, part.net_wet_g) for content, part in parts)
    forms = (each.form for each in contents), (made.form for made in argument.outputs)
    if is_return(argument.stage, *forms):
        return argument.custody, tuple(map(as_returned, batches))
    return weakest((argument.custody, *(each.custody for each in contents))), batches


def _input_refusals(state: TransformState, argument: Transform) -> list[Refusal]:
    """Refusals unless each input exists, is held by the caller, is free and not used up, and all have one
    owner."""
    reasons = duplicate_refusals("/inputs", [_named(part.passport) for part in argument.inputs])
    made = {lot.passport for lot in argument.outputs}
    owners = set()
    for index, part in enumerate(argument.inputs):
        pointer = f"/inputs/{index}"
        passport = state.passports.get(part.passport)
        if part.passport in made:
            reasons.append(LineageCycle(pointer=f"{pointer}/passport", passport=_named(part.passport)))
        if passport is None or argument.caller.organisation not in passport.parties:
            reasons.append(PassportUnknown(pointer=f"{pointer}/passport"))
            continue
        if passport.holder != argument.caller.organisation:
            reasons.append(PassportOfOther(pointer=f"{pointer}/passport", party="holder"))
            continue
        owners.add(passport.owner)
        if passport.status == "retired":
            reasons.append(PassportOver(pointer=f"{pointer}/passport", status=passport.status))
        for reason in order_refusals(state.reservations.get(part.passport)):
            reason.pointer = f"{pointer}/passport"
            reasons.append(reason)
        if part.net_wet_g <= 0:
            reasons.append(DrawnEmpty(pointer=f"{pointer}/net_wet_g"))
        elif part.net_wet_g > passport.remaining_g:
            reasons.append(
                DrawnTwice(
                    pointer=f"{pointer}/net_wet_g",
                    passport=_named(part.passport),
                    asked=_kg(part.net_wet_g),
                    remaining=_kg(passport.remaining_g),
                    whole=_kg(passport.content.net_wet_g),
                )
            )
        else:
            sales = state.sales.get(part.passport, {})
            reasons += use_refusals(passport, sales, part.net_wet_g, f"{pointer}/net_wet_g")
    if len(owners) > 1:
        reasons.append(OwnersDiffer(pointer="/inputs", owners=len(owners)))
    return reasons


def _sequence_refusals(state: TransformState, argument: Transform) -> list[Refusal]:
    """Parts of one lot are recorded in any order of their days, each after it came to who holds it."""
    reasons: list[Refusal] = []
    for part in argument.inputs:
        days = replace(state.days.get(part.passport, LotDays()), drawn_on=None)
        reasons += sequence_refusals(part.passport, argument.transformed_on, "/transformed_on", days)
    return reasons


def _site_refusals(state: TransformState, argument: Transform) -> list[Refusal]:
    reasons = facility_refusals(state.facility)
    if state.facility is not None and argument.stage not in state.facility.details.stages:
        stages = ", ".join(state.facility.details.stages)
        reasons.append(StageNotOfFacility(pointer="/stage", stages=stages, stage=argument.stage))
    numbers = [made.lot_number for made in argument.outputs]
    reasons += [
        LotNumberTaken(pointer=f"/outputs/{index}/lot_number", lot_number=number)
        for index, number in enumerate(numbers)
        if number in state.taken
    ]
    reasons += [
        LotNumberDelivered(
            pointer=f"/outputs/{index}/lot_number", lot_number=number, shipped_on=state.left[number.lower()]
        )
        for index, number in enumerate(numbers)
        if number.lower() in state.left
    ]
    for index, number in enumerate(numbers):
        reasons += number_refusals(state.by_number.get(number), number, f"/outputs/{index}/lot_number")
    return reasons + duplicate_refusals("/outputs", numbers)


def _form_refusals(contents: Sequence[PassportContent]) -> list[Refusal]:
    reasons: list[Refusal] = []
    for index, content in enumerate(contents):
        reasons += at(f"/outputs/{index}", malformed(content))
    return reasons


def _account(
    state: TransformState,
    argument: Transform,
    moment: Moment,
    custody: CustodyModel,
    inputs: tuple[Batch, ...],
    outputs: tuple[Batch, ...],
) -> tuple[list[Refusal], MassBalanceMoved | None]:
    method, days = argument.method, argument.balance_days
    if custody != "mass_balance":
        stated = method is not None or days is not None
        return ([MassBalanceMethodUnexpected(pointer="/method", custody=custody)] if stated else []), None
    if method is None or days is None:
        return [MassBalanceMethodMissing(pointer="/method")], None
    movement = Movement(
        transformation=argument.transformation,
        expires_at=moment.now + timedelta(days=days),
        method=method,
        inputs=inputs,
        outputs=outputs,
    )
    reasons, lines = move(movement, state.accounts)
    return reasons, _moved(argument, movement, lines)


def _moved(
    argument: Transform, movement: Movement, lines: tuple[MassBalanceLine, ...]
) -> MassBalanceMoved | None:
    if not lines:
        return None
    return MassBalanceMoved(
        facility=argument.facility,
        organisation=argument.caller.organisation,
        transformation=argument.transformation,
        expires_at=movement.expires_at,
        lines=lines,
    )


def _decision(
    state: TransformState,
    argument: Transform,
    owner: UUID,
    fact: PassportTransformed,
    contents: Sequence[PassportContent],
    moved: MassBalanceMoved | None,
) -> Decision:
    """The transformation in its lane, each of its passports in its own, the account in its facility's."""
    holder = argument.caller.organisation
    drafts = [_draft(argument.transformation, state.lanes, fact)]
    for part in argument.inputs:
        drawn = PassportDrawn(
            passport=part.passport, transformation=argument.transformation, net_wet_g=part.net_wet_g
        )
        drafts.append(passport_draft(part.passport, state.lanes, drawn))
    for made, content in zip(argument.outputs, contents, strict=True):
        issued = PassportIssued(
            passport=made.passport,
            organisation=holder,
            owner=owner,
            holder=holder,
            content=content,
            transformation=argument.transformation,
        )
        drafts.append(passport_draft(made.passport, state.lanes, issued))
    if moved is not None:
        drafts.append(_draft(argument.facility, state.lanes, moved))
    return Decision(drafts=tuple(drafts))


def _draft(key: UUID, lanes: int, fact: PassportTransformed | MassBalanceMoved) -> Draft:
    return Draft(stream="materials", lane=lane_of(str(key), lanes), subject=str(key), data=fact)


def _step(facility: Facility | None, argument: Transform) -> OriginShare | None:
    """Where the transformation's own stage took place; manufacturing is no stage of origin."""
    if facility is None or argument.stage == "manufacturing":
        return None
    return OriginShare(
        stage=argument.stage,
        country=facility.details.country,
        share_ppb=PPB,
        facility=facility.facility,
        strategic_project=facility.details.strategic_project is not None,
    )


def _content(
    made: MadeLot, facility: UUID, custody: CustodyModel, origin: tuple[OriginShare, ...]
) -> PassportContent:
    stated = {name: getattr(made, name) for name in made.__struct_fields__ if name != "passport"}
    return PassportContent(facility=facility, custody=custody, origin=origin, **stated)


def _batch(content: PassportContent, net_wet_g: int) -> Batch:
    return Batch(content=content, net_wet_g=net_wet_g, masses=contained(content, net_wet_g))


def _parts(passports: Sequence[UUID], batches: Sequence[Batch]) -> tuple[BatchPart, ...]:
    return tuple(
        BatchPart(passport=passport, net_wet_g=batch.net_wet_g, elements=shown(batch.masses))
        for passport, batch in zip(passports, batches, strict=True)
    )


def _kg(mass_g: int) -> str:
    return decimal_text(mass_g, GRAMS_PER_KG)


def _named(passport: UUID) -> str:
    return f"pass_{passport.hex}"
