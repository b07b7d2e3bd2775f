"""One CA directory with one account, over ACME (RFC 8555), profiles and ARI (RFC 9773).

Nothing is remembered here but the directory, the account and idle connections: every order is asked
for again, so that a process that knows its URL alone can go on with it.
"""

from urllib.parse import quote

from acme import challenges, messages
from josepy.json_util import field

from certwatch.acme import keys
from certwatch.acme.account import Accounts, Keep, Load, Registration
from certwatch.acme.chain import MEDIA_TYPE, read_chain
from certwatch.acme.directory import Directory
from certwatch.acme.documents import (
    challenge_of,
    names_only,
    no_ari,
    order_for,
    over,
    refusal_of,
    renewal_info_of,
    texts,
)
from certwatch.acme.guard import at_home, nonsense
from certwatch.acme.network import Answer, Endpoint, Missing
from certwatch.acme.problems import VALIDATION, failure
from certwatch.acme.sessions import Session, Sessions
from certwatch.acme.vault import Vault
from certwatch.core.model import Certificate
from certwatch.core.renewal import Blame
from certwatch.errors import RenewalError
from certwatch.ports import CaOrder, Clock, OrderStatus, RenewalInfo

_PAGES = 100  # of the list of an account's orders
_RECENT = 50  # of its orders that are looked at
_BEGUN = (OrderStatus.PENDING, OrderStatus.READY)
_SENT = (OrderStatus.PROCESSING, OrderStatus.VALID)
# What Boulder says of a predecessor that is replaced, unknown, or of another account.
_NOT_REPLACEABLE = ("alreadyReplaced", "malformed", "unauthorized")


class NewOrder(messages.NewOrder):
    """A newOrder request with the field that RFC 9773 section 5 adds."""

    replaces: str | None = field("replaces", omitempty=True)


