"""The system's clock."""

from datetime import UTC, datetime


class SystemClock:
    """The time of this machine."""

    def now(self) -> datetime:
        """This instant, aware UTC."""
        return datetime.now(UTC)
