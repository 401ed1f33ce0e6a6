"""What a body is sent as, and whether it can be read: media type, charset, and that it is not packed."""

from email.message import Message
from typing import Final

from market.http.wire.problems import DoorError

READ: Final = frozenset({"utf-8", "utf8", "us-ascii", "ascii", ""})
"""Charsets of which the bytes are those of UTF-8."""

CHARACTERS_MAX: Final = 200
"""Of a Content-Type: a quote with thousands of semicolons takes seconds to read."""

_WHY: Final = {
    "application/merge-patch+json": " A member that is given is replaced whole, as an array is: members "
    "within it that are left out are gone, where a merge patch would keep them."
}


def media_type_of(content_type: str | None) -> str:
    """Without parameters."""
    return (content_type or "").partition(";")[0].strip().lower()


def check_media_type(content_type: str | None, coding: str | None, accepted: tuple[str, ...]) -> None:
    """DoorError `unsupported_media_type`: also of a charset that is not read, and of a packed body."""
    if coding is None and content_type in accepted:
        return
    coding = (coding or "identity").strip().lower()
    if coding != "identity":
        told = f"Send the body as it is, without the Content-Encoding {coding[:40]!r}."
        raise DoorError("unsupported_media_type", told, headers={"Accept-Encoding": "identity"})
    if len(content_type or "") > CHARACTERS_MAX:
        told = f"Send a Content-Type of at most {CHARACTERS_MAX} characters, such as {accepted[0]}."
        raise DoorError("unsupported_media_type", told, headers={"Accept": ", ".join(accepted)})
    if media_type_of(content_type) not in accepted:
        named = ", ".join(accepted)
        told = f"Send the body as {named}.{_WHY.get(media_type_of(content_type), '')}"
        raise DoorError("unsupported_media_type", told, headers={"Accept": named})
    charset = _charset_of(content_type or "") if _is_text(media_type_of(content_type)) else "utf-8"
    if charset not in READ:
        told = f"Send the body in UTF-8, not in the charset {charset[:40]!r}."
        raise DoorError("unsupported_media_type", told, headers={"Accept-Charset": "utf-8"})


def _is_text(media_type: str) -> bool:
    return media_type.startswith("text/") or media_type.endswith("json")


def _charset_of(content_type: str) -> str:
    if ";" not in content_type:
        return "utf-8"
    field = Message()
    field["content-type"] = content_type
    return field.get_content_charset("utf-8")
