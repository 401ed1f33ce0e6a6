"""Lanes of lots that were made before paths were kept: read, chained and audited as they were written."""

from pathlib import Path
from uuid import UUID

from msgspec import UNSET
from msgspec.structs import replace

from events.chain import genesis, next_head
from events.codec import decode_event, encode_event
from events.envelope import Recorded, source_of
from events.facts import PassportFact
from events.material_events import PassportIssued
from events.origin_terms import StepShare
from events.vocabulary import MICRO
from market.audit.lane_audit import LaneRecord
from market.rules.passport import Passport, fold
from market.rules.stage_paths import steps_told
from tests.blotter import DEPLOYMENT
from tests.desk_support import LANES, SELLER_SITE, SELLER_TRADER, moment, numbered
from tests.material_lanes import Lanes, MaterialLanes, audited
from tests.passport_support import made, transform

LINES = (Path(__file__).parent / "lots_without_paths.txt").read_text().splitlines()
ALLOY, AGAIN = numbered(961), numbered(965)


def events() -> list[Recorded]:
    """In the order of their lanes."""
    heads = {lane: genesis(DEPLOYMENT, "materials", lane) for lane in range(LANES)}
    found = []
    for line in LINES:
        lane, chain, body = line.split(" ", 2)
        heads[int(lane)] = next_head(heads[int(lane)], body.encode())
        assert chain == heads[int(lane)].hex()
        found.append(decode_event(body.encode(), heads[int(lane)]))
    return found


def records() -> Lanes:
    lanes: Lanes = {lane: [] for lane in range(LANES)}
    for event in events():
        lanes[event.lane].append(
            LaneRecord(offset=len(lanes[event.lane]), body=event.body, chain=event.chain.hex())
        )
    return lanes


def test_they_are_written_again_as_they_were() -> None:
    for event in events():
        again = encode_event(
            event_id=event.id,
            source=source_of(DEPLOYMENT),
            subject=event.subject,
            time=event.time,
            lane=event.lane,
            position=event.position,
            cause=event.cause,
            actor=event.actor,
            salt=event.salt,
            data=event.data,
        )
        assert event.body == again
    issued = [event.data for event in events() if isinstance(event.data, PassportIssued)]
    assert [UNSET] * 3 == [each.content.paths for each in issued]


def test_an_audit_takes_them_as_they_are() -> None:
    found = audited(records())
    assert (None, []) == (found.first, found.open)


def test_what_is_made_of_them_says_that_nobody_tells_all_of_it() -> None:
    passports: dict[UUID, Passport] = {}
    for event in sorted(events(), key=lambda each: each.time):
        if isinstance(event.data, PassportFact):
            subject = event.data.passport
            passports[subject] = fold(passports.get(subject), event, event.data)
    alloy = passports[ALLOY]
    steps = [step for step in steps_told(alloy) or () if step.stage == "processing"]
    assert [
        StepShare(stage="processing", country=None, share_ppm=MICRO),
        StepShare(stage="processing", country="FR", form="strip_cast_alloy", share_ppm=MICRO),
    ] == steps
    ledger = MaterialLanes()
    ledger.passports[ALLOY] = alloy
    argument = transform(
        SELLER_TRADER,
        numbered(966),
        SELLER_SITE,
        [(ALLOY, 400_000)],
        [made(AGAIN, "AL-2", form="magnet_powder", net_wet_g=400_000)],
    )
    ledger.transform(replace(argument, tells_paths=True), moment())
    (part,) = [each for each in ledger.passports[AGAIN].content.paths or () if each.stage == "processing"]
    assert ([("strip_cast_alloy", "FR"), ("magnet_powder", "FR")], True) == (
        [(step.form, step.country) for step in part.steps],
        part.untold,
    )
