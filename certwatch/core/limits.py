"""What CAs allow and announce, read from ``config/ca_limits.toml``."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from certwatch.core.budget import TokenBucket
from certwatch.core.durations import parse_duration
from certwatch.core.renewal import Lifetimes


@dataclass(frozen=True, slots=True, kw_only=True)
class CaLimits:
    """One CA: its own limits, and how long its certificates live by profile (``""`` is what it
    issues when none is asked for). ``directory`` is how its directory's URL begins."""

    title: str
    directory: str
    buckets: tuple[TokenBucket, ...]
    lifetimes: Mapping[str, Lifetimes]


@dataclass(frozen=True, slots=True)
class KnownCas:
    """The CAs whose limits are known; any other has none, and announces nothing."""

    cas: tuple[CaLimits, ...]

    def buckets(self, directory: str) -> Sequence[TokenBucket]:
        """The limits of the CA with that directory URL."""
        ca = self._find(directory)
        return ca.buckets if ca else ()

    def lifetimes(self, directory: str, profile: str = "") -> Lifetimes | None:
        """How long its certificates of that profile live, as far as it is announced."""
        ca = self._find(directory)
        return ca.lifetimes.get(profile) if ca else None

    def _find(self, directory: str) -> CaLimits | None:
        return next((ca for ca in self.cas if directory.startswith(ca.directory)), None)


def parse_limits(text: str) -> KnownCas:
    """The content of ``ca_limits.toml``. Raises ValueError or KeyError for what is no such text."""
    return KnownCas(tuple(_ca(row) for row in tomllib.loads(text)["ca"]))


def _ca(row: Mapping[str, Any]) -> CaLimits:
    return CaLimits(
        title=row["title"],
        directory=row["directory"],
        buckets=tuple(_bucket(**limit) for limit in row["limits"]),
        lifetimes={profile: _lifetimes(steps) for profile, steps in row["lifetimes"].items()},
    )


def _bucket(
    *,
    tokens: int,
    window: str,
    exempt: Sequence[str] = (),
    uncounted: Sequence[str] = (),
    **names: str,
) -> TokenBucket:
    refill = parse_duration(window) / tokens
    return TokenBucket(
        burst=tokens, refill=refill, exempt=tuple(exempt), uncounted=tuple(uncounted), **names
    )


def _lifetimes(steps: Sequence[Mapping[str, Any]]) -> Lifetimes:
    return Lifetimes(
        tuple((_midnight(step.get("from")), parse_duration(step["life"])) for step in steps)
    )


def _midnight(day: date | None) -> datetime:
    return datetime.combine(day or date.min, time.min, tzinfo=UTC)
