"""The running version: its number, the newest migration that it knows, and the commit of a checkout."""

import subprocess
from shutil import which
from typing import Final

from market import __version__
from market.folders import CHECKOUT, DEPLOY

GIT_SECONDS_MAX: Final = 2.0


def version() -> str:
    """Such as `0.1.0, migrations to 0078, commit 1a77e77c0f3b`; without the commit outside a checkout."""
    newest = max(path.name for path in (DEPLOY / "postgres" / "migrations").glob("*.sql")).partition("_")[0]
    commit = _commit()
    return f"{__version__}, migrations to {newest}" + (f", commit {commit}" if commit else "")


def _commit() -> str | None:
    git = which("git")
    if git is None or not (CHECKOUT / ".git").exists():
        return None
    command = [git, "-C", str(CHECKOUT), "rev-parse", "--short=12", "HEAD"]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, check=True, timeout=GIT_SECONDS_MAX)
    except (OSError, subprocess.SubprocessError):
        return None
    return asked.stdout.strip()
