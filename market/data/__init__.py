"""Reference data of the trade as published, with its sources (`SOURCES.md`)."""

import csv
from importlib.resources import files

FILES: tuple[str, ...] = (
    "atomic_weights.csv",
    "carbon_footprints.csv",
    "compound_factors.csv",
    "crma_rules.csv",
    "disassembly_rules.csv",
    "eol_assays.csv",
    "facilities_public.csv",
    "lifetimes.csv",
    "magnet_grades.csv",
    "oxide_factors.csv",
    "prices_usgs.csv",
    "recycling_routes.csv",
    "reo_distribution.csv",
    "world_mine_production.csv",
)


def rows(file_name: str) -> list[dict[str, str]]:
    """The rows of one reference file, header names as keys, figures as the published text.

    Raises ValueError for a name that is not in `FILES`.
    """
    if file_name not in FILES:
        raise ValueError(f"no reference file {file_name!r}; there are {', '.join(FILES)}")
    text = files(__name__).joinpath(file_name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
