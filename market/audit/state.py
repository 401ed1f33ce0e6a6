"""The progress of an audit in one SQLite file: it can continue from each commit.

The lanes' progress and the shelf are in one file, so that a killed process leaves the last commit of both.
Without a path, the file is temporary, starts in memory and disappears with the process.
"""

import sqlite3
import time
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from events.decision import LaneKey
from events.faults import crash_point
from market.audit.lane_verdict import Bounds
from market.audit.report import Mode

APPLICATION_ID: Final = 0x4C445341
CACHE_KIB: Final = 65_536
SAVE_SECONDS_MIN: Final = 5.0
SAVING_SHARE: Final = 20
"""Saving takes a twentieth of the time at most."""

SCHEMA: Final = """
create table if not exists audit (only integer primary key check (only = 1), purpose blob);
create table if not exists lane (
    stream text, lane int, next_offset int, last_sha256 blob, body blob, primary key (stream, lane)
) without rowid;
"""


def format_of(kept: type[Struct]) -> str:
    """What is kept of a lane, by its shape: another version's cannot be read."""
    shape = msgspec.json.encode(msgspec.json.schema(kept), order="deterministic")
    return sha256(shape).hexdigest()[:16]


class StateError(RuntimeError):
    """The state file cannot be used for this audit: one sentence that says why."""


class Purpose(Struct, frozen=True, kw_only=True):
    """What a state belongs to; an audit of anything else does not go on from it."""

    format: str
    cluster: str
    prefix: str
    deployment: str
    mode: Mode
    resolve: bool
    processes: int
    lanes: dict[str, Bounds]


NAMES: Final[Mapping[str, str]] = {
    "mode": "in another mode",
    "format": "by another version of lodestone",
    "cluster": "of another Kafka cluster",
    "prefix": "of topics with another prefix",
    "deployment": "of another deployment",
    "resolve": "of rounds that were proved in another way",
    "processes": "in another number of processes",
    "lanes": "of other lanes or another range",
}


class LanePlace(Struct, frozen=True, kw_only=True):
    """Where a lane is read on: `last_sha256` is of the record before `next_offset`."""

    next_offset: int
    last_sha256: bytes
    body: bytes


class AuditState:
    """One for the lanes of one process."""

    def __init__(self, path: Path | None, save_seconds: float = SAVE_SECONDS_MIN) -> None:
        """StateError when there is a file that is no state of an audit, or that another audit uses."""
        self.path = path
        self._save_seconds = save_seconds
        self._save_at = time.monotonic() + save_seconds
        try:
            self.connection = sqlite3.connect("" if path is None else path, isolation_level=None, timeout=0)
        except sqlite3.OperationalError as error:
            raise StateError(f"{path} cannot be opened: {error}") from error
        try:
            self._open()
        except sqlite3.DatabaseError as error:
            self.connection.close()
            raise StateError(f"{path} {_fault(error)}") from error

    def _open(self) -> None:
        execute = self.connection.execute
        execute(f"pragma cache_size = -{CACHE_KIB}")
        if self.path is None:
            execute("pragma journal_mode = off")
            execute("pragma synchronous = off")
        else:
            execute("pragma locking_mode = exclusive")
            execute("pragma synchronous = full")
        execute("begin immediate")
        (empty,) = execute("select count(*) = 0 from sqlite_master").fetchone()
        if not empty and execute("pragma application_id").fetchone() != (APPLICATION_ID,):
            raise sqlite3.DatabaseError("another program's file")
        execute(f"pragma application_id = {APPLICATION_ID}")
        for statement in SCHEMA.split(";"):
            execute(statement)

    def close(self) -> None:
        """Closes the file; unsaved progress is lost."""
        self.connection.close()

    def require(self, purpose: Purpose) -> None:
        """StateError when what the file holds is another audit's; an empty one is this one's from now on."""
        row = self.connection.execute("select purpose from audit").fetchone()
        if row is None:
            self.connection.execute("insert into audit values (1, ?)", (msgspec.json.encode(purpose),))
            return
        kept, wanted = msgspec.json.decode(row[0]), msgspec.to_builtins(purpose)
        for name, told in NAMES.items():
            if kept.get(name) != wanted[name]:
                raise StateError(f"{self.path} is the state of an audit {told}; another file begins anew")

    def place(self, key: LaneKey) -> LanePlace | None:
        """None for a lane that was not read yet."""
        query = "select next_offset, last_sha256, body from lane where stream = ? and lane = ?"
        row = self.connection.execute(query, key).fetchone()
        return None if row is None else LanePlace(next_offset=row[0], last_sha256=row[1], body=row[2])

    @property
    def due(self) -> bool:
        """Whether it is time to save."""
        return self.path is not None and time.monotonic() >= self._save_at

    def save(self, places: Mapping[LaneKey, LanePlace]) -> None:
        """These lanes, and whatever was put into the file since the last time, in one step."""
        if self.path is None:
            return
        began = time.monotonic()
        self.connection.executemany(
            "insert or replace into lane values (?, ?, ?, ?, ?)",
            [(*key, at.next_offset, at.last_sha256, at.body) for key, at in places.items()],
        )
        self.connection.execute("commit")
        crash_point("audit-saved")
        self.connection.execute("begin immediate")
        ended = time.monotonic()
        self._save_at = ended + max(self._save_seconds, SAVING_SHARE * (ended - began))


def _fault(error: sqlite3.DatabaseError) -> str:
    text = str(error)
    if "locked" in text:
        return "is used by another audit"
    return f"cannot be written: {text}" if "readonly" in text else "is no state of an audit"
