"""Judgements about our own side: made over time or over a whole sweep, not on one observation."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from statistics import median

from certwatch.checks import registry
from certwatch.checks.registry import Code
from certwatch.core.durations import format_duration
from certwatch.core.model import (
    DnsStatus,
    Failure,
    Finding,
    HttpView,
    Observation,
    ResolverState,
    Severity,
)

CHECK_CRASHED = registry.CRASHED  # so that the codes of this family are complete
STALE = Code("stale", "ours", Severity.WARNING, "no look for three intervals")
MONITOR_SICK = Code(
    "monitor_sick", "ours", Severity.CRITICAL, "most of a sweep fails at once: the fault is ours"
)
CLOCK_SKEW = Code("clock_skew", "ours", Severity.WARNING, "our clock differs from everybody's")

MISSED = 3  # intervals without a look
FEWEST_LOOKS = 5  # fewer dark looks than this prove nothing about us
FEWEST_CLOCKS = 3
_SILENT = (DnsStatus.TIMEOUT, DnsStatus.UNREACHABLE)
_DARK = (Failure.REFUSED, Failure.TIMEOUT, Failure.UNREACHABLE, Failure.LOCAL)


def stale(
    latest_observed_at: datetime | None, interval: timedelta, now: datetime
) -> Finding | None:
    """The finding when a domain's latest look is three intervals old; None for a domain that was
    never looked at, because it is new."""
    if latest_observed_at is None or now - latest_observed_at < MISSED * interval:
        return None
    age = now - latest_observed_at
    return STALE.finding(
        f"the latest look is {age.days} days and {age.seconds // 3600} hours old; one is due every "
        f"{format_duration(interval)}",
        "see whether `certwatch run` or the scheduled `certwatch scan` still works: "
        "`certwatch doctor`",
        {"age_seconds": int(age.total_seconds()), "interval": format_duration(interval)},
    )


def is_dark(observation: Observation) -> bool:
    """Whether a look came back with nothing at all: DNS was silent, or no address took a connection
    on any port. Such a look may say more about us than about the domain."""
    if observation.dns.status in _SILENT:
        return True
    if observation.dns.status is not DnsStatus.OK:
        return False
    troubles = [view.trouble for view in observation.tls]
    troubles += [view.trouble for view in observation.http]
    return all(trouble is not None and trouble.kind in _DARK for trouble in troubles)


def is_lost(observation: Observation) -> bool:
    """Whether a domain does not exist at all, as far as our nameservers know."""
    dns = observation.dns
    return dns.status is DnsStatus.NXDOMAIN and not dns.cname_chain


def sick(total: int, dark: int, lost: int, resolver: ResolverState) -> Finding | None:
    """The finding when a sweep of ``total`` looks fails on our side.

    No resolver of ours answers and a look is dark; or, of at least five looks, more than half are
    dark, or more than half are lost while our resolver does not know even the root of DNS.
    """
    many = total >= FEWEST_LOOKS
    if dark and resolver is ResolverState.SILENT:
        failed, cause = dark, "no nameserver of ours answers"
    elif many and lost * 2 > total and resolver is ResolverState.LOST:
        failed, cause = lost, "our nameservers do not know even the root of DNS"
    elif many and dark * 2 > total:
        failed, cause = dark, "they fail all at once"
    else:
        return None
    return MONITOR_SICK.finding(
        f"{failed} of {total} looks saw nothing at all, and {cause}: certwatch is cut off, "
        "so the domains' state is unknown",
        "check this machine's network, firewall and resolvers: `certwatch doctor`",
        {"total": total, "dark": dark, "lost": lost, "resolver": resolver.value},
    )


def clock_offset(observation: Observation) -> Mapping[str, timedelta]:
    """By address: how far our clock is ahead of the Date header of its answer."""
    answers = (*observation.http, *observation.https)
    found = ((view.address, _date(view)) for view in answers)
    return {address: observation.observed_at - at for address, at in found if at is not None}


def _date(view: HttpView) -> datetime | None:
    """When an answer was sent: Date, and Age where a cache kept it (RFC 9111 section 5.1)."""
    age = (view.header("age") or "0").strip()
    try:
        at = parsedate_to_datetime(view.header("date") or "")
        return at + timedelta(seconds=int(age)) if at.tzinfo and len(age) < 10 else None
    except (ValueError, OverflowError):
        return None


def clock_skew(offsets: Sequence[timedelta], limit: timedelta) -> Finding | None:
    """The finding when the median of ``offsets``, one an address and at least three, is beyond the
    limit. One wrong clock elsewhere does not move the median."""
    if len(offsets) < FEWEST_CLOCKS:
        return None
    seconds = int(median(offset.total_seconds() for offset in offsets))
    if abs(seconds) <= limit.total_seconds():
        return None
    side = "ahead of" if seconds > 0 else "behind"
    return CLOCK_SKEW.finding(
        f"this machine's clock is {abs(seconds)} seconds {side} the clocks of {len(offsets)} "
        "web servers",
        "set the clock, and keep it set by NTP (systemd-timesyncd or chrony)",
        {"offset_seconds": seconds, "clocks": len(offsets)},
    )
