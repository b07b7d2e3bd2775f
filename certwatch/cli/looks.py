"""Latest looks as people see them: worst first, one line a domain."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from certwatch.cli.output import Column, table
from certwatch.cli.session import Session
from certwatch.core.model import Judged, State, TrackingDomain
from certwatch.core.names import normalise
from certwatch.ports import Latest, OpenFinding
from certwatch.reporting.build import aged, last_known
from certwatch.reporting.model import ORDER

FAULTY = (State.CRITICAL, State.WARNING, State.INFO)
COLUMNS = (
    Column("state", stated=True, whole=True),
    Column("domain"),
    Column("left", whole=True),
    Column("behind"),
    Column("finding", prose=True),
)
HOW_TO_ADD = (
    "the inventory is empty; add domains with `certwatch domains add click.brand.com`"
    " or `certwatch domains import FILE.csv`"
)
_AT_ONCE = 500  # looks read from the store together


def current(session: Session, names: Sequence[str] | None = None) -> Iterator[Latest]:
    """The latest looks as they stand now, in name order: an old one is found ``stale``."""
    app = session.app
    return aged(
        session.store.latest(names),
        now=app.clock.now(),
        interval=app.settings.probe.interval,
        house=app.house,
    )


def current_of(session: Session, name: str) -> Latest:
    """The latest look at one domain. Raises InventoryError when it is not in the inventory."""
    return next(current(session, [session.store.domain(normalise(name)).name]))


def state_of(latest: Latest) -> State:
    """The domain's state; one that was never looked at is unknown."""
    return latest.judged.state if latest.judged else State.UNKNOWN


def worst_first(states: Mapping[str, State]) -> list[str]:
    """The names of a sweep's domains, the gravest state first, then by name."""
    return sorted(states, key=lambda name: (ORDER.index(states[name]), name))


def in_order(
    read: Callable[[Sequence[str]], Iterable[Latest]], names: Sequence[str]
) -> Iterator[Latest]:
    """The latest looks of these domains in this order, read in batches."""
    for start in range(0, len(names), _AT_ONCE):
        batch = names[start : start + _AT_ONCE]
        found = {latest.domain.name: latest for latest in read(batch)}
        yield from (found[name] for name in batch if name in found)


def print_looks(looks: Iterable[Latest], now: datetime) -> None:
    """The table of domains with their worst finding each."""
    table(COLUMNS, (_row(latest, now) for latest in looks))


def _row(latest: Latest, now: datetime) -> tuple[str, ...]:
    judged = latest.judged
    if judged is None:
        return "", latest.domain.name, "", _behind(latest.domain), "never looked at"
    leaf = judged.observation.leaf
    left = _span(leaf.not_after - now) if leaf else ""
    return judged.state.value, judged.domain.name, left, _behind(judged), _gist(latest, judged)


def _span(span: timedelta) -> str:
    """Whole days, or hours where days are too coarse; negative when it is over."""
    hours = int(span / timedelta(hours=1))
    return f"{hours}h" if abs(hours) < 48 else f"{int(hours / 24)}d"


def _behind(of: TrackingDomain | Judged) -> str:
    """Who serves the domain: the provider, and the edge in front of it."""
    return "/".join(part for part in (of.provider, of.edge) if part)


def _gist(latest: Latest, judged: Judged) -> str:
    """The worst finding in a sentence, and how many more there are."""
    if judged.state is State.UNKNOWN:
        return "nothing could be seen, for a reason on our side" + _before(last_known(latest))
    if not judged.findings:
        return ""
    return _worst([finding.summary for finding in judged.findings])


def _before(last: Sequence[OpenFinding]) -> str:
    return f"; last known: {_worst([each.finding.summary for each in last])}" if last else ""


def _worst(summaries: Sequence[str]) -> str:
    more = len(summaries) - 1
    return summaries[0] + (f" (+{more} more)" if more else "")
