"""Words of a body: what a name may be of."""

import msgspec
import pytest

from market.rules.refusing.wording import Name


@pytest.mark.parametrize(
    "name",
    [
        "H",
        "Håkan & Søn ApS",
        "Ha\u030akan",
        "\u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "\U0001f468\u200d\U0001f52c Labs",
        "\u2764\ufe0f",
        "磁石 株式会社",
    ],
)
def test_a_name_is_of_any_script(name: str) -> None:
    assert name == msgspec.convert(name, Name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        " \u00a0\u3000",
        "\u200d",
        "\u200c\u200d ",
        "\ufe0f",
        "\u2800",
        "\u3164",
        "A\u00adG",
        "A\u061cG",
        "A\u180eG",
        "A\u200fG",
        "A\u202eG",
        "A\u2066G",
        "AG\n",
        "A\x00G",
        "A" * 201,
    ],
)
def test_a_name_is_seen_and_turns_no_writing_around(name: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(name, Name)
