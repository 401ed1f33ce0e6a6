"""Numbers with what they count, in sentences that people read: 1 order is open, 2 orders are open."""


def counted(number: int, one: str, many: str | None = None) -> str:
    """`many`: where it is not `one` with an s, as for `order is` and `orders are`."""
    return f"{number:,} {one if number == 1 else f'{one}s' if many is None else many}"


class Count(int):
    """A figure of a sentence: `{count:order is|orders are}` in its template tells it with what it counts."""

    def __format__(self, given: str) -> str:
        one, is_counted, many = given.partition("|")
        return counted(self, one, many) if is_counted else super().__format__(given)


def with_counts(template: str, figures: dict[str, object]) -> str:
    """A template filled in, whose integers may be told with what they count."""
    return template.format_map({name: _countable(figure) for name, figure in figures.items()})


def _countable(figure: object) -> object:
    return Count(figure) if type(figure) is int else figure
