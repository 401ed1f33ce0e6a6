"""A drill of the recoveries in docs/recovery.md for operators: loses all topics, then the database.

Uses its own embedded instance, which is removed before and after; runs the commands of the runbook and prints
them. Exit code 0: everything lost is restored, and the audit proves it. Uses LODESTONE_DATA_DIR.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
LODESTONE: Final = ROOT / ".venv" / "bin" / "lodestone"
TRADE: Final = ROOT / "examples" / "trade.py"
INSTANCE: Final = "drill"
START_SECONDS_MAX: Final = 120.0
POLL_SECONDS: Final = 0.5


class DrillFailed(Exception):
    """A command failed or printed something unexpected; one sentence."""


def main() -> int:
    folder = Path(os.environ.get("LODESTONE_DATA_DIR") or ROOT / ".lodestone").resolve() / INSTANCE
    shutil.rmtree(folder, ignore_errors=True)
    try:
        say("1. A market, traded, published, signed and cosigned")
        traded(folder)
        before = audited()
        topics_lost(folder, before)
        database_lost(folder, audited())
    except DrillFailed as failed:
        say(f"the drill failed: {failed}; what it worked with is kept in {folder}")
        return 4
    except KeyboardInterrupt:
        return 130
    shutil.rmtree(folder, ignore_errors=True)
    say("both losses were recovered from; nothing is left of the drill's instance")
    return 0


def topics_lost(folder: Path, before: dict[str, Any]) -> None:
    say("2. All topics are lost, and the cluster with them")
    remove(folder / "kafka")
    say(f"   lost: {before['records']} records, {before['sealed']} under checkpoints, the public topics")
    lodestone("topics", "--republish", "all")
    lodestone("witness", "--topic-made-anew", "--once")
    traded(folder)
    back(before, audited())


def database_lost(folder: Path, before: dict[str, Any]) -> None:
    say("3. The database is lost")
    remove(folder / "postgres")
    say(f"   lost: a journal of {before['records']} events, all tables, views and checkpoints")
    lodestone("recover")
    traded(folder)
    back(before, audited())
    lodestone("replay")


def traded(folder: Path) -> None:
    """Sends six requests to a running deployment, and waits until all their events are signed and
    cosigned."""
    keys = folder / "keys.json"
    with running(keys):
        command(sys.executable, str(TRADE), str(keys))
        until("everything signed and cosigned", settled)


def settled() -> bool:
    found = json.loads(lodestone("doctor", "--json", quiet=True))
    told = {finding["what"]: finding["told"] for finding in found}
    return (
        ", 0 audited events wait" in told.get("signer", "")
        and any(what.startswith("witness ") for what in told)
        and all(
            "at most 0 events behind" in told.get(reader, "")
            for reader in ("matcher", "projector", "auditor")
        )
    )


def audited() -> dict[str, Any]:
    """The audit's report; the drill fails if it contains any fault."""
    report: dict[str, Any] = json.loads(lodestone("audit", "--json", quiet=True))
    say(f"   lodestone audit: nothing diverges; {report['ending']}")
    for recovery in report["recoveries"]:
        what = "published again" if recovery["republished"] else "taken back"
        events = sum(anchor["position"] for anchor in recovery["anchors"])
        say(f"   {recovery['time']}: {recovery['anchors'][0]['stream']} {what}, {events} events, as anchored")
    return report


def back(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Checks that every earlier lane is in the new audit, without fewer events, rounds or matches."""
    for what in ("records", "sealed", "clearings", "matches", "agreements"):
        if after[what] < before[what] or (after["repeats"], after["tail"]) != (0, 0):
            raise DrillFailed(f"{what}: {before[what]} before, {after[what]} after")
        say(f"   {what:<10} {before[what]:>6} before, {after[what]:>6} now")


@contextmanager
def running(keys: Path) -> Iterator[None]:
    """`lodestone up` until it is left, its keys in the file."""
    say("   $ lodestone up")
    keys.unlink(missing_ok=True)
    keys.parent.mkdir(parents=True, exist_ok=True)
    with (
        keys.open("w") as out,
        subprocess.Popen(
            [str(LODESTONE), "up", "--json"], env=environment(), stdout=out, stderr=subprocess.DEVNULL
        ) as child,
    ):
        try:
            until("the API", lambda: keys.stat().st_size > 0 or child.poll() is not None)
            if child.poll() is not None:
                raise DrillFailed(f"lodestone up ended with exit code {child.returncode}")
            yield
        finally:
            child.send_signal(signal.SIGINT)
            child.wait(START_SECONDS_MAX)


def until(what: str, reached: Any, seconds_max: float = START_SECONDS_MAX) -> None:
    end = time.monotonic() + seconds_max
    while not reached():
        if time.monotonic() > end:
            raise DrillFailed(f"not within {seconds_max:.0f} s: {what}")
        time.sleep(POLL_SECONDS)


def remove(folder: Path) -> None:
    say(f"   $ rm -r {folder.relative_to(folder.parents[2])}")
    shutil.rmtree(folder)


def lodestone(*arguments: str, quiet: bool = False) -> str:
    if not quiet:
        say(f"   $ lodestone {' '.join(arguments)}")
    return command(str(LODESTONE), *arguments, quiet=quiet)


def command(*arguments: str, quiet: bool = False) -> str:
    done = subprocess.run(arguments, env=environment(), capture_output=True, text=True, check=False)
    if not quiet:
        for line in done.stdout.splitlines():
            say(f"     {line}")
    if done.returncode != 0:
        raise DrillFailed(
            f"{' '.join(arguments)} ended with exit code {done.returncode}: {done.stderr.strip()}"
        )
    return done.stdout


def environment() -> dict[str, str]:
    """The environment of the drill's own instance, whatever is set for real ones."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LODESTONE_")}
    data = {name: value for name, value in os.environ.items() if name == "LODESTONE_DATA_DIR"}
    return (
        kept
        | data
        | {
            "LODESTONE_INSTANCE": INSTANCE,
            "LODESTONE_HTTP_PORT": "0",
            "LODESTONE_KAFKA_PORT": "0",
            "LODESTONE_CHECKPOINT_SECONDS": "1",
            "NO_COLOR": "1",
        }
    )


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
