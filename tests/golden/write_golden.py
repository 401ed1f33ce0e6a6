"""Adds bytes of event versions without any, changes no file: `python -m tests.golden.write_golden`."""

import sys
from pathlib import Path

from events.catalog import FACT_TYPES
from tests.golden.samples import sample_bodies

FOLDER = Path(__file__).parent / "events"


def write_golden() -> list[str]:
    """Names of the files added. A type with any golden bytes is left alone."""
    added = []
    FOLDER.mkdir(exist_ok=True)
    for name in FACT_TYPES:
        if list(FOLDER.glob(f"{name}.*.json")):
            continue
        for number, body in enumerate(sample_bodies(name)):
            path = FOLDER / f"{name}.{number}.json"
            path.write_bytes(body)
            added.append(path.name)
    return added


if __name__ == "__main__":
    sys.stdout.write(f"{len(write_golden())} added\n")
