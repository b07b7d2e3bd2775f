"""Everything certwatch can fail with on purpose.

::

    CertwatchError            something certwatch cannot do; exit code 3
    |-- UsageError            the caller asked for something impossible; exit code 2
    |   |-- SettingsError     a setting is unknown, unreadable or out of range
    |   |-- InvalidName       not a DNS name that a certificate can be issued for
    |   `-- InventoryError    an inventory row or file is wrong
    |-- CertificateError      bytes that are no certificate
    |-- StoreError            the database cannot be reached, read or written
    |-- UpstreamError         the CA, the mail server, the chat or a resolver does not work for us
    |-- ListenError           an address that certwatch should answer on cannot be had
    |-- RenewalError          one attempt at a certificate failed; it says whose fault it was
    |-- LostClaim             another process works on this renewal now: leave it alone
    `-- LabError              the loopback world cannot be started here

A failure of a *look* (a refused connection, an expired certificate, a resolver that does
not answer) is never an exception: it is a field of the observation.
"""

from datetime import datetime


class CertwatchError(Exception):
    """Something certwatch cannot do; the message says what is wrong and what to do."""

    exit_code = 3


class UsageError(CertwatchError):
    """The caller asked for something impossible."""

    exit_code = 2


class SettingsError(UsageError):
    """A setting is unknown, unreadable or out of range."""


class InvalidName(UsageError):
    """Not a DNS name that a certificate can be issued for."""


class InventoryError(UsageError):
    """An inventory row or file is wrong."""


class CertificateError(CertwatchError):
    """Bytes that are no certificate."""


class StoreError(CertwatchError):
    """The database cannot be reached, read or written."""


class UpstreamError(CertwatchError):
    """The CA, the mail server, the chat or a resolver does not work for us.

    ``remedy`` is what to do about it.
    """

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


class ListenError(CertwatchError):
    """An address that certwatch should answer on cannot be had.

    ``in_use``: somebody listens there already, perhaps another certwatch.
    """

    def __init__(self, message: str, *, in_use: bool) -> None:
        super().__init__(message)
        self.in_use = in_use


class RenewalError(CertwatchError):
    """One attempt at a certificate failed.

    ``kind`` is a short word of its own for each cause (``rateLimited``, ``caa``, ``deploy``, a
    check code), ``blame`` one of ``certwatch.core.renewal.Blame``, ``remedy`` what to do about it;
    ``retry_at`` is set where the other side said when; ``is_final`` when the CA said that this
    order will never become a certificate.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: str,
        blame: str,
        remedy: str,
        retry_at: datetime | None = None,
        is_final: bool = False,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.blame = blame
        self.remedy = remedy
        self.retry_at = retry_at
        self.is_final = is_final


class LostClaim(CertwatchError):
    """Another process works on this renewal now: leave it alone."""


class LabError(CertwatchError):
    """The loopback world cannot be started here."""
