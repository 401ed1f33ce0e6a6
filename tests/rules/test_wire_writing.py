"""What is written by type is, byte for byte, what a look at every name of the JSON makes of it."""

from typing import Any
from uuid import UUID

import msgspec
import pytest
from msgspec import UNSET, Struct, UnsetType

from events.catalog import FACT_TYPES, LIFTS
from market.rules.streams.wire_units import PARTNER_UNITS, PUBLIC_UNITS, Units, in_units
from market.rules.streams.wire_writing import encoded, encoded_at
from market.rules.viewers import Band, OrganisationViewer, PublicViewer
from market.rules.visibility.record_visibility import audience_of, see_event
from tests.rules.test_record_visibility import KEY, before, events_of
from tests.rules.test_visibility import crowd, finish

TYPES = sorted(name for name in FACT_TYPES if name not in LIFTS)
encode = msgspec.json.Encoder(order="deterministic").encode


def by_name(value: Struct, units: Units, **further: int) -> bytes:
    members = in_units(msgspec.to_builtins(value), units)
    members.pop("topic", None)
    return encode(members | further)


@pytest.mark.parametrize("name", TYPES)
def test_what_is_seen_of_every_fact(name: str) -> None:
    lane = before()
    for event in events_of(name):
        audience = audience_of(event, lane)
        viewers = [UUID(int=0)] if isinstance(audience, str) else sorted(audience)
        for each in viewers:
            value = see_event(event, OrganisationViewer(organisation=each), lane)
            assert value is not None
            assert by_name(value, PARTNER_UNITS) == encoded(value, PARTNER_UNITS)
            assert by_name(value, PUBLIC_UNITS) == encoded(value, PUBLIC_UNITS)


def test_every_line_of_the_tape() -> None:
    lane = crowd()
    finish(lane)
    lines = [line for line in lane.seen(PublicViewer(key=KEY)) if line is not None]
    assert len({type(line) for line in lines}) == 5
    for line in lines:
        assert by_name(line, PUBLIC_UNITS) == encoded(line, PUBLIC_UNITS)
        assert by_name(line, PUBLIC_UNITS, sequence=7) == encoded_at(7, line, PUBLIC_UNITS)


class Part(Struct, frozen=True, kw_only=True, tag="part"):
    mass_g: int
    share_ppb: int | None = None
    note: str | UnsetType = UNSET


class Usual(Struct, frozen=True, kw_only=True, omit_defaults=True):
    mass_g: int = 0
    step_ueur_per_kg: int = 0


class Price(Struct, frozen=True, kw_only=True):
    """Every way in which a member may be there or not."""

    topic: str = "never told"
    cents_eur: int | None
    band_g: Band | None
    steps_ueur_per_kg: tuple[int, ...]
    by_lot_g: dict[str, int]
    inputs: Part | None
    parts: tuple[Part | None, ...]
    rows: list[Part]
    usual: Usual
    ends_ppb: int | UnsetType | None = UNSET
    ahead: bool | UnsetType = UNSET
    kept_g_per_kg: int = 3


@pytest.mark.parametrize("units", [PARTNER_UNITS, PUBLIC_UNITS])
@pytest.mark.parametrize("figure", [None, 0, 7, -70, 1_500, 10**12])
@pytest.mark.parametrize("maybe", [UNSET, None, True])
def test_what_may_be_null_or_missing_is_as_in_its_json(units: Units, figure: int | None, maybe: Any) -> None:
    part = Part(mass_g=figure or 1, share_ppb=figure, note=UNSET if maybe is None else "g")
    price = Price(
        cents_eur=figure,
        band_g=None if figure is None else Band(low=figure, high=figure + 1),
        steps_ueur_per_kg=(1, 1_000_000),
        by_lot_g={"lot_g": 2},
        inputs=part if figure else None,
        parts=(part, None),
        rows=[part],
        usual=Usual(mass_g=figure or 0),
        ends_ppb=UNSET if maybe is UNSET else figure,
        ahead=True if maybe else UNSET,
    )
    assert by_name(price, units) == encoded(price, units)
    usual = Usual(step_ueur_per_kg=figure or 0)
    assert by_name(usual, units, sequence=7) == encoded_at(7, usual, units)
