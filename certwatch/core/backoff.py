"""How long a failed renewal waits, and when it is left to a person.

One minute, ten, a hundred, then daily (Let's Encrypt's integration guide); but never longer than a
third of the time left, so that a certificate about to expire is tried again while that helps.
"""

from datetime import timedelta

from certwatch.core.renewal import Blame

_LADDER = tuple(timedelta(minutes=minutes) for minutes in (1, 10, 100, 24 * 60))
_LEAST = _LADDER[0]
_JITTER = 0.1  # so that domains that failed together do not come back together
_PATIENCE = 5  # failures: two hours of quick ones, then a day for the customer to mend it


def delay(attempts: int, left: timedelta | None, draw: float) -> timedelta:
    """How long to wait after so many failures in a row, this one included.

    ``left``: the time to the expiry of the certificate in place, None without one; ``draw``: a
    random number in [0, 1), stored by way of the result.
    """
    step = _LADDER[min(max(attempts, 1), len(_LADDER)) - 1]
    jittered = step * (1 + _JITTER * (2 * draw - 1))
    if left is None or left <= timedelta(0):
        return max(jittered, _LEAST)
    return max(min(jittered, left / 3), _LEAST)


def is_exhausted(attempts: int, blame: Blame) -> bool:
    """Whether so many failures in a row, this one included, call for a person: only those do that
    the customer alone can mend."""
    return blame is Blame.CUSTOMER and attempts >= _PATIENCE
