"""Renewals for tests of what is shown of them."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from certwatch.core.renewal import Reason, Renewal, Step
from tests.factories import NAME, NOW


def renewal(**changes: Any) -> Renewal:
    """A renewal that is tried tomorrow."""
    made = Renewal(
        id=1,
        domain=NAME,
        reason=Reason.LIFETIME,
        step=Step.QUEUED,
        directory="https://ca.test/directory",
        created_at=NOW,
        due_at=NOW + timedelta(days=1),
    )
    return replace(made, **changes)
