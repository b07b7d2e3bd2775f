"""The second journey: what is known of the certificates, and the plan that follows from it.

``live_outlook`` is about the inventory, with what was seen, issued and spent; ``fleet_outlook``
about a fleet on paper, and reads no database.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TextIO

from certwatch.core.due import need, normal_time
from certwatch.core.fleet import Row, fleet_needs
from certwatch.core.model import Certificate, Mode, Revocation, TlsView, TrustVerdict
from certwatch.core.planning import Plan, make_plan
from certwatch.core.renewal import Allowance, Lifetimes, Lineage, Need, Reason, Renewal, Step
from certwatch.core.x509 import covers
from certwatch.errors import InventoryError
from certwatch.ports import Latest
from certwatch.services.inventory import undecodable_line
from certwatch.services.workshop import WholeStore

USUAL_LIFE = timedelta(days=90)  # of a certificate, where nothing tells
MARGIN = timedelta(days=1)  # before an expiry, for retries; less where lives are short:
MARGIN_FRACTION = 1 / 20  # of the life

_DELIMITERS = ",;\t"  # spreadsheets in some countries write the latter two
_HAS_PLACE = (Step.RESERVED, Step.ORDERED, Step.FINALIZED)  # what is issued has its lineage


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """A plan and what it was made for.

    ``quarantined`` domains are not planned: they wait for a person.
    """

    plan: Plan
    domains: int
    lifetimes: Lifetimes
    quarantined: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """What was last seen on a domain: the certificate it serves, and which are revoked."""

    domain: str
    served: Certificate | None
    revoked: frozenset[str] = frozenset()


def fleet_outlook(
    path: Path,
    *,
    at: datetime,
    horizon: timedelta,
    allowance: Allowance,
    life: timedelta,
    search: bool = True,
) -> Outlook:
    """The plan of a fleet on paper. Raises InventoryError for what is wrong with the file."""
    needs = read_fleet(path, at=at, life=life)
    lifetimes = Lifetimes.constant(life)
    plan = make_plan(
        needs, at=at, horizon=horizon, allowance=allowance, lifetimes=lifetimes, search=search
    )
    return Outlook(plan=plan, domains=len(needs), lifetimes=lifetimes)


def read_fleet(path: Path, *, at: datetime, life: timedelta) -> list[Need]:
    """The rows of a CSV file as needs, all or none. Raises InventoryError that names file, line and
    reason."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header, rows = _table(file)
            return fleet_needs(header, rows, at=at, life=life)
    except OSError as error:
        raise InventoryError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        line = undecodable_line(path)
        raise InventoryError(f"{path}, line {line}: not UTF-8 text; save it as UTF-8") from None
    except InventoryError as error:
        told = (f"{path}: {problem}" for problem in str(error).split("\n"))
        raise InventoryError("\n".join(told)) from None


def _table(file: TextIO) -> tuple[list[str], Iterator[Row]]:
    first = file.readline()
    if not first.strip():
        raise InventoryError("line 1: the header is missing; write domain,not_after")
    delimiter = max(_DELIMITERS, key=first.count)
    try:
        header = next(csv.reader([first], delimiter=delimiter))
    except csv.Error as error:
        raise InventoryError(f"line 1: not valid CSV ({error})") from None
    return header, _rows(file, delimiter)


def _rows(file: TextIO, delimiter: str) -> Iterator[Row]:
    """Every row with the line that it begins at; a quoted cell may span several."""
    reader = csv.reader(file, delimiter=delimiter, strict=True)
    line = 2
    try:
        for cells in reader:
            if any(cells):
                yield line, cells
            line = reader.line_num + 2
    except csv.Error as error:
        raise InventoryError(f"line {line}: not valid CSV ({error})") from None


