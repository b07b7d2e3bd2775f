"""Before an order is made: could the CA validate this domain? A failed precheck spends nothing."""

import asyncio
import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta

from certwatch.checks import CHECKS
from certwatch.core.model import (
    Failure,
    Finding,
    HttpView,
    Memory,
    Mode,
    Severity,
    TrackingDomain,
)
from certwatch.core.precheck import challenge_fault
from certwatch.core.renewal import Blame
from certwatch.errors import RenewalError
from certwatch.ports import Looks
from certwatch.services.scan import judge_look, spoiled
from certwatch.services.workshop import Workshop

_PLANTED = timedelta(minutes=10)  # how long a token answers, should nobody uproot it
_IN_THE_WAY = (  # check codes with which no CA would issue for us
    "dns_failed",
    "cname_missing",
    "cname_wrong",
    "cname_dangling",
    "cname_loop",
    "zone_appended",
    "caa_blocks",
)
_BLOCKERS = tuple(check for check in CHECKS if check.code in _IN_THE_WAY)


async def precheck(shop: Workshop, name: str) -> None:
    """See from outside whether the CA could validate this domain. Raises RenewalError with the fix.

    Intent, DNS and CAA are judged as a scan judges them, and a token that we plant must come back
    from every address (RFC 8555 section 8.3 lets the CA ask any of them).
    """
    token, content = secrets.token_urlsafe(32), f"certwatch-precheck.{secrets.token_urlsafe(16)}"
    domain = await asyncio.to_thread(shop.store.domain, name)
    if domain.mode is not Mode.ACME:
        raise RenewalError(
            f"{name} is no longer in mode acme",
            kind="not_ours",
            blame=Blame.OURS,
            remedy="nothing: it is not ours to renew any more",
        )
    now = shop.clock.now()
    await asyncio.to_thread(shop.store.plant, token, content, name, now + _PLANTED)
    try:
        async with shop.prober.sweep() as looks:
            await _look(shop, looks, domain, now)
            views = await looks.challenge(domain, token)
    finally:
        await asyncio.to_thread(shop.store.uproot, token)
    if fault := challenge_fault(views, content):
        summary, remedy, _ = fault
        raise RenewalError(summary, kind="challenge_blocked", blame=_blame_of(views), remedy=remedy)


async def _look(shop: Workshop, looks: Looks, domain: TrackingDomain, now: datetime) -> None:
    seen = await looks.look(domain, now)
    if spoiled(seen):
        raise RenewalError(
            f"{domain.name} cannot be looked at from here: {seen.dns.status}",
            kind="our_network",
            blame=Blame.OURS,
            remedy="check this machine's network and resolvers: `certwatch doctor`",
        )
    judged = judge_look((domain, seen), Memory(), 1, shop.house, _BLOCKERS)
    for finding in _grave(judged.findings):
        raise RenewalError(
            finding.summary, kind=finding.check, blame=Blame.CUSTOMER, remedy=finding.remedy
        )


def _grave(findings: tuple[Finding, ...]) -> Iterator[Finding]:
    return (one for one in findings if one.severity is not Severity.INFO)


def _blame_of(views: tuple[HttpView, ...]) -> Blame:
    ours = [view.trouble is not None and view.trouble.kind is Failure.LOCAL for view in views]
    return Blame.OURS if views and all(ours) else Blame.CUSTOMER
