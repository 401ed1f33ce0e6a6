"""An Accept header is read as RFC 9110 has it: by quality, then by how exact it is, then in its order."""

import pytest

from market.http.streams.feed import BATCH, EVENT_STREAM, KINDS, LINES
from market.http.wire.accepting import accepted
from market.http.wire.sheets import MEDIA_TYPES


@pytest.mark.parametrize(
    ("header", "shape"),
    [
        (None, "json"),
        ("", "json"),
        ("*/*", "json"),
        ("application/*", "json"),
        ("image/svg+xml", "svg"),
        ("image/*", "svg"),
        ("TEXT/HTML", "html"),
        ("text/plain, text/csv;q=0.5", "csv"),
        ("application/json, text/html", "json"),
        ("text/html, application/json", "html"),
        ("text/html;q=0.9, application/json", "json"),
        ("text/html;q=0.9, application/json; q=0.900", "html"),
        ("text/html;level=1;q=0.2, text/csv;q=0.3", "csv"),
        ("text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", "html"),
        ("*/*;q=0.1, text/csv", "csv"),
        ("*/*, application/json;q=0", "csv"),
        ("text/*;q=0.5, text/csv;q=0.1", "html"),
        ("application/json;q=0", "json"),
        ("text/plain", "json"),
        ("text/html;q=2, application/json", "html"),
        ("text/html;q=0.33333, application/json;q=0.9", "json"),
        ("text/html;q=.2, text/csv;q=.9", "csv"),
        ("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", "html"),
        ("*/*;q=.2, text/csv;q=1.0000", "csv"),
        ("text/html;q=, text/csv;q=0.9", "html"),
        ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet, */*", "xlsx"),
        (", ;q=1, text/csv", "csv"),
        (", " * 70_000 + "text/csv", "json"),
    ],
)
def test_what_is_wanted_most_is_answered(header: str | None, shape: str) -> None:
    assert shape == accepted(header, MEDIA_TYPES)


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        (None, BATCH),
        ("application/json", BATCH),
        ("application/json, text/event-stream", EVENT_STREAM),
        (f"{BATCH}, {EVENT_STREAM}", BATCH),
        (f"{BATCH}, {EVENT_STREAM};q=0.5, {LINES};q=0.1", BATCH),
        (f"{BATCH};q=0.5, {LINES}, application/problem+json", LINES),
        ("application/*, text/*", BATCH),
        ("text/*, */*;q=0.1", EVENT_STREAM),
        ("x-text/event-stream", BATCH),
    ],
)
def test_the_feed_is_answered_as_it_is_asked_for(header: str | None, kind: str) -> None:
    assert kind == accepted(header, KINDS)
