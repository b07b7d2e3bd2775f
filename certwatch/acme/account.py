"""The account at the CA: one ECDSA P-256 key, kept sealed, and where the CA keeps its side."""

import binascii
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from acme import messages
from josepy.b64 import b64decode
from josepy.jwk import JWKEC

from certwatch.acme.directory import Directory
from certwatch.acme.guard import at_home
from certwatch.acme.keys import load_key, new_key
from certwatch.acme.network import Network
from certwatch.acme.problems import failure_of
from certwatch.acme.vault import Vault
from certwatch.errors import RenewalError

Stored = tuple[str | None, bytes]  # the account's URL once it is registered, its sealed key
Load = Callable[[], Stored | None]
Keep = Callable[[str | None, bytes], Stored]

_OF_BINDING = re.compile(r"external.?account|\b(binding|eab|kid|h?mac)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Account:
    """A registered account."""

    url: str
    key: JWKEC = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What an account is registered with (RFC 8555 section 7.3)."""

    contact: str = ""
    eab_kid: str = ""
    eab_hmac_key: str = field(default="", repr=False)


class Accounts:
    """Finds the account in the store, or makes one there and registers it, once for all threads.

    The key is stored before the CA hears of it, so that a crash in between loses no account: the
    CA answers a key that it knows with the account of that key (RFC 8555 section 7.3.1).
    """

    def __init__(self, vault: Vault, load: Load, keep: Keep, registration: Registration) -> None:
        self._vault = vault
        self._load = load
        self._keep = keep
        self._registration = registration
        self._lock = threading.Lock()
        self._account: Account | None = None
        self._forgotten: str | None = None

    def get(self, network: Network, directory: Directory) -> Account:
        """The account, registered. Raises RenewalError."""
        with self._lock:
            if self._account is None:
                self._account = self._find(network, directory)
            return self._account

    def forget(self, account: Account) -> None:
        """The CA does not know this account: register its key again next time."""
        with self._lock:
            if self._account == account:
                self._account, self._forgotten = None, account.url

    def _find(self, network: Network, directory: Directory) -> Account:
        stored = self._load() or self._keep(None, self._vault.seal(new_key("ecdsa-p256")))
        url, sealed = stored
        account = Account(url or "", self._unsealed(sealed))
        if url and url != self._forgotten:
            return account
        account = replace(account, url=self._register(network, directory, account.key))
        url, winner = self._keep(account.url, sealed)
        if winner == sealed or not url:
            return account
        return Account(url, self._unsealed(winner))

    def _unsealed(self, sealed: bytes) -> JWKEC:
        return JWKEC(key=load_key(self._vault.unseal(sealed)))

    def _register(self, network: Network, directory: Directory, key: JWKEC) -> str:
        """The URL of the key's account, new or old. Terms of service are agreed to."""
        contact = self._registration.contact.removeprefix("mailto:")
        request = messages.NewRegistration.from_data(
            email=contact or None,
            terms_of_service_agreed=True,
            external_account_binding=self._binding(directory, key),
        )
        network.sign_as(key, None)
        try:
            answer = network.send(directory.new_account, request, new_nonce=directory.new_nonce)
        except RenewalError as error:
            raise self._meaning(error) from None
        return at_home(answer.location(), directory.url)

    def _meaning(self, error: RenewalError) -> RenewalError:
        """A refusal to register, by what was registered with; CAs have no word of their own for an
        external account that they do not know."""
        is_malformed, registration = error.kind == "malformed", self._registration
        if registration.eab_kid and registration.eab_hmac_key:
            speaks_of_it = is_malformed and _OF_BINDING.search(str(error))
            if speaks_of_it or error.kind in ("unauthorized", "externalAccountRequired"):
                told = f"the CA does not accept the external account key: {error}"
                return failure_of("externalAccountRequired", told)
        if is_malformed and not registration.contact:
            return failure_of("invalidContact", str(error))
        return error

    def _binding(self, directory: Directory, key: JWKEC) -> dict[str, object] | None:
        """The external account binding (RFC 8555 section 7.3.4), where one is set or demanded."""
        kid, hmac_key = self._registration.eab_kid, self._registration.eab_hmac_key
        if not kid or not hmac_key:
            if directory.demands_binding:
                raise failure_of(
                    "externalAccountRequired", "the CA wants to know an account of its website"
                )
            return None
        endpoints = messages.Directory({"newAccount": directory.new_account})
        usual = hmac_key.strip().rstrip("=").translate(str.maketrans("+/", "-_"))
        try:
            b64decode(usual)
            return messages.ExternalAccountBinding.from_data(
                key.public_key(), kid, usual, endpoints
            )
        except (ValueError, binascii.Error):
            raise failure_of(
                "externalAccountRequired", "acme.eab_hmac_key is not base64url"
            ) from None
