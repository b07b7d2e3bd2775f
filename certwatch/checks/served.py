"""What the TLS views of a look come to: the words in which several checks read them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from certwatch.core.model import Certificate, Observation, TlsView

_UNITS = (("days", timedelta(days=1)), ("hours", timedelta(hours=1)))


@dataclass(frozen=True, slots=True)
class Served:
    """A certificate and the addresses that serve it."""

    leaf: Certificate
    addresses: tuple[str, ...]


def served(views: Iterable[TlsView]) -> tuple[Served, ...]:
    """The distinct certificates of these views with their addresses, in address order."""
    leaves: dict[str, Certificate] = {}
    addresses: dict[str, list[str]] = {}
    for view in views:
        if view.leaf is not None:
            leaves.setdefault(view.leaf.fingerprint, view.leaf)
            addresses.setdefault(view.leaf.fingerprint, []).append(view.address)
    return tuple(Served(leaf, tuple(addresses[key])) for key, leaf in leaves.items())


def newest(observation: Observation) -> Certificate | None:
    """The certificate among the served ones that was made last."""
    return max(observation.leaves, key=lambda leaf: leaf.not_before, default=None)


def where(faulty: Iterable[Served], observation: Observation) -> str:
    """`` on 192.0.2.1`` where only some of the serving addresses are faulty, else nothing."""
    addresses = [address for one in faulty for address in one.addresses]
    if len(addresses) == sum(view.leaf is not None for view in observation.tls):
        return ""
    return f" on {listed(addresses)}"


def listed(items: Iterable[str]) -> str:
    """A few items for a sentence: ``a, b, c and 4 more``."""
    every = list(items)
    rest = f" and {len(every) - 3} more" if len(every) > 3 else ""
    return ", ".join(item[:100] for item in every[:3]) + rest


def facts_of(faulty: Sequence[Served]) -> dict[str, Any]:
    """The first certificate and the addresses of them all, JSON-ready; at least one is given."""
    leaf = faulty[0].leaf
    return {
        "addresses": [address for one in faulty for address in one.addresses],
        "subject": leaf.subject,
        "issuer": leaf.issuer,
        "serial": leaf.serial,
        "fingerprint_sha256": leaf.fingerprint,
        "not_before": instant(leaf.not_before),
        "not_after": instant(leaf.not_after),
    }


def instant(at: datetime) -> str:
    """RFC 3339 in UTC, to the second: ``2026-03-15T00:00:00Z``."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def day(at: datetime) -> str:
    """An instant for a sentence: ``2026-03-15 00:00 UTC``."""
    return instant(at)[:16].replace("T", " ") + " UTC"


def span(length: timedelta) -> str:
    """A span for a sentence, rounded down: ``12 days``, ``30 hours``, ``5 minutes``."""
    for name, unit in _UNITS:
        if length >= 2 * unit:
            return f"{length // unit} {name}"
    return f"{max(length // timedelta(minutes=1), 0)} minutes"