def live_outlook(
    store: WholeStore,
    *,
    at: datetime,
    horizon: timedelta,
    allowance: Allowance,
    directory: str,
    lifetimes: Lifetimes | None = None,
    search: bool = True,
) -> Outlook:
    """The plan of the inventory's domains in mode ``acme``.

    ``lifetimes``: how long the CA's certificates live; where it is not known, as long as the newest
    one. ``search``: also find the smallest budget that leaves no lapse.
    """
    names = [domain.name for domain in store.domains() if domain.mode is Mode.ACME]
    lineages = {lineage.domain: lineage for lineage in store.lineages(names)}
    waiting = {renewal.domain: renewal for renewal in store.open_renewals(names)}
    stuck = {name for name, renewal in waiting.items() if renewal.step is Step.QUARANTINED}
    lifetimes = lifetimes or Lifetimes.constant(_newest_life(lineages.values()))
    life = lifetimes.at(at)
    plan = make_plan(
        [
            _need(seen, lineages.get(seen.domain), waiting.get(seen.domain), at=at, life=life)
            for seen in _with_memory(store, [name for name in names if name not in stuck])
        ],
        at=at,
        horizon=horizon,
        allowance=allowance,
        lifetimes=lifetimes,
        spent=_spent(store, directory, at, allowance.window),
        margin=min(MARGIN, life * MARGIN_FRACTION),
        search=search,
    )
    return Outlook(
        plan=plan, domains=len(names), lifetimes=lifetimes, quarantined=tuple(sorted(stuck))
    )


def _newest_life(lineages: Iterable[Lineage]) -> timedelta:
    newest = max(lineages, key=lambda lineage: lineage.issued_at, default=None)
    return newest.certificate.lifetime if newest else USUAL_LIFE


def _need(
    seen: Seen, lineage: Lineage | None, renewal: Renewal | None, *, at: datetime, life: timedelta
) -> Need:
    if renewal and renewal.step in _HAS_PLACE:
        return _under_way(renewal, at, life)
    certificate = lineage.certificate if lineage else seen.served
    return need(
        seen.domain,
        now=at,
        lineage=lineage,
        served=seen.served,
        is_revoked=certificate is not None and certificate.fingerprint in seen.revoked,
        earliest_at=renewal.due_at if renewal and renewal.attempts else None,
    )


def _under_way(renewal: Renewal, at: datetime, life: timedelta) -> Need:
    """A renewal that has its place already: what is planned is the one after it."""
    not_after = at + life
    return Need(
        domain=renewal.domain,
        not_after=not_after,
        normal_at=normal_time(at, not_after),
        reason=Reason.LIFETIME,
    )


def _with_memory(store: WholeStore, names: Sequence[str]) -> Iterator[Seen]:
    """What was seen of each domain; where the latest look saw no certificate, an earlier one."""
    blank = []
    for latest in store.latest(names):
        seen = _seen(latest)
        if seen is None:
            blank.append(latest.domain.name)
        else:
            yield seen
    memories = store.memories(blank)
    for name in blank:
        sightings = memories[name].sightings if name in memories else ()
        own = (one.certificate for one in sightings if covers(one.certificate, name))
        yield Seen(name, next(own, None))


def _seen(latest: Latest) -> Seen | None:
    """What a look saw of the certificate, of several the one that ends first; None where no address
    served any. One that is not for the domain, or led to no trusted root, counts for nothing."""
    views = latest.judged.observation.tls if latest.judged else ()
    pairs = [(view, view.leaf) for view in views if view.leaf is not None]
    if not pairs:
        return None
    own = (leaf for view, leaf in pairs if _is_trusted(view) and covers(leaf, latest.domain.name))
    revoked = (leaf.fingerprint for v, leaf in pairs if v.revocation is Revocation.REVOKED)
    served = min(own, key=lambda leaf: leaf.not_after, default=None)
    return Seen(latest.domain.name, served, frozenset(revoked))


def _is_trusted(view: TlsView) -> bool:
    return view.path is not None and view.path.verdict is TrustVerdict.TRUSTED


def _spent(
    store: WholeStore, directory: str, at: datetime, window: timedelta
) -> tuple[datetime, ...]:
    """The places taken before, ascending; a reserved one may be issued at any time, so it counts
    from now on."""
    taken = (spend for spend in store.spends(directory, at - window) if not spend.is_free)
    return tuple(sorted(spend.at if spend.committed else at for spend in taken))
