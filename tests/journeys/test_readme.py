"""The README's commands are real: the trade of its six requests runs, and prints what the README shows."""

import asyncio
import json
import re
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from tests.up_support import start

CHECKOUT = Path(__file__).parents[2]
README = (CHECKOUT / "README.md").read_text(encoding="utf-8")

pytestmark = pytest.mark.timeout(300)


def without_ids(text: str) -> list[str]:
    """Lines with ids, hashes and places in the record blanked out: they differ from run to run."""
    text = re.sub(r"(offer|req|plan|evt)_[0-9a-f]{32}", r"\1_…", text)
    return re.sub(r"lane \d+, position \d+, [0-9a-f]{64}", "lane …", text).strip().splitlines()


async def test_the_six_requests_print_what_the_readme_shows(instance: dict[str, str], tmp_path: Path) -> None:
    shown = README.partition("What it printed:\n\n```\n")[2].partition("```")[0]
    up = await start(instance)
    try:
        keys = tmp_path / "keys.json"
        keys.write_text(json.dumps(up.printed), encoding="utf-8")
        child = await asyncio.create_subprocess_exec(
            sys.executable, "examples/trade.py", str(keys), cwd=CHECKOUT, stdout=PIPE, stderr=PIPE
        )
        out, err = await asyncio.wait_for(child.communicate(), 60)
        assert (0, "") == (child.returncode, err.decode())
        assert without_ids(shown) == without_ids(out.decode())
    finally:
        await up.stop()


@pytest.mark.parametrize("target", sorted(set(re.findall(r"^make ([a-z-]+)", README, re.MULTILINE))))
def test_every_task_that_the_readme_names_exists(target: str) -> None:
    assert f"\n{target}:" in (CHECKOUT / "Makefile").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_every_file_that_the_readme_links_exists(path: str) -> None:
    assert (CHECKOUT / path).exists()
