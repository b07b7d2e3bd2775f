"""Asking the CA when it wants its certificates renewed (RFC 9773)."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from certwatch.core.due import next_poll, select_time
from certwatch.core.renewal import Ari, Lineage, Step
from certwatch.errors import RenewalError
from certwatch.ports import RenewalInfo
from certwatch.services.workshop import Workshop

_AT_ONCE = 8
_PATIENCE = 3  # one failure among many answers must not hide from us what else the CA suggests
_UNDER_WAY = (Step.RESERVED, Step.ORDERED, Step.FINALIZED)
_LONGEST_WAIT = timedelta(days=1)  # a later poll was set by a clock that was ahead


async def poll_ari(shop: Workshop, on_trouble: Callable[[str], None] = lambda text: None) -> int:
    """Ask for every certificate whose poll is due; returns how many answers came.

    Expired and replaced certificates are never asked for (section 4.3), nor those whose successor
    is under way and may be issued already. A CA that does not answer
    three times in a row is left alone until the next time; what it said before holds.
    """
    now = shop.clock.now()
    due = iter(await asyncio.to_thread(_due, shop, now))
    answers, in_vain = 0, Counter[str]()  # questions in a row without an answer, by directory

    async def worker() -> None:
        nonlocal answers
        for lineage in due:
            if in_vain[lineage.directory] >= _PATIENCE:
                continue
            try:
                answers += await _poll(shop, lineage, now)
                in_vain[lineage.directory] = 0
            except RenewalError as error:
                in_vain[lineage.directory] += 1
                on_trouble(f"{lineage.domain}: {error}")

    await asyncio.gather(*(worker() for _ in range(_AT_ONCE)))
    return answers


def _due(shop: Workshop, now: datetime) -> list[Lineage]:
    followed = {one.domain for one in shop.store.open_renewals() if one.step in _UNDER_WAY}
    lineages = (one for one in shop.store.lineages() if one.domain not in followed)
    return [lineage for lineage in lineages if _is_due(lineage, now)]


def _is_due(lineage: Lineage, now: datetime) -> bool:
    if lineage.ari_id is None or lineage.certificate.not_after <= now:
        return False
    return lineage.ari is None or not now < lineage.ari.next_poll_at <= now + _LONGEST_WAIT


async def _poll(shop: Workshop, lineage: Lineage, now: datetime) -> bool:
    issuer, ari_id = shop.issuers.get(lineage.directory), lineage.ari_id
    if issuer is None or ari_id is None:
        return False
    try:
        info = await asyncio.to_thread(issuer.renewal_info, ari_id)
    except RenewalError as error:
        if lineage.ari is not None:
            wait = error.retry_at - now if error.retry_at else None
            await _keep(shop, lineage, replace(lineage.ari, next_poll_at=next_poll(wait, now)))
        raise
    if info is None:
        return False
    await _keep(shop, lineage, suggested(lineage.ari, info, now, shop.draw()))
    return True


async def _keep(shop: Workshop, lineage: Lineage, ari: Ari) -> None:
    await asyncio.to_thread(shop.store.keep_ari, lineage.domain, lineage.ari_id or "", ari)


def suggested(before: Ari | None, info: RenewalInfo, now: datetime, draw: float) -> Ari:
    """What an answer comes to: the instant drawn before stays while it lies in the window; else one
    is drawn uniformly from it (section 4.2)."""
    kept = before is not None and info.start_at <= before.selected_at <= info.end_at
    return Ari(
        start_at=info.start_at,
        end_at=info.end_at,
        selected_at=before.selected_at
        if before and kept
        else select_time(info.start_at, info.end_at, draw),
        next_poll_at=next_poll(info.retry_in, now),
        explanation_url=info.explanation_url,
    )
