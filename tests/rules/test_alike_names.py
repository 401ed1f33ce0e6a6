"""Names that cannot be told apart by reading them."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from msgspec.structs import replace

from market.rules.parties.alike_names import alike, reading_of
from market.rules.parties.parties import Organisation


@pytest.mark.parametrize(
    "other",
    [
        "b1-de",
        "B1 DE",
        "B1\u2011DE",
        "Bl-DE",
        "BI.DE",
        "\u0412l-D\u0415",
        "\u0392\u0399-D\u0395",
        "\uff22\uff11-\uff24\uff25",
        "B1-D\u00c9",
        "B1-\u0110E",
    ],
)
def test_what_reads_the_same_is_alike(other: str) -> None:
    assert reading_of("B1-DE") == reading_of(other)


@pytest.mark.parametrize("other", ["B2-DE", "B1-DE AG", "B1", "\u041d1-DE"])
def test_what_reads_otherwise_is_not(other: str) -> None:
    assert reading_of("B1-DE") != reading_of(other)


def test_names_without_a_letter_are_like_none() -> None:
    dashes = Organisation(
        organisation=UUID(int=1),
        name="---",
        country="FR",
        roles=(),
        group=UUID(int=1),
        initiatives=(),
        sanctions_screened_until=datetime(2027, 1, 1, tzinfo=UTC),
        version=1,
    )
    assert [] == list(alike(UUID(int=2), "!!!", [dashes]))
    lettered = replace(dashes, name="b-1")
    assert [lettered] == list(alike(UUID(int=2), "B1", [dashes, lettered]))
