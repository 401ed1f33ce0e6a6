"""Advisory locks of PostgreSQL are numbers of a whole database: two of one number wait for each other."""

import re
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]

NUMBERED = re.compile(r"^([A-Z_]*LOCK)(?:: Final)? = (0x[0-9A-Fa-f]+)$", re.MULTILINE)


def test_no_two_locks_are_one() -> None:
    found = {
        f"{path.relative_to(CHECKOUT)} {name}": int(number, 16)
        for package in ("events", "market", "contracts")
        for path in (CHECKOUT / package).rglob("*.py")
        for name, number in NUMBERED.findall(path.read_text())
    }
    assert 6 <= len(found)
    assert len(found) == len(set(found.values())), found
