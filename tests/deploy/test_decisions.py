"""The index of decisions lists every record once."""

import re
from pathlib import Path

DECISIONS = Path(__file__).parents[2] / "docs" / "decisions"


def test_the_index_lists_every_record_once_by_its_number() -> None:
    index = (DECISIONS / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| \[(\d{4})\]\((\S+)\)", index, re.MULTILINE)
    assert sorted((path.name[:4], path.name) for path in DECISIONS.glob("[0-9]*.md")) == sorted(listed)
