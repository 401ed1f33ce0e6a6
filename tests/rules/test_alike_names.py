"""Names that cannot be told apart by reading them."""

import pytest

from market.rules.parties.alike_names import reading_of


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
    ],
)
def test_what_reads_the_same_is_alike(other: str) -> None:
    assert reading_of("B1-DE") == reading_of(other)


@pytest.mark.parametrize("other", ["B2-DE", "B1-DE AG", "B1", "\u041d1-DE"])
def test_what_reads_otherwise_is_not(other: str) -> None:
    assert reading_of("B1-DE") != reading_of(other)
