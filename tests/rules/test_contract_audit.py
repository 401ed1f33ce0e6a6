"""An audit of a contracts lane: agreements fold, and what does not fit what came before is named."""

from collections.abc import Sequence
from uuid import UUID

from msgspec.structs import replace

from events.chain import genesis, next_head
from events.codec import encode_event
from events.contract_events import AgreementDrafted, AgreementSigned, OutputDeclared
from events.decision import LaneKey
from events.envelope import Fact, source_of
from market.lane_audit import LaneAudit, LaneRecord
from tests.contract_support import Paper
from tests.desk_support import LANE, MARKET, NOW, SELLER, numbered

DEPLOYMENT = UUID("0193a000-0000-7000-8000-000000000001")
KEY = LaneKey("contracts", LANE)


def audited(facts: Sequence[Fact]) -> tuple[str | None, int, str]:
    """Kind and position of the divergence, and its sentence."""
    audit = LaneAudit(KEY, DEPLOYMENT, lambda *_: ())
    head = genesis(DEPLOYMENT, *KEY)
    for place, fact in enumerate(facts):
        body = encode_event(
            event_id=numbered(place + 1),
            source=source_of(DEPLOYMENT),
            subject="x",
            time=NOW,
            lane=LANE,
            position=place + 1,
            cause="test",
            actor=SELLER,
            salt="0" * 32,
            data=fact,
        )
        head = next_head(head, body)
        audit.feed(LaneRecord(offset=place, body=body, chain=head.hex()))
    found = audit.verdict().divergence
    return (None, 0, "") if found is None else (found.kind, found.position, found.sentence)


def test_an_agreement_from_draft_to_extension_is_taken() -> None:
    paper = Paper().effective().extend("buyer")
    volume = OutputDeclared(market=MARKET, agreement=paper.stands.agreement, year=1, output_g=1)
    assert (None, 0, "") == audited([*paper.facts, volume])


def test_a_step_of_an_agreement_that_was_never_drafted_is_named() -> None:
    paper = Paper().effective()
    rest = [fact for fact in paper.facts if not isinstance(fact, AgreementDrafted)]
    kind, position, sentence = audited(rest)
    assert ("fold", 1) == (kind, position)
    assert "never drafted" in sentence
    volume = OutputDeclared(market=MARKET, agreement=paper.stands.agreement, year=1, output_g=1)
    assert ("fold", 1) == audited([volume])[:2]


def test_a_signature_on_other_terms_is_named() -> None:
    facts = Paper().draft().sign("buyer").facts
    signed = facts[-1]
    assert isinstance(signed, AgreementSigned)
    kind, position, sentence = audited([*facts[:-1], replace(signed, terms_sha256="0" * 64)])
    assert ("fold", 2) == (kind, position)
    assert "not those signed" in sentence


def test_a_signature_on_what_is_not_on_the_table_is_named() -> None:
    paper = Paper().draft().sign("buyer")
    signed = paper.facts[-1]
    assert isinstance(signed, AgreementSigned)
    assert "not on the table" in audited([*paper.facts, replace(signed, proposal=2)])[2]
