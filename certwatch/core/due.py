"""Is it time? What the plan must know of one domain: from when on it wants a certificate, and why.

The CA's suggested window decides (RFC 9773), else two thirds of the life, half of it below ten
days. The window of one certificate says nothing of another: it counts only with the lineage that
it was asked for.
"""

from datetime import datetime, timedelta

from certwatch.core.lifetime import usual_left
from certwatch.core.model import Certificate
from certwatch.core.renewal import Ari, Lineage, Need, Reason

_FLOOR = 20  # a suggestion in the last twentieth of the life comes too late (certmagic's rule)
_SOONEST, _LATEST, _USUAL = timedelta(minutes=1), timedelta(days=1), timedelta(hours=6)


def normal_time(not_before: datetime, not_after: datetime) -> datetime:
    """When a certificate is normally renewed: at two thirds of its life, half below ten days."""
    return not_after - usual_left(not_after - not_before)


def need(
    domain: str,
    *,
    now: datetime,
    lineage: Lineage | None = None,
    served: Certificate | None = None,
    is_revoked: bool = False,
    earliest_at: datetime | None = None,
) -> Need:
    """What a domain needs.

    ``lineage``: the newest certificate that we issued for it; without one, ``served`` is the
    certificate that was last seen on it and led to a trusted root. ``is_revoked`` is said of that
    same certificate. ``earliest_at``: a failed attempt is waited out until then.
    """
    certificate = lineage.certificate if lineage else served
    if certificate is None:
        due = now, Reason.NEW
    elif is_revoked:
        due = now, Reason.REVOKED
    elif certificate.not_after <= now:
        due = now, Reason.EXPIRED
    else:
        due = _due(certificate, lineage.ari if lineage else None, now)
    return Need(
        domain=domain,
        not_after=certificate.not_after if certificate else None,
        normal_at=due[0],
        reason=due[1],
        earliest_at=earliest_at,
    )


def _due(certificate: Certificate, ari: Ari | None, now: datetime) -> tuple[datetime, Reason]:
    normal_at = normal_time(certificate.not_before, certificate.not_after)
    if ari is None:
        return normal_at, Reason.LIFETIME
    if ari.end_at <= now:
        # The CA moved the window into the past (Let's Encrypt: an hour back): it is going to
        # revoke. One that passed in its own time was only missed.
        return now, Reason.REVOKED if ari.end_at < normal_at else Reason.ARI
    floor = certificate.not_after - certificate.lifetime / _FLOOR
    return min(ari.selected_at, floor), Reason.ARI


def select_time(start_at: datetime, end_at: datetime, draw: float) -> datetime:
    """An instant of the suggested window, uniform in ``draw`` from [0, 1) (RFC 9773 section 4.2).

    Raises ValueError for a window that does not end after it starts; it is to be treated as none.
    """
    if end_at <= start_at:
        raise ValueError("the suggested window ends before it starts: ask the CA again later")
    return start_at + (end_at - start_at) * draw


def next_poll(retry_in: timedelta | None, now: datetime) -> datetime:
    """When to ask for the window again: after Retry-After, which is held between a minute and a
    day; after six hours where it is absent (RFC 9773 sections 4.3.2 and 4.3.3)."""
    return now + (_USUAL if retry_in is None else min(max(retry_in, _SOONEST), _LATEST))
