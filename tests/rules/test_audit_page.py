"""The report as a page: what it says, that it stands alone, and that no text becomes markup."""

import re
from datetime import UTC, datetime
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from msgspec.structs import fields, replace

from events.party_events import LaneAnchor
from market.audit.lane_verdict import Divergence, LaneVerdict
from market.audit.page import page
from market.audit.report import (
    AuditReport,
    Cosigner,
    Made,
    Question,
    Recovery,
    decode_report,
    encode_report,
    lane_told,
    report_of,
    report_schema,
    verdict_told,
)
from market.pages import POLICY, STYLE, shown

HOSTILE = "\"><script>alert(1)</script>'<img src=x onerror=y>&lt;\x00\u202egnp.\u200b"
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
MADE = Made(
    software="lodestone 0", started_at=NOW, finished_at=NOW, elapsed_ms=1_500, records_read=28,
    records_per_second=18,
)  # fmt: skip


def lane(number: int, **changes: Any) -> LaneVerdict:
    whole: dict[str, Any] = {
        "stream": "market", "lane": number, "records": 28, "repeats": 0, "position": 28, "head": "ab" * 32,
        "expected_end": None, "end_proven": False, "divergence": None, "sealed": 20,
    }  # fmt: skip
    return LaneVerdict(**(whole | changes))


def divergence(text: str = "x") -> Divergence:
    return Divergence(
        stream="market", lane=1, position=8, offset=9, kind="clearing", sentence=text, event_id=UUID(int=1),
        event_type=text, field=text, recorded=text, expected=text,
    )  # fmt: skip


def recovery(text: str = "x") -> Recovery:
    return Recovery(
        event=UUID(int=2), time=NOW, organisation=UUID(int=7), republished=True, old_clusters=(text,),
        cluster=text, anchors=(LaneAnchor(stream="market", lane=1, position=28, head="ab" * 32, sealed=20),),
    )  # fmt: skip


def report(*lanes: LaneVerdict, text: str = "x", **changes: Any) -> AuditReport:
    made = report_of(
        lanes,
        [],
        deployment=UUID(int=7),
        deployment_given=True,
        cosigners=(Cosigner(name=text, key=text, sealed=20),),
        recoveries=(recovery(text),),
        asked=Question(cluster=text, topics=(text,), operator_key=text, first=text, last=text),
        run=replace(MADE, software=text),
    )
    return replace(made, **changes)


class Elements(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_page_says_what_was_checked_and_how_it_ended() -> None:
    text = Elements(page(report(lane(0), lane(1, sealed=28), lane(2, records=0, position=0, sealed=0)))).text
    for told in (
        "Verdict: nothing diverges; complete to checkpoint 48; tail of 8 unsealed events, no hole.",
        "checkpoint 20, tail of 8",
        "checkpoint 28, all of it",
        "2 of 3 lanes hold records",
        "28 records in 1.5 s, 18/s",
        "made anew from the journal on cluster x, before that x: 1 lane of market, 28 events, 20 under check",
        "ab" * 32,
        "name and accreditation",
    ):
        assert told in text


def test_a_divergence_is_told_with_both_values() -> None:
    found = Elements(page(report(lane(0), lane(1, divergence=divergence("price is 1, has to be 2"))))).text
    assert "1 lane of 2 diverges; first: price is 1, has to be 2" in found
    assert "DIVERGES at position 8" in found
    assert "The first divergence" in found
    assert "recorded" in found
    assert "has to be" in found


def test_recoveries_are_told_where_there_were_any() -> None:
    heading = "Recoveries of the record"
    assert heading in page(report(lane(0)))
    assert heading not in page(report(lane(0), recoveries=()))
    restored = replace(recovery(), republished=False, old_clusters=())
    told = "2026-03-02 09:00:00 UTC, topic from which a lost journal was taken back, on cluster x: "
    assert told in page(report(lane(0), recoveries=(restored,)))


def test_the_page_states_the_hash_of_its_own_report() -> None:
    of = report(lane(0))
    assert sha256(encode_report(of)).hexdigest() in page(of)
    assert of == decode_report(encode_report(of))


def test_a_report_of_a_version_before_is_read_and_its_page_keeps_the_hash_that_was_signed() -> None:
    of = report(lane(0), lane(1, divergence=divergence("price is 1, has to be 2")))
    kept = msgspec.json.decode(encode_report(of))
    for later in ("payments", "strangers", "former_rule"):
        del kept[later]
    for verdict in kept["lanes"]:
        del verdict["payments"], verdict["former_rule"]
    before = msgspec.json.encode(kept, order="sorted")
    assert of == decode_report(before)
    assert sha256(before).hexdigest() in page(decode_report(before), before)


@pytest.mark.parametrize("text", [HOSTILE, "</title></style><b>", "&#x3c;script&#x3e;"])
def test_no_text_becomes_markup(text: str) -> None:
    of = report(lane(0), lane(1, divergence=divergence(text), stream=text, head=text), text=text)
    whole, plain = page(of), Elements(page(report(lane(0), lane(1, divergence=divergence()))))
    hostile = Elements(whole)
    assert plain.tags == hostile.tags
    assert {name for name, _ in plain.attributes} == {name for name, _ in hostile.attributes}
    assert shown(text) in hostile.text
    assert not re.search("[\x00\u202e\u200b]", whole)


def test_nothing_is_loaded_from_elsewhere() -> None:
    whole = page(report(lane(0)))
    found = Elements(whole)
    assert not {"script", "link", "img", "iframe", "object", "base", "form", "a"} & found.tags
    assert not {"style", "src", "href", "onload"} & {name for name, _ in found.attributes}
    assert not re.search(r"url\(|@import|https?:|//[a-z]", whole)
    assert f"<style>{STYLE}</style>" in whole
    assert POLICY.startswith("default-src 'none'; style-src 'sha256-")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "checkpoint 20, tail of 8"),
        ({"sealed": 28}, "checkpoint 28, all of it"),
        ({"sealed": 0}, "no checkpoint yet"),
        ({"sealed": 0, "bounded": True}, "no checkpoint in range"),
        ({"sealed": 0, "position": 0, "records": 0}, "nothing in it"),
        ({"sealed": 0, "position": 0, "bounded": True}, "nothing in the range"),
        ({"sealed": 0, "first": 5}, "unknown: begins later"),
        ({"expected_end": 28, "end_proven": True}, "the expected end"),
        ({"divergence": divergence()}, "DIVERGES at position 8"),
    ],
)
def test_how_far_a_lane_is_complete_is_told_at_once(changes: dict[str, Any], told: str) -> None:
    assert told == lane_told(lane(0, **changes), keyed=True)
    assert "unknown: no key" == lane_told(lane(0, sealed=0), keyed=False)


def test_a_verdict_counts_the_lanes_that_diverge() -> None:
    both = report(lane(0, divergence=divergence("a")), lane(1, divergence=divergence("b")))
    assert "2 lanes of 2 diverge; first: a" == verdict_told(both)
    none = replace(report(lane(0)), diverged=True, first_divergence=divergence("heads"))
    assert "the checkpoints diverge; first: heads" == verdict_told(none)


def test_the_documentation_names_every_member_and_has_the_schema() -> None:
    docs = Path(__file__).parents[2] / "docs"
    told = (docs / "audit.md").read_text("utf-8")
    members = {field.name for of in (AuditReport, Question, Divergence) for field in fields(of)}
    hidden = {"event_id", "event_type", "market", "round"}
    assert set() == {name for name in members - hidden if f"`{name}`" not in told}
    assert report_schema() == (docs / "audit-report.schema.json").read_bytes()
