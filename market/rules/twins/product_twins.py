"""Product twins: state one or a further version; compare its bill of magnets with a passport's."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from uuid import UUID

from msgspec import Struct

from events.analytes import element_meant_by
from events.callers import Caller, role_refusals
from events.decision import Decision, Moment
from events.envelope import Draft, Recorded
from events.forecast_terms import ProductMagnet
from events.fractions import decimal_text
from events.material_events import ProductTwinStated
from events.passport_terms import Magnet
from events.refusal import NoChange, Refusal, VersionStale, refuse
from events.rex_terms import CoreMagnet
from events.twin_terms import ProductTwinTerms, TwinMagnet
from events.vocabulary import ELEMENTS, TWIN_VERSIONS_MAX, Position, TwinVersion, lane_of
from events.wellformed import duplicate_refusals, malformed
from market.rules.element_masses import MG_PER_G
from market.rules.refusing.material_defects import ElementUnknown
from market.rules.refusing.passport_refusals import PassportUnknown
from market.rules.refusing.twin_defects import BillNotOfRecord, RecordMissing, TwinAbsent, TwinVersionsUsed
from market.rules.twins.magnet_shares import share_refusals

Bill = Mapping[int, int]
"""Pieces by milligrams of one."""


class ProductTwin(Struct, frozen=True, kw_only=True):
    """A version of a twin, stated at this position of its lane."""

    twin: UUID
    organisation: UUID
    version: TwinVersion
    position: Position
    terms: ProductTwinTerms


class TwinState(Struct, frozen=True, kw_only=True):
    """`twin`: its newest version. `record`: the magnets of the passport that is named, empty where it has
    none; None: the caller has no access to such a passport. `recorded`: in an audit of an older event, whose
    shares were only checked by their lower bounds."""

    lanes: int
    twin: ProductTwin | None
    record: Bill | None = None
    recorded: bool = False


class StateTwin(Struct, frozen=True, kw_only=True):
    """`expected_version` 0: a new one. The id is an argument because it names the lane."""

    caller: Caller
    twin: UUID
    expected_version: int
    terms: ProductTwinTerms


def state_twin(state: TwinState, argument: StateTwin, moment: Moment) -> Decision:
    """The next version, whole: a forecast that rests on an earlier one stays. Raises Refusals."""
    del moment
    terms, organisation = argument.terms, argument.caller.organisation
    before = _standing(state.twin, argument)
    refuse(role_refusals(argument.caller, "trader", "compliance") + malformed(terms))
    reasons = [
        *_content_refusals(terms.magnets),
        *share_refusals(terms.magnets, "/magnets", at_least=state.recorded),
        *_record_refusals(terms, state.record),
    ]
    if before is not None and before.terms == terms:
        reasons.append(NoChange())
    refuse(reasons)
    fact = ProductTwinStated(
        twin=argument.twin,
        organisation=organisation,
        version=argument.expected_version + 1,
        terms=terms,
    )
    lane = lane_of(str(argument.twin), state.lanes)
    return Decision(drafts=(Draft(stream="materials", lane=lane, subject=str(argument.twin), data=fact),))


def stated(event: Recorded, fact: ProductTwinStated) -> ProductTwin:
    return ProductTwin(
        twin=fact.twin,
        organisation=fact.organisation,
        version=fact.version,
        position=event.position,
        terms=fact.terms,
    )


def bill_of(magnets: Iterable[CoreMagnet | Magnet | ProductMagnet]) -> Bill:
    found: Counter[int] = Counter()
    for magnet in magnets:
        found[magnet.mass_mg] += magnet.pieces
    return found


def magnets_mg(bill: Bill) -> int:
    """Of one unit."""
    return sum(pieces * mass_mg for mass_mg, pieces in bill.items())


def _standing(twin: ProductTwin | None, argument: StateTwin) -> ProductTwin | None:
    """What the version follows on, for who keeps the twin. Raises Refusals."""
    if argument.expected_version == 0:
        assert twin is None, "a new twin has a new id"
        return None
    if twin is None or twin.organisation != argument.caller.organisation:
        raise TwinAbsent
    if twin.version != argument.expected_version:
        raise VersionStale(expected=argument.expected_version, current=twin.version)
    if twin.version == TWIN_VERSIONS_MAX:
        raise TwinVersionsUsed(most=TWIN_VERSIONS_MAX)
    return twin


def _content_refusals(magnets: tuple[TwinMagnet, ...]) -> Iterator[Refusal]:
    for line, magnet in enumerate(magnets):
        elements = [each.element for each in magnet.elements]
        pointer = f"/magnets/{line}/elements"
        yield from duplicate_refusals(pointer, elements)
        for index, element in enumerate(elements):
            if element not in ELEMENTS:
                yield ElementUnknown(
                    pointer=f"{pointer}/{index}/element", element=element, meant=element_meant_by(element)
                )


def _record_refusals(terms: ProductTwinTerms, record: Bill | None) -> Iterator[Refusal]:
    """Whoever names a passport says that the twin is of that product: piece by piece."""
    if terms.passport is None:
        return
    if record is None:
        yield PassportUnknown(pointer="/passport")
    elif not record:
        yield RecordMissing(pointer="/passport")
    elif record != (bill := bill_of(terms.magnets)):
        yield BillNotOfRecord(pointer="/magnets", bill=bill_text(bill), record=bill_text(record))


def bill_text(bill: Bill) -> str:
    parts = [f"{pieces} x {g_text(mass_mg)}" for mass_mg, pieces in sorted(bill.items(), reverse=True)]
    return f"{' + '.join(parts)} = {g_text(magnets_mg(bill))}"


def g_text(mg: int) -> str:
    return f"{decimal_text(mg, MG_PER_G)} g"
