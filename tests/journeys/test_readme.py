"""The commands of the README and of docs/integrate.md are real: they run, and print what the pages show."""

import asyncio
import json
import os
import re
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from tests.up_support import start

CHECKOUT = Path(__file__).parents[2]
README = (CHECKOUT / "README.md").read_text(encoding="utf-8")
INTEGRATE = (CHECKOUT / "docs" / "integrate.md").read_text(encoding="utf-8")

pytestmark = pytest.mark.timeout(300)


def without_ids(text: str) -> list[str]:
    """Lines with ids, hashes and places in the record blanked out: they differ from run to run."""
    text = re.sub(r"(offer|req|plan|evt)_[0-9a-f]{32}", r"\1_…", text)
    return re.sub(r"lane \d+, position \d+, [0-9a-f]{64}", "lane …", text).strip().splitlines()


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


async def printed(*command: str, **environment: str) -> str:
    """RuntimeError, with what it says, when the command fails or complains."""
    child = await asyncio.create_subprocess_exec(
        *command, cwd=CHECKOUT, stdout=PIPE, stderr=PIPE, env={**os.environ, **environment}
    )
    out, err = await asyncio.wait_for(child.communicate(), 120)
    if child.returncode or err:
        raise RuntimeError(f"{child.returncode}: {err.decode()}")
    return out.decode()


async def test_both_pages_print_what_they_show(instance: dict[str, str], tmp_path: Path) -> None:
    """One market for both: the trade runs beside the orders that the other page posts and withdraws."""
    shown = README.partition("Its output:\n\n```\n")[2].partition("```")[0]
    begin, *commands = blocks(INTEGRATE, "bash")
    assert begin in README
    up = await start(instance)
    try:
        keys = tmp_path / "keys.json"
        keys.write_text(json.dumps(up.printed), encoding="utf-8")
        told = await printed("bash", "-euo", "pipefail", "-c", "".join(commands), KEYS=str(keys))
        assert "".join(blocks(INTEGRATE, "text")) == told
        traded = await printed(sys.executable, "examples/trade.py", str(keys))
        assert without_ids(shown) == without_ids(traded)
        (step,) = re.findall(r"^\.venv/bin/lodestone (audit receipt .*)$", README, re.MULTILINE)
        step = step.replace(".lodestone/", f"{tmp_path}/")
        receipt = await printed(sys.executable, "-m", "market", *step.split(), **instance)
        assert receipt.split()[0] in ("proved", "unsealed")
    finally:
        await up.stop()


@pytest.mark.parametrize("target", sorted(set(re.findall(r"^make ([a-z-]+)", README, re.MULTILINE))))
def test_every_task_that_the_readme_names_exists(target: str) -> None:
    assert f"\n{target}:" in (CHECKOUT / "Makefile").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_every_file_that_the_readme_links_exists(path: str) -> None:
    assert (CHECKOUT / path).exists()
