"""Connections to a CA that know its directory and sign for its account."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from josepy.interfaces import JSONDeSerializable

from certwatch.acme.account import Account, Accounts
from certwatch.acme.directory import Directory, read_directory
from certwatch.acme.network import Answer, Endpoint, Network
from certwatch.errors import RenewalError


@dataclass(frozen=True, slots=True)
class Session:
    """A connection that signs for the account."""

    network: Network
    directory: Directory
    account: Account

    def post(self, url: str, payload: JSONDeSerializable) -> Answer:
        """Send something."""
        return self.network.send(url, payload, new_nonce=self.directory.new_nonce)

    def read(self, url: str, accept: str = "") -> Answer:
        """Ask for something, which is signed too (POST-as-GET, RFC 8555 section 6.3)."""
        return self.network.send(url, None, new_nonce=self.directory.new_nonce, accept=accept)


class Sessions:
    """Lends a connection to each call, so that no two threads share its nonces, and keeps the idle.

    The directory is asked for once, and again after a failure of the CA.
    """

    def __init__(self, endpoint: Endpoint, accounts: Accounts) -> None:
        self._endpoint = endpoint
        self._accounts = accounts
        self._idle: deque[Network] = deque()
        self._directory: Directory | None = None

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def signed(self) -> Iterator[Session]:
        """A connection that signs for the account, which is registered if need be."""
        with self.plain() as (network, directory):
            account = self._accounts.get(network, directory)
            network.sign_as(account.key, account.url)
            try:
                yield Session(network, directory, account)
            except RenewalError as error:
                if error.kind == "accountDoesNotExist":
                    self._accounts.forget(account)
                raise

    @contextmanager
    def plain(self) -> Iterator[tuple[Network, Directory]]:
        """A connection, and where everything is."""
        network = self._borrowed()
        try:
            yield network, self._known(network)
        except RenewalError as error:
            if error.kind in ("ca_error", "ca_unreachable"):
                self._directory = None
            raise
        finally:
            self._idle.append(network)

    def _borrowed(self) -> Network:
        try:
            return self._idle.pop()
        except IndexError:
            return Network(self._endpoint)

    def _known(self, network: Network) -> Directory:
        known = self._directory
        if known is None:  # several at once is better than a queue before a CA that is silent
            known = self._directory = read_directory(network, self._endpoint.directory)
        return known
