"""The inventory as people keep it: CSV, JSON and TOML files, checked row by row.

The three formats hold the same rows: ``domain`` and any of the other columns. What is read comes
back from ``write_inventory`` unchanged.
"""

import csv
import json
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from certwatch.core.catalog import Catalog
from certwatch.core.model import TrackingDomain
from certwatch.errors import InventoryError
from certwatch.services.declaration import COLUMNS, parse_row

__all__ = ["parse_row", "read_inventory", "write_inventory"]

MAX_PROBLEMS = 20  # named in one message; a file with more is wrong as a whole
_DELIMITERS = ",;\t"  # spreadsheets in some countries write the latter two

Row = tuple[str, Any]  # where it stands ("line 7", "domain 3") and what it holds


def read_inventory(path: Path, catalog: Catalog) -> Iterator[TrackingDomain]:
    """The domains of a file, one by one; the name's suffix tells the format.

    After a bad row nothing more is yielded, but reading goes on, and at the end one InventoryError
    names file, place and reason of up to 20 of them. Memory holds the names seen, and for JSON and
    TOML the file.
    """
    seen: dict[str, str] = {}
    problems: list[str] = []
    try:
        for place, row in _rows(path):
            try:
                domain = _fresh(parse_row(row, catalog), place, seen)
            except InventoryError as error:
                problems.append(f"{path}, {place}: {error}")
                if len(problems) == MAX_PROBLEMS:
                    raise InventoryError("further rows were not checked") from None
            else:
                if not problems:
                    yield domain
    except InventoryError as error:
        problems.append(f"{path}: {error}")
    if not problems and not seen:
        problems.append(f"{path}: there is no domain in it")
    if problems:
        raise InventoryError("\n".join(problems))


def _fresh(domain: TrackingDomain, place: str, seen: dict[str, str]) -> TrackingDomain:
    first = seen.setdefault(domain.name, place)
    if first is not place:
        raise InventoryError(f"{domain.name} is there already, at {first}")
    return domain


def _rows(path: Path) -> Iterator[Row]:
    readers: Mapping[str, Callable[[TextIO], Iterator[Row]]] = {
        ".csv": _csv_rows,
        ".json": _json_rows,
        ".toml": _toml_rows,
    }
    read = readers.get(path.suffix.lower())
    if read is None:
        raise InventoryError(f"unknown format; the name must end in {', '.join(readers)}")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from read(file)
    except OSError as error:
        raise InventoryError(f"cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        line = undecodable_line(path)
        raise InventoryError(f"line {line}: not UTF-8 text; save it as UTF-8") from None
    except RecursionError:
        raise InventoryError("is nested too deeply") from None


def undecodable_line(path: Path) -> int:
    """The first line of a file that is not UTF-8."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.decode(errors="ignore").encode() != line:
                return number
    return 1


def _csv_rows(file: TextIO) -> Iterator[Row]:
    header = file.readline()
    if not header.strip():
        raise InventoryError("line 1: the header is missing; it names the columns")
    delimiter = max(_DELIMITERS, key=header.count)
    lines = csv.reader(file, delimiter=delimiter, strict=True)
    line = 1
    try:
        columns = _columns(next(csv.reader([header], delimiter=delimiter)))
        line = 2
        for cells in lines:
            if any(cell.strip() for cell in cells):
                yield f"line {line}", _cells(columns, cells)
            line = lines.line_num + 2  # a quoted cell may span lines; the header is one more
    except csv.Error as error:
        raise InventoryError(f"line {line}: not valid CSV ({error})") from None


def _columns(cells: list[str]) -> list[str]:
    columns = [cell.strip().lower() for cell in cells]
    unknown = [column for column in columns if column not in COLUMNS]
    if unknown:
        raise InventoryError(f"line 1: unknown column {unknown[0]!r}; known: {', '.join(COLUMNS)}")
    if "domain" not in columns or len(set(columns)) < len(columns):
        raise InventoryError("line 1: the header must name each column once, `domain` among them")
    return columns


def _cells(columns: list[str], cells: list[str]) -> dict[str, str] | str:
    """The row by column; a message where there are more cells than columns."""
    if len(cells) > len(columns):
        return f"{len(cells)} cells, but the header names {len(columns)} columns"
    return dict(zip(columns, cells, strict=False))


def _json_rows(file: TextIO) -> Iterator[Row]:
    try:
        document = json.load(file)
    except ValueError as error:
        raise InventoryError(f"not valid JSON: {error}") from None
    return _elements(document.get("domains") if isinstance(document, dict) else document)


def _toml_rows(file: TextIO) -> Iterator[Row]:
    try:
        document = tomllib.loads(file.read())
    except ValueError as error:
        raise InventoryError(f"not valid TOML: {error}") from None
    return _elements(document.get("domains"))


def _elements(rows: Any) -> Iterator[Row]:
    if not isinstance(rows, list):
        raise InventoryError("there is no list of domains in it; write `domains` as a list")
    return ((f"domain {number}", row) for number, row in enumerate(rows, start=1))


def write_inventory(domains: Iterable[TrackingDomain], file: TextIO, format_: str) -> None:
    """Write the inventory as ``csv``, ``json`` or ``toml``, row by row.

    Raises InventoryError for another format, and OSError when the file cannot be written.
    """
    writers = {"csv": _write_csv, "json": _write_json, "toml": _write_toml}
    if format_ not in writers:
        raise InventoryError(f"unknown format {format_!r}; known: {', '.join(writers)}")
    writers[format_](map(_declared, domains), file)


def _declared(domain: TrackingDomain) -> dict[str, str]:
    values = ((column, getattr(domain, column, None)) for column in COLUMNS)
    row = {column: str(value) for column, value in values if value and column != "tags"}
    return {"domain": domain.name} | row | ({"tags": " ".join(domain.tags)} if domain.tags else {})


def _write_csv(rows: Iterator[dict[str, str]], file: TextIO) -> None:
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


def _write_json(rows: Iterator[dict[str, str]], file: TextIO) -> None:
    file.write('{"version": 1, "domains": [')
    for number, row in enumerate(rows):
        file.write(",\n" if number else "\n")
        file.write(json.dumps(row))
    file.write("\n]}\n")


def _write_toml(rows: Iterator[dict[str, str]], file: TextIO) -> None:
    for row in rows:
        file.write("[[domains]]\n")
        # A JSON string is a TOML basic string (TOML 1.0, "String"), control characters aside.
        file.writelines(
            f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in row.items()
        )
        file.write("\n")
