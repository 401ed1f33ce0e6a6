"""Steps of the set-up: system packages, child processes with progress, one sentence about what is missing."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMPOSE_ALTERNATIVE = "Or use Docker instead: docker compose -f deploy/compose.yaml up --build"


class SetupError(Exception):
    """One sentence that says what is missing and what to do about it."""


def say(text: str) -> None:
    print(text, flush=True)


def install_packages(
    packages: list[str],
    purpose: str,
    environ: Mapping[str, str],
    *,
    root: bool | None = None,
    run: Callable[[list[str]], int] | None = None,
) -> None:
    """Install Debian packages as root and say so; otherwise raise one sentence naming them."""
    is_root = os.geteuid() == 0 if root is None else root
    apt = shutil.which("apt-get", path=environ.get("PATH"))
    names = " ".join(packages)
    if apt is None or not is_root or environ.get("LODESTONE_NO_APT") == "1":
        raise SetupError(
            f"{purpose} {'is' if len(packages) == 1 else 'are'} missing; "
            f"install {names} (Debian: apt-get install {names}). "
            f"{COMPOSE_ALTERNATIVE}"
        )
    say(f"      installing Debian packages with apt-get: {names} (LODESTONE_NO_APT=1 forbids this)")
    runner = run or run_apt
    install = [apt, "install", "-y", "--no-install-recommends", *packages]
    if runner(install) != 0 and (runner([apt, "update"]) != 0 or runner(install) != 0):
        raise SetupError(f"apt-get could not install {names}. {COMPOSE_ALTERNATIVE}")


def run_apt(command: list[str]) -> int:
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run([*command, "-q"], env=environ, stdout=subprocess.DEVNULL, check=False)
    return done.returncode


def run_with_progress(command: list[str], log: Path, counted: re.Pattern[str], unit: str, what: str) -> None:
    """Run a child, write all it says to `log`, show a count of the lines that match `counted`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    terminal = sys.stdout.isatty()
    count = 0
    tail: list[str] = []
    with (
        log.open("a", encoding="utf-8") as sink,
        subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        ) as child,
    ):
        for line in child.stdout or ():
            sink.write(line)
            tail = [*tail[-11:], line.rstrip()]
            if counted.search(line):
                count += 1
                if terminal:
                    print(f"\r      {count} {unit}", end="", flush=True)
                elif count % 20 == 0:
                    say(f"      {count} {unit}")
    if terminal and count:
        print(flush=True)
    if child.returncode != 0:
        raise SetupError(f"{what} failed (all of its output: {log}); its last lines:\n" + "\n".join(tail))
    if not terminal:
        say(f"      done: {count} {unit}")
