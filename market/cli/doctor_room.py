"""`lodestone doctor` on disks: with a full one everything keeps running, but nothing is recorded."""

from typing import Final

from events.connections import Connection
from market.cli.findings import Finding
from market.disks import FREE_BYTES_MIN, free_bytes, in_gib
from market.settings import Settings
from market.store.room import trial_write
from market.watch import own_folders

PAGE: Final = "docs/watching.md, Disks"


async def room_findings(connection: Connection, settings: Settings) -> list[Finding]:
    """Whether PostgreSQL can write, by having it write, and the room of embedded servers."""
    told = await trial_write(connection)
    size_bytes = await connection.fetchval("select pg_database_size(current_database())")
    findings = [
        Finding(
            what="room to write",
            state="wrong" if told else "ok",
            told=told or f"PostgreSQL can write; the database has {in_gib(size_bytes)}",
            help=f"free space on its disk, then it recovers by itself: {PAGE}" if told else None,
        )
    ]
    for server, folder in own_folders(settings).items():
        left = free_bytes(folder)
        short = left < FREE_BYTES_MIN
        findings.append(
            Finding(
                what=f"disk of {server}",
                state="attention" if short else "ok",
                told=f"{in_gib(left)} left for {folder}",
                help=PAGE if short else None,
            )
        )
    return findings