class CaIssuer:
    """The port ``Issuer``. Safe to call from several threads; each call has its own connection."""

    def __init__(
        self,
        directory: str,
        *,
        vault: Vault,
        load_account: Load,
        keep_account: Keep,
        clock: Clock,
        contact: str = "",
        ca_bundle: str = "",
        profile: str = "",
        eab_kid: str = "",
        eab_hmac_key: str = "",
        key_type: str = "ecdsa-p256",
        timeout: float = 30.0,
        user_agent: str = "certwatch",
    ) -> None:
        """``timeout`` is in seconds, for each step of one request: connecting, waiting, reading.

        ``load_account`` gives the stored account's URL and sealed key, None without one;
        ``keep_account`` stores them, unless another process did first, and returns what is stored.
        """
        self.directory = directory
        self._vault = vault
        self._clock = clock
        self._profile = profile
        self._key_type = key_type
        registration = Registration(contact=contact, eab_kid=eab_kid, eab_hmac_key=eab_hmac_key)
        endpoint = Endpoint(
            directory=directory,
            ca_bundle=ca_bundle,
            timeout=timeout,
            user_agent=user_agent,
            clock=clock,
        )
        accounts = Accounts(vault, load_account, keep_account, registration)
        self._sessions = Sessions(endpoint, accounts)

    def close(self) -> None:
        """Close the idle connections."""
        self._sessions.close()

    def order(self, domain: str, *, replaces: str | None) -> CaOrder:
        """Make an order for one name."""
        with self._sessions.signed() as ca:
            wanted = replaces if ca.directory.renewal_info else None
            answer = self._new_order(ca, domain, wanted)
            return self._view(ca, answer.location(), answer, domain)

    def unfinished(self, domain: str) -> CaOrder | None:
        """The newest order for this name that was begun and never finalized, among the recent ones.

        One that was finalized is not of use to who has forgotten it: its key is forgotten too.
        """
        with self._sessions.signed() as ca:
            for url in self._recent(ca):
                found = self._begun(ca, url, domain)
                if found is not None:
                    return found
        return None

    def look(self, url: str, domain: str) -> CaOrder:
        """An order as it is now; ``orderGone`` where the CA knows of none."""
        with self._sessions.signed() as ca:
            return self._view(ca, url, self._read_order(ca, url), domain)

    def answer(self, order: CaOrder) -> None:
        """Let the CA validate. Harmless when it does or did so already."""
        if order.challenge is None:
            return
        response = challenges.HTTP01Response(key_authorization=order.challenge.key_authorization)
        with self._sessions.signed() as ca:
            try:
                ca.post(order.challenge.url, response)
            except RenewalError as error:
                if error.kind != "malformed":
                    raise
                if ca.read(order.challenge.url).document().get("status") == "pending":
                    raise

    def new_key(self) -> bytes:
        """A fresh private key of the set type, sealed."""
        return self._vault.seal(keys.new_key(self._key_type))

    def finalize(self, order: CaOrder, key: bytes) -> CaOrder:
        """Send the CSR, unless the order shows that it was sent."""
        request = messages.CertificateRequest(
            csr=keys.signing_request(self._vault.unseal(key), order.domain)
        )
        with self._sessions.signed() as ca:
            answer = self._read_order(ca, order.url)
            found = order_for(answer.document(), order.domain)
            if found.status in _BEGUN:
                answer = self._finalize(ca, order, found.finalize, request)
            return self._view(ca, order.url, answer, order.domain)

    def certificate(self, order: CaOrder, *, key: bytes | None = None) -> tuple[str, Certificate]:
        """The chain of a valid order, checked against name, sealed key and clock."""
        with self._sessions.signed() as ca:
            found = order_for(self._read_order(ca, order.url).document(), order.domain)
            if found.status is not OrderStatus.VALID:
                raise nonsense(f"the order has no certificate, it is {found.status}")
            body = ca.read(found.certificate, accept=MEDIA_TYPE).body
        private = self._vault.unseal(key) if key else None
        return read_chain(body, order.domain, private, now=self._clock.now())

    def renewal_info(self, ari_id: str) -> RenewalInfo | None:
        """The suggested window; kind ``ari`` where the CA knows nothing of the certificate."""
        with self._sessions.plain() as (network, directory):
            base = directory.renewal_info
            if not base:
                return None
            try:
                answer = network.fetch(f"{base.rstrip('/')}/{quote(ari_id, safe='')}")
            except RenewalError as error:
                if isinstance(error, Missing) or error.kind == "malformed":
                    raise no_ari(str(error)) from None
                raise
            return renewal_info_of(answer.document(), answer.retry_in)

    def _new_order(self, ca: Session, domain: str, replaces: str | None) -> Answer:
        request = NewOrder(
            identifiers=[messages.Identifier(typ=messages.IDENTIFIER_FQDN, value=domain)],
            profile=self._offered_profile(ca.directory),
            replaces=replaces,
        )
        try:
            return ca.post(ca.directory.new_order, request)
        except RenewalError as error:
            if replaces and error.kind in _NOT_REPLACEABLE:
                return self._new_order(ca, domain, None)
            raise

    def _offered_profile(self, directory: Directory) -> str | None:
        """The set profile; a CA without any is not asked for one."""
        if not self._profile or not directory.profiles:
            return None
        if self._profile in directory.profiles:
            return self._profile
        raise RenewalError(
            f"the CA does not offer the profile {self._profile!r}",
            kind="invalidProfile",
            blame=Blame.OURS,
            remedy=f"set acme.profile to one of {', '.join(directory.profiles)}, or leave it empty",
        )

    def _finalize(
        self, ca: Session, order: CaOrder, url: str, request: messages.CertificateRequest
    ) -> Answer:
        try:
            return ca.post(url, request)
        except RenewalError as error:
            if error.kind != "orderNotReady":
                raise
            answer = self._read_order(ca, order.url)
            if order_for(answer.document(), order.domain).status not in _SENT:
                raise
            return answer

    def _view(self, ca: Session, url: str, answer: Answer, domain: str) -> CaOrder:
        """An order with its challenge, where it still has one to pass."""
        found, now, challenge = order_for(answer.document(), domain), self._clock.now(), None
        if found.status in (OrderStatus.PENDING, OrderStatus.INVALID):
            authorization = ca.read(found.authorization).document()
            if found.status is OrderStatus.INVALID:
                if found.problem.kind:
                    because = failure(found.problem, now=now, table=VALIDATION, is_final=True)
                else:
                    because = over("order is invalid")
                raise refusal_of(authorization, now) or because
            challenge = challenge_of(authorization, domain, ca.account.key, now)
        return CaOrder(
            url=at_home(url, self.directory),
            status=found.status,
            domain=domain,
            challenge=challenge,
            retry_in=answer.retry_in,
        )

    def _read_order(self, ca: Session, url: str) -> Answer:
        try:
            return ca.read(url)
        except Missing as error:
            raise RenewalError(
                "the CA does not know this order any more",
                kind="orderGone",
                blame=Blame.CA,
                remedy="nothing to do: the next attempt makes a new order",
                is_final=error.kind != "ca_error",  # a 404 without a word may be a proxy's mistake
            ) from None

    def _recent(self, ca: Session) -> list[str]:
        """The URLs of the account's last orders, newest first: CAs list them as they were made."""
        found: list[str] = []
        try:
            page = ca.read(ca.account.url).document().get("orders")
            for _ in range(_PAGES):
                if not isinstance(page, str):
                    break
                answer = ca.read(page)
                urls = answer.document().get("orders")
                found += texts(urls)
                page = answer.next_page()
        except RenewalError as error:
            if isinstance(error, Missing) or error.kind == "malformed":  # it keeps no list
                return []
            raise
        return found[: -_RECENT - 1 : -1]

    def _begun(self, ca: Session, url: str, domain: str) -> CaOrder | None:
        """The order at a URL, if it is for this name and can still be finalized."""
        try:
            answer = ca.read(url)
            if not names_only(answer.document(), domain):
                return None
            found = order_for(answer.document(), domain)
            if found.status not in _BEGUN or found.is_over(self._clock.now()):
                return None
            return self._view(ca, url, answer, domain)
        except RenewalError as error:
            if isinstance(error, Missing) or error.kind == "orderInvalid":
                return None
            if error.blame == Blame.CUSTOMER:  # what went wrong with it is told already
                return None
            raise
