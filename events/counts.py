"""Singular and plural in sentences for people: 1 order is open, 2 orders are open."""


def counted(number: int, one: str, many: str | None = None) -> str:
    """The number with its noun. `many`: the plural if it is not `one` with an s, such as `orders are` for
    `order is`."""
    return f"{number:,} {one if number == 1 else f'{one}s' if many is None else many}"


class Count(int):
    """A number in a sentence: `{count:order is|orders are}` in the template becomes the number with the right
    noun."""

    def __format__(self, given: str) -> str:
        one, is_counted, many = given.partition("|")
        return counted(self, one, many) if is_counted else super().__format__(given)


def with_counts(template: str, figures: dict[str, object]) -> str:
    """A filled-in template; its integers may have singular and plural nouns, as `Count` describes."""
    return template.format_map({name: _countable(figure) for name, figure in figures.items()})


def _countable(figure: object) -> object:
    return Count(figure) if type(figure) is int else figure
