"""The list of modules that a reader starts from names each of them once, in its package."""

import re
from collections import defaultdict
from pathlib import Path

import market.rules

PACKAGE = re.compile(r" {4}([a-z]+)  +(.*)")
PART = re.compile(r" {6}[a-z ]+?  +(.*)")
REMARK = re.compile(r"\([^)]*\)")
FOLDER = Path(market.rules.__file__ or "").parent


def listed() -> dict[str, list[str]]:
    """The modules named of each package; under "" those beside them."""
    told = REMARK.sub(" ", market.rules.__doc__ or "")
    packages, beside = told.split("\n\n    ", 1)[1].split("\n\nBeside them: ")
    texts = defaultdict[str, str](str)
    package = ""
    for line in f"    {packages}".split("\n"):
        if (found := PACKAGE.fullmatch(line)) is not None:
            package, text = found.groups()
        else:
            part = PART.fullmatch(line)
            text = line if part is None else part[1]
        texts[package] += f" {text}"
    texts[""] = beside
    return {name: sorted(re.findall(r"[a-z_]+", text)) for name, text in texts.items()}


def modules(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.py") if path.stem != "__init__")


def test_every_module_of_the_rules_is_on_the_list() -> None:
    folders = {path.parent.name: path.parent for path in FOLDER.glob("*/__init__.py")} | {"": FOLDER}
    assert {name: modules(folder) for name, folder in folders.items()} == listed()
