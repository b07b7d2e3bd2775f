"""What a failure comes to: whose it was, when to try again, and whether it was everybody's.

A cause that many share (the CA is down, our own edge does not pass challenges on, certificates
cannot be put in place) pauses ordering for all, and uses up nobody's attempts.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

from certwatch.core.backoff import delay, is_exhausted
from certwatch.core.renewal import Blame, Renewal, Setback, Step
from certwatch.errors import RenewalError
from certwatch.services.workshop import Outcome, Workshop

_LONGEST_PAUSE = timedelta(hours=2)  # the breaker's own is an hour
_GIVEN_UP = 8  # failures to fetch what may be issued: a week of them
CA_CAUSE = "ca:{directory}"
_BEFORE = (CA_CAUSE, "challenge_blocked")
_CAUSES: Mapping[Step, tuple[str, ...]] = {
    Step.QUEUED: (*_BEFORE, "deploy"),
    Step.RESERVED: _BEFORE,
    Step.ORDERED: _BEFORE,
    Step.FINALIZED: (CA_CAUSE,),
    Step.ISSUED: ("deploy",),
}


async def paused(shop: Workshop, waiting: Renewal) -> Outcome | None:
    """A shared cause that makes ordering wait, so that nobody's attempts are used up by it."""
    pauses, now = await asyncio.to_thread(shop.store.pauses), shop.clock.now()
    for cause in _CAUSES.get(waiting.step, ()):
        until, why = pauses.get(cause.format(directory=waiting.directory), (now, ""))
        if now < until <= now + _LONGEST_PAUSE:  # one beyond was set by a clock that was ahead
            return Outcome(
                domain=waiting.domain, step=waiting.step, detail=f"paused: {why}", retry_at=until
            )
    return None


async def set_back(shop: Workshop, renewal: Renewal, error: RenewalError) -> Outcome:
    """Write down a failure, and when to try again; a shared cause uses up nobody's attempts."""
    now = shop.clock.now()
    setback = Setback(
        at=now, kind=error.kind, blame=Blame(error.blame), detail=str(error), remedy=error.remedy
    )
    until = await _shared(shop, renewal, error, now)
    left = renewal.deadline_at - now if renewal.deadline_at else None
    anew = renewal.setback is None or renewal.setback.blame is not setback.blame
    attempts = (0 if anew else renewal.attempts) + (until is None)
    due_at = max(filter(None, (now + delay(attempts, left, shop.draw()), error.retry_at, until)))
    refund = _spent_nothing(renewal, error)
    quarantine = refund and until is None and is_exhausted(attempts, setback.blame)
    abandon = _is_hopeless(renewal, error, attempts)
    kept = await asyncio.to_thread(
        shop.store.fail,
        renewal,
        setback,
        due_at=due_at,
        attempts=attempts,
        refund=refund,
        quarantine=quarantine,
        abandon=abandon,
    )
    return Outcome(
        domain=renewal.domain,
        step=Step.QUEUED if abandon else kept.step,  # the plan wishes for another one
        detail=setback.detail,
        remedy=setback.remedy,
        blame=setback.blame,
        retry_at=None if quarantine else due_at,
    )


def _spent_nothing(renewal: Renewal, error: RenewalError) -> bool:
    """Whether no certificate can come of it: the CSR was not sent, or the CA says that the order is
    invalid. Before that, an order that the CA could not show just now is kept."""
    if renewal.step is Step.ORDERED:
        return error.is_final or error.blame != Blame.CA or error.kind == "orderGone"
    if renewal.step is Step.FINALIZED:
        return error.is_final and error.kind != "orderGone"
    return renewal.step is Step.RESERVED


def _is_hopeless(renewal: Renewal, error: RenewalError, attempts: int) -> bool:
    """Whether a certificate may have been issued that we shall never have: its place stays spent,
    and another one is ordered."""
    if renewal.step is not Step.FINALIZED or error.kind == "unknown_ca":
        return False
    lost = error.kind == "keyMismatch" or (error.kind == "orderGone" and error.is_final)
    return lost or attempts >= _GIVEN_UP


async def _shared(
    shop: Workshop, renewal: Renewal, error: RenewalError, now: datetime
) -> datetime | None:
    """Until when a cause that many share pauses ordering; None while it is this domain's own."""
    cause = _cause_of(renewal, error)
    if cause is None:
        return None
    await asyncio.to_thread(
        shop.store.note_cause, cause, renewal.domain, failed=True, detail=str(error), now=now
    )
    until, _ = (await asyncio.to_thread(shop.store.pauses)).get(cause, (now, ""))
    return until if now < until <= now + _LONGEST_PAUSE else None


def _cause_of(renewal: Renewal, error: RenewalError) -> str | None:
    if error.blame == Blame.CA:
        return CA_CAUSE.format(directory=renewal.directory)
    return error.kind if error.kind in ("challenge_blocked", "deploy") else None


async def well(shop: Workshop, cause: str, renewal: Renewal) -> None:
    """A shared cause did no harm this time: what it paused goes on."""
    await asyncio.to_thread(
        shop.store.note_cause,
        cause.format(directory=renewal.directory),
        renewal.domain,
        failed=False,
        detail="",
        now=shop.clock.now(),
    )
