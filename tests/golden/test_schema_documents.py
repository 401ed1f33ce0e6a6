"""Generated contracts are committed, current, and never break their readers."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Annotated, Any, Literal

import jsonschema_rs
import msgspec
import pytest
from msgspec import Meta, Struct

from events import schema_documents
from events.catalog import FACT_TYPES
from events.schema_compatibility import breaking_changes
from events.schema_documents import BreakingChange, asyncapi, documents, event_schema, refusals, stale, write


def test_the_committed_documents_are_current() -> None:
    assert () == stale(documents()), "run make schemas"


def test_no_published_version_has_changed() -> None:
    assert () == refusals()


@pytest.mark.parametrize("name", FACT_TYPES)
def test_each_schema_is_a_valid_schema(name: str) -> None:
    jsonschema_rs.meta.validate(event_schema(name))


def references(document: Any) -> set[str]:
    if isinstance(document, dict):
        own = {document["$ref"]} if isinstance(document.get("$ref"), str) else set()
        return own.union(*(references(part) for part in document.values()))
    if isinstance(document, list):
        return set().union(*(references(part) for part in document))
    return set()


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    document = asyncapi()
    for reference in references(document):
        found = document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
        assert isinstance(found, dict)
    named = {name for channel in document["channels"].values() for name in channel["messages"]}
    heads = {"audit.checkpoint.signed.v1", "audit.checkpoint.cosigned.v1", "audit.key.rotated.v1"}
    assert {*FACT_TYPES, *heads} == named == set(document["components"]["messages"])
    assert heads == set(document["channels"]["audit.checkpoints.v1"]["messages"])


class Inner(Struct, kw_only=True, frozen=True):
    size: Annotated[int, Meta(ge=0, le=10)]


class Before(Struct, kw_only=True):
    name: Annotated[str, Meta(min_length=1, max_length=8)]
    side: Literal["buyer", "seller"]
    inner: tuple[Inner, ...]
    choice: Inner | None = None
    count: int = 3


def schema_of(**changes: Any) -> dict[str, Any]:
    """The schema of Before with fields replaced, added, or (None) left out."""
    fields: dict[str, Any] = {
        "name": (Annotated[str, Meta(min_length=1, max_length=8)],),
        "side": (Literal["buyer", "seller"],),
        "inner": (tuple[Inner, ...],),
        "choice": (Inner | None, None),
        "count": (int, 3),
    }
    fields |= changes
    kept = [(name, *rest) for name, rest in fields.items() if rest is not None]
    made = msgspec.defstruct("Before", kept, kw_only=True)
    return msgspec.json.schema(made)


class Wider(Struct, kw_only=True):
    size: Annotated[int, Meta(ge=-5, le=100)]


class Narrower(Struct, kw_only=True):
    size: Annotated[int, Meta(ge=1, le=10)]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"name": None}, "$.name: removed"),
        ({"label": (str,)}, "$.label: newly required"),
        ({"count": (int,)}, "$.count: newly required"),
        ({"name": (int,)}, "$.name: type 'string' became 'integer'"),
        ({"side": (Literal["buyer"],)}, "$.side: values ['seller'] are not taken any more"),
        ({"side": (str,)}, "$.side: any value may stand where one of ['buyer', 'seller'] stood"),
        (
            {"name": (Annotated[str, Meta(min_length=2, max_length=8)],)},
            "$.name: minLength 1 became 2",
        ),
        (
            {"name": (Annotated[str, Meta(min_length=1, max_length=7)],)},
            "$.name: maxLength 8 became 7",
        ),
        (
            {"name": (Annotated[str, Meta(min_length=1, max_length=8, pattern="^a")],)},
            "$.name: pattern None became '^a'",
        ),
        ({"inner": (tuple[Narrower, ...],)}, "$.inner[].size: minimum 0 became 1"),
        ({"choice": (Inner, Inner(size=1))}, "$.choice: null is not taken any more"),
        ({"count": (int, 4)}, "$.count: default 3 became 4"),
        ({"side": (Literal["buyer", "seller"], "buyer")}, "$.side: required before, optional now"),
    ],
)
def test_breaking_changes_are_told(changes: dict[str, Any], told: str) -> None:
    found = breaking_changes(msgspec.json.schema(Before), schema_of(**changes))
    assert told in [change.split(" (")[0] for change in found]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"added": (str, "x")},
        {"added": (Inner | None, None)},
        {"side": (Literal["buyer", "seller", "broker"],)},
        {"name": (Annotated[str, Meta(max_length=9)],)},
        {"inner": (tuple[Wider, ...],)},
        {"choice": (Wider | None, None)},
    ],
)
def test_additions_are_taken(changes: dict[str, Any]) -> None:
    assert () == breaking_changes(msgspec.json.schema(Before), schema_of(**changes))


@pytest.mark.parametrize("name", FACT_TYPES)
def test_every_removed_member_of_a_real_event_is_told(name: str) -> None:
    now = event_schema(name)
    definition = now["properties"]["data"]["$ref"].removeprefix("#/$defs/")
    for member in now["$defs"][definition]["properties"]:
        changed = deepcopy(now)
        del changed["$defs"][definition]["properties"][member]
        assert any(f"$.data.{member}: removed" == change for change in breaking_changes(now, changed))


def test_nothing_is_written_over_a_published_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema_documents, "FOLDER", tmp_path)
    monkeypatch.setattr(schema_documents, "PAGE", tmp_path / "events.md")
    assert len(FACT_TYPES) + 2 == len(write(tmp_path))
    assert () == write(tmp_path)
    published = tmp_path / "market.match.answered.v1.json"
    schema = json.loads(published.read_text("utf-8"))
    schema["$defs"]["MatchAnswered"]["properties"]["answer"]["enum"].append("postponed")
    published.write_text(json.dumps(schema), "utf-8")
    (tmp_path / "market.match.forgotten.v1.json").write_text("{}", "utf-8")
    with pytest.raises(BreakingChange) as broken:
        write(tmp_path)
    assert [
        "market.match.answered.v1: $.data.answer: values ['postponed'] are not taken any more",
        "market.match.forgotten.v1: removed; old events could not be read any more",
    ] == str(broken.value).splitlines()
    assert json.loads(published.read_text("utf-8")) == schema
