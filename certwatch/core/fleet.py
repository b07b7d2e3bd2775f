"""A fleet on paper: rows of ``domain,not_after[,not_before]`` and what the plan makes of them.

A million rows are read in a few seconds.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta

from certwatch.core.due import normal_time
from certwatch.core.names import normalise
from certwatch.core.renewal import Need, Reason
from certwatch.errors import InvalidName, InventoryError

COLUMNS = ("domain", "not_after", "not_before")
MAX_PROBLEMS = 20  # named in one message; a file with more is wrong as a whole

_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NORMAL = re.compile(rf"(?!xn--)(?=.{{1,253}}$)(?:{_LABEL}\.(?!xn--))+(?!\d+$){_LABEL}")
# RFC 3339 section 5.6, and a date alone, which is its first instant.
_INSTANT = re.compile(
    r"\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?P<zone>[Zz]|[+-]\d\d:\d\d)?)?", re.ASCII
)

Row = tuple[int, Sequence[str]]  # its line, and its cells


def fleet_columns(cells: Sequence[str]) -> tuple[int, int, int | None]:
    """Where a header has ``domain``, ``not_after`` and ``not_before``.

    Raises InventoryError that says what is allowed.
    """
    columns = [cell.strip().lower() for cell in cells]
    for column in columns:
        if column not in COLUMNS:
            known = ", ".join(COLUMNS)
            raise InventoryError(f"line 1: unknown column {column[:80]!r}; known: {known}")
    if len(set(columns)) < len(columns) or not {"domain", "not_after"} <= set(columns):
        raise InventoryError(
            "line 1: the header must name each column once, `domain` and `not_after` among them"
        )
    begins = columns.index("not_before") if "not_before" in columns else None
    return columns.index("domain"), columns.index("not_after"), begins


def fleet_needs(
    header: Sequence[str], rows: Iterable[Row], *, at: datetime, life: timedelta
) -> list[Need]:
    """What the plan needs to know of each row; ``life`` is that of a certificate that does not say
    when it began.

    Raises InventoryError that names line and reason of up to 20 bad rows.
    """
    reader = _Reader(header, at, life)
    needs: list[Need] = []
    problems: list[str] = []
    try:
        for line, cells in rows:
            try:
                needs.append(reader.need(line, cells))
            except InventoryError as error:
                problems.append(f"line {line}: {error}")
                if len(problems) == MAX_PROBLEMS:
                    raise InventoryError("further rows were not checked") from None
    except InventoryError as error:
        problems.append(str(error))
    if problems:
        raise InventoryError("\n".join(problems))
    if not needs:
        raise InventoryError("there is no domain in it")
    return needs


class _Reader:
    """Reads rows under one header."""

    def __init__(self, header: Sequence[str], at: datetime, life: timedelta) -> None:
        self._name, self._end, self._begin = fleet_columns(header)
        self._least, self._width = max(self._name, self._end) + 1, len(header)
        self._at, self._life = at, life
        self._seen: dict[str, int] = {}

    def need(self, line: int, cells: Sequence[str]) -> Need:
        """The need of one row. Raises InventoryError with the reason."""
        if not self._least <= len(cells) <= self._width:
            raise InventoryError(f"{len(cells)} cells, but the header names {self._width} columns")
        name = _name(cells[self._name])
        first = self._seen.setdefault(name, line)
        if first != line:
            raise InventoryError(f"{name} is there already, at line {first}")
        begin = cells[self._begin] if self._begin is not None and self._begin < len(cells) else ""
        not_after, normal_at, reason = self._due(cells[self._end].strip(), begin.strip())
        return Need(domain=name, not_after=not_after, normal_at=normal_at, reason=reason)

    def _due(self, end: str, begin: str) -> tuple[datetime | None, datetime, Reason]:
        if not end:
            if begin:
                raise InventoryError("not_before without not_after; fill in both, or neither")
            return None, self._at, Reason.NEW
        not_after = parse_instant("not_after", end)
        not_before = parse_instant("not_before", begin) if begin else None
        if not_before and not_before >= not_after:
            raise InventoryError(f"not_before {begin} is not earlier than not_after {end}")
        if not_after <= self._at:
            return not_after, self._at, Reason.EXPIRED
        normal_at = normal_time(not_before or not_after - self._life, not_after)
        return not_after, normal_at, Reason.LIFETIME


def _name(text: str) -> str:
    if _NORMAL.fullmatch(text):
        return text
    try:
        return normalise(text)
    except InvalidName as error:
        raise InventoryError(str(error)) from None


def parse_instant(what: str, text: str) -> datetime:
    """RFC 3339, or a date, which means its first instant in UTC.

    Raises InventoryError that says what is allowed.
    """
    text = text.strip()
    match = _INSTANT.fullmatch(text)
    try:
        if match is None:
            raise ValueError
        if len(text) == len("2026-11-21"):
            return datetime.combine(date.fromisoformat(text), time(), UTC)
        if match["zone"] is None:
            raise InventoryError(f"{what} {text} has no zone; write {text}Z if it is UTC")
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InventoryError(
            f"{what} {text[:80]!r} is not a time; write 2026-11-21T12:00:00Z or 2026-11-21"
        ) from None
