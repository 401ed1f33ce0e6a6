"""Pages point at what is there: files, headings, and the modules that a reader is sent to."""

import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
PAGES = [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").rglob("*.md"))]
MODULES = {
    str(path.relative_to(CHECKOUT))
    for folder in ("market", "events", "contracts", "deploy", "tests", "bench", "examples")
    for path in (CHECKOUT / folder).rglob("*.py")
}
POINTING = [
    *sorted((CHECKOUT / "market").rglob("*.py")),
    *sorted((CHECKOUT / "deploy").rglob("*.y*ml")),
]
WITH_MODULES = ["README.md", "docs/architecture.md", "docs/where.md"]


def headings(page: Path) -> set[str]:
    """As a forge names them in addresses: small letters, words joined by hyphens, nothing else kept."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    shown = (re.sub(r"\]\([^)]*\)", "", title) for title in titles)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in shown}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    astray = []
    for target in re.findall(r"\]\(([^)\s:]+)\)", page.read_text(encoding="utf-8")):
        path, _, heading = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (heading and heading not in headings(file)):
            astray.append(target)
    assert [] == astray


def test_alerts_and_commands_point_at_pages_and_headings_that_are_there() -> None:
    """Such as "docs/watching.md, Disks": who is woken by it looks there."""
    pointers = {
        (path.name, name, heading)
        for path in POINTING
        for name, heading in re.findall(
            r'\bdocs/([\w-]+)\.md(?:, "?([A-Z][\w ]*))?', path.read_text(encoding="utf-8")
        )
    }
    titles = {
        page.stem: re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
        for page in (CHECKOUT / "docs").glob("*.md")
    }
    assert {"watching", "securing", "running-a-market"} <= {name for _, name, heading in pointers if heading}
    astray = [
        pointer
        for pointer in sorted(pointers)
        if pointer[1] not in titles or (pointer[2] and pointer[2].strip() not in titles[pointer[1]])
    ]
    assert [] == astray


@pytest.mark.parametrize("page", WITH_MODULES)
def test_modules_that_a_page_names_exist(page: str) -> None:
    named = re.findall(r"`([\w/]+\.py)`", (CHECKOUT / page).read_text(encoding="utf-8"))
    assert named
    gone = [name for name in named if not any(f"/{module}".endswith(f"/{name}") for module in MODULES)]
    assert [] == gone


def test_modules_that_files_of_deploy_name_exist() -> None:
    named = {
        (str(file.relative_to(CHECKOUT)), name)
        for file in (CHECKOUT / "deploy").rglob("*")
        if file.suffix in (".properties", ".toml", ".xml", ".yaml", ".sql", ".py")
        for name in re.findall(
            r"\b(?:market|contracts|events)/[\w/]+\.py\b", file.read_text(encoding="utf-8")
        )
    }
    assert named
    assert [] == sorted((file, name) for file, name in named if name not in MODULES)
