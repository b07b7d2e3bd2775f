"""The life of a certificate: when it is renewed, when that gets late, and how long it may be.

Spans are fractions of the life, because certificates live 6, 45, 64, 90 or 398 days.
"""

from datetime import UTC, datetime, timedelta

from certwatch.core.policy import Thresholds

# CA/Browser Forum Baseline Requirements section 6.3.2 (ballots 193, SC-31 and SC-081): the longest
# life in days of a certificate that is made from that day on.
_LONGEST = tuple(
    (datetime(year, month, day, tzinfo=UTC), timedelta(days=days))
    for year, month, day, days in (
        (2029, 3, 15, 47),
        (2027, 3, 15, 100),
        (2026, 3, 15, 200),
        (2020, 9, 1, 398),
        (2018, 3, 1, 825),
    )
)
_SHORT = timedelta(days=10)


def usual_left(life: timedelta) -> timedelta:
    """The time left at which a certificate is normally renewed: a third of its life, half of it
    below ten days (Let's Encrypt's integration guide)."""
    return life / 2 if life < _SHORT else life / 3


def alarm_spans(life: timedelta, limits: Thresholds) -> tuple[timedelta, timedelta]:
    """The times left below which a certificate is a warning, and critical.

    Critical is capped at half the warning's cap, so that a long-lived certificate passes through
    both: 30 and 15 days of 398, 22.5 and 13.5 of 90, 36 and 21.6 hours of 6 days.
    """
    return (
        min(life * limits.warning_fraction, limits.warning_cap),
        min(life * limits.critical_fraction, limits.warning_cap / 2),
    )


def longest_allowed(not_before: datetime) -> timedelta | None:
    """The longest life that the CA/Browser Forum allows a certificate made at that time; None
    before it counted in days."""
    return next((limit for first, limit in _LONGEST if not_before >= first), None)
