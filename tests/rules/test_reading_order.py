"""The list of modules that a reader starts from names each of them once."""

import re
from pathlib import Path

import market.rules

LABEL = re.compile(r"^    [A-Za-z ]+?  +", re.MULTILINE)
REMARK = re.compile(r"\([^)]*\)")


def test_every_module_of_the_rules_is_on_the_list() -> None:
    listed = (market.rules.__doc__ or "").split(":\n\n")[-1]
    named = re.findall(r"[a-z_]+", LABEL.sub(" ", REMARK.sub(" ", listed)))
    folder = Path(market.rules.__file__ or "").parent
    modules = [path.stem for path in folder.glob("*.py") if path.stem != "__init__"]
    assert sorted(modules) == sorted(named)
