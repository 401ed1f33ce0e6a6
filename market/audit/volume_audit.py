"""Checks declared volumes from their records; those of an organisation are complete in one lane."""

from events.envelope import Recorded
from events.facts import DeclaredVolumeFact
from events.material_events import VolumeDeclared, VolumeWithdrawn
from market.audit.asked_again import asked_again
from market.audit.fact_faults import FactFault
from market.audit.material_shelf import MaterialShelf
from market.rules.clearing.differences import Difference
from market.rules.crma.declared_volumes import DeclaredVolume, VolumeState, fold
from market.rules.materials_remade import ANY_LANES, declared_again


def follow_volume(shelf: MaterialShelf, event: Recorded, fact: DeclaredVolumeFact) -> FactFault | None:
    """That the goods were not traded here, other streams say."""
    lane = shelf.lane_of_volumes(fact.organisation)
    if lane not in (None, event.lane):
        difference = Difference("lane", str(event.lane), str(lane))
        return FactFault(kind="fold", told="is not in its organisation's lane", difference=difference)
    before = shelf.volume(fact.volume)
    fault = _unlike_before(before, fact)
    if fault is None:
        state = _state(shelf, before, fact)
        fault = asked_again(lambda: declared_again(state, event, fact), event)
    if fault is None:
        shelf.keep_volume(event.lane, fold(before, event, fact))
    return fault


def _state(shelf: MaterialShelf, before: DeclaredVolume | None, fact: DeclaredVolumeFact) -> VolumeState:
    if isinstance(fact, VolumeWithdrawn):
        return VolumeState(lanes=ANY_LANES, volume=before)
    others, of_quarter = shelf.volumes_alike(fact.organisation, fact.volume, fact.terms)
    return VolumeState(lanes=ANY_LANES, volume=before, others=others, of_quarter=of_quarter)


def _unlike_before(before: DeclaredVolume | None, fact: DeclaredVolumeFact) -> FactFault | None:
    first = isinstance(fact, VolumeDeclared)
    if first == (before is None):
        return None
    told = "declares a volume again" if first else "is of a volume that was never declared"
    expected = "one that was not declared" if first else "one that was declared"
    difference = Difference("volume", str(fact.volume), expected)
    return FactFault(kind="fold", told=told, difference=difference)
