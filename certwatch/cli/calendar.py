"""A forecast in the terminal: the sentence, the calendar of places, what comes next, lapses."""

import sys
from collections.abc import Iterator

from certwatch.cli.output import STYLES, Column, minute, say, table
from certwatch.core.planning import Lapse
from certwatch.reporting.plan import WHY, Forecast, Stretch

_BAR = 30  # characters
_BLOCKS = ("▒", "█", "·")  # spent, planned, free
_LETTERS = ("#", "=", ".")  # where stdout takes no blocks


def print_forecast(forecast: Forecast) -> None:
    """Print what a plan comes to, at most 80 columns wide."""
    say(forecast.sentence, STYLES["critical"] if forecast.lapses else "")
    if not forecast.domains:
        return
    say()
    _print_calendar(forecast)
    if forecast.next_up:
        say()
        _print_renewals(forecast)
    if forecast.first_lapses:
        say()
        _print_lapses(forecast)


def _print_calendar(forecast: Forecast) -> None:
    glyphs = _BLOCKS if (sys.stdout.encoding or "").lower().startswith("utf") else _LETTERS
    spent, planned, free = glyphs
    head = f"from ({forecast.row_span} a row)"
    say(f"{head}  places: {spent} spent  {planned} planned  {free} free", "dim")
    width = max(len(f"{stretch.taken:,}") for stretch in forecast.calendar)
    for stretch in forecast.calendar:
        say(*_line(stretch, glyphs, width))


def _line(stretch: Stretch, glyphs: tuple[str, str, str], width: int) -> tuple[str, str]:
    """One row and its style."""
    title = stretch.title or f"{stretch.from_at:%Y-%m-%d}"
    bar = f"{title:<10}  {_bar(stretch, glyphs)}"
    count = f"{stretch.taken:>{width},} of {stretch.places:,}"
    if not stretch.lapses:
        return f"{bar}  {count}", ""
    return f"{bar}  {count}  {_lapsing(stretch.lapses)}", STYLES["critical"]


def _bar(stretch: Stretch, glyphs: tuple[str, str, str]) -> str:
    """Full only when no place is free, empty only when none is taken."""
    spent, planned, free = glyphs
    cells = min(_BAR, stretch.taken * _BAR // stretch.places)
    cells = max(cells, 1) if stretch.taken else 0
    return (spent if stretch.spent else planned) * cells + free * (_BAR - cells)


def _lapsing(lapses: int) -> str:
    return f"{lapses:,} lapse{'s' if lapses == 1 else ''}"


def _print_renewals(forecast: Forecast) -> None:
    columns = (Column("renewal"), Column("at", whole=True), Column("why"))
    table(columns, ([one.domain, minute(one.at), WHY[one.reason]] for one in forecast.next_up))
    _say_more(forecast.renewals - len(forecast.next_up), forecast)


def _print_lapses(forecast: Forecast) -> None:
    say("first lapses:", "dim")
    columns = (
        Column("domain"),
        Column("from", whole=True),
        Column("until", whole=True),
        Column("why", prose=True),
    )
    table(columns, _lapse_rows(forecast))
    _say_more(forecast.lapses - len(forecast.first_lapses), forecast)


def _lapse_rows(forecast: Forecast) -> Iterator[list[str]]:
    for one in forecast.first_lapses:
        yield [one.domain, minute(one.from_at), _until(one), one.reason]


def _until(lapse: Lapse) -> str:
    return minute(lapse.until_at) or "beyond the horizon"


def _say_more(more: int, forecast: Forecast) -> None:
    if more:
        say(f"... and {more:,} more until {minute(forecast.horizon_until)}", "dim")
