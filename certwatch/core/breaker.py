"""One cause failing many: ordering pauses, so that nobody's attempts are used up by it.

The breaker of a cause is closed (everybody may try), open (``paused_until`` lies ahead) or half
open (the pause is over: whoever comes next is the trial). A failure of the trial opens it again for
twice as long; a success closes it (``CLOSED``).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

WINDOW = timedelta(hours=1)  # failures older than that are forgotten
MANY = 3  # distinct domains that fail for one cause
_SHORTEST, _LONGEST = timedelta(minutes=5), timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """The state of one cause; ``trips`` counts the pauses in a row."""

    paused_until: datetime | None = None
    trips: int = 0

    def is_open(self, now: datetime) -> bool:
        """Whether ordering pauses."""
        return self.paused_until is not None and now < self.paused_until


CLOSED = Breaker()


def after_failure(
    breaker: Breaker, failures: Iterable[tuple[str, datetime]], now: datetime
) -> Breaker:
    """The breaker after one more failure of its cause.

    ``failures``: domain and instant of those known since the last success, this one included; ones
    that are older than ``WINDOW`` do not count. What fails while ordering pauses was begun before,
    and changes nothing.
    """
    if breaker.is_open(now):
        return breaker
    trips = _remembered(breaker, now)
    failing = {domain for domain, at in failures if now - WINDOW < at <= now}
    if not trips and len(failing) < MANY:
        return CLOSED
    pause = min(_SHORTEST * 2 ** min(trips, 8), _LONGEST)
    return Breaker(paused_until=now + pause, trips=trips + 1)


def _remembered(breaker: Breaker, now: datetime) -> int:
    """The pauses in a row, unless the last of them is long over."""
    if breaker.paused_until is None or now - breaker.paused_until >= WINDOW:
        return 0
    return breaker.trips
