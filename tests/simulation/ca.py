"""A CA in this process, with the habits of Let's Encrypt: limits, lifetimes, ARI, incidents."""

from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from cryptography import x509

from certwatch.acme.problems import VALIDATION, Problem, failure
from certwatch.core.model import Certificate
from certwatch.core.renewal import Blame, Lifetimes
from certwatch.core.x509 import parse_pem
from certwatch.errors import RenewalError
from certwatch.lab.pki import Authority, new_key, pem
from certwatch.ports import CaChallenge, CaOrder, Clock, OrderStatus, RenewalInfo
from tests.simulation.limits import Limits
from tests.simulation.weather import CA, CALM, OUTAGE, Weather

DIRECTORY = "https://acme-v02.api.letsencrypt.org/directory"
REVOKED_AFTER = timedelta(days=5)  # an incident's certificates (Baseline Requirements 4.9.1.1)
_VALIDATES_IN, _ISSUES_IN = timedelta(seconds=2), timedelta(seconds=1)
_BACKDATED = timedelta(hours=1)
_RENEWAL = timedelta(days=120)
_KEY = b"a sealed key"


@dataclass(slots=True)
class _Order:
    url: str
    domain: str
    exempt: str  # from limits: "ari", "renewal" or nothing
    replaces: str | None
    status: OrderStatus = OrderStatus.PENDING
    settles_at: datetime | None = None  # the validation, then the issuance
    fault: str | None = None
    issued: "Issued | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """One certificate that the CA made."""

    at: datetime
    domain: str
    chain: str
    certificate: Certificate
    ari_id: str
    window: tuple[datetime, datetime]


@dataclass(slots=True, kw_only=True)
class SimulatedCa:
    """The port ``Issuer`` for one account. ``issued`` is the CA's own log; ``incidents`` says which
    share of the valid certificates it suddenly wants replaced, and when."""

    clock: Clock
    lifetimes: Lifetimes
    weather: Weather = CALM
    polled_in: timedelta = timedelta(hours=6)
    incidents: Mapping[datetime, float] = field(default_factory=dict)
    directory: str = DIRECTORY
    limits: Limits = field(default_factory=Limits)
    issued: list[Issued] = field(default_factory=list)
    asked_in_vain: list[str] = field(default_factory=list)  # ARI of replaced or expired ones
    faults: Counter[str] = field(default_factory=Counter)  # that were met with, by kind
    _orders: dict[str, _Order] = field(default_factory=dict)
    _by_ari: dict[str, Issued] = field(default_factory=dict)
    _by_serial: dict[str, Issued] = field(default_factory=dict)
    _replaced: set[str] = field(default_factory=set)
    _newest: dict[str, Issued] = field(default_factory=dict)
    _random: Random = field(default_factory=lambda: Random(1))
    _authority: Authority = field(init=False)

    def __post_init__(self) -> None:
        now = self.clock.now()
        span = now - timedelta(days=365), now + timedelta(days=3650)
        root = Authority.root("Simulated Root", "Simulated", span)
        self._authority = root.intermediate("Simulated CA", "Simulated", span)

    def order(self, domain: str, *, replaces: str | None) -> CaOrder:
        """Make an order; a predecessor that is replaced already is left out."""
        now = self._open(domain)
        predecessor = self._by_ari.get(replaces or "")
        if predecessor is None or predecessor.ari_id in self._replaced:
            replaces = predecessor = None
        exempt = self._exempt(domain, predecessor, now)
        if refusal := self.limits.refusal(domain, now, exempt):
            problem = Problem("rateLimited", f"too many: {refusal[0]}")
            raise failure(problem, now=now, wait=refusal[1])
        self.limits.draw("new_orders", domain, now, exempt)
        if replaces:
            self._replaced.add(replaces)
        order = _Order(f"{self.directory}/order/{len(self._orders)}", domain, exempt, replaces)
        self._orders[order.url] = order
        return _view(order)

    def unfinished(self, domain: str) -> CaOrder | None:
        """Let's Encrypt lists no orders."""
        return None

    def look(self, url: str, domain: str) -> CaOrder:
        """An order as it is now. Raises what its validation failed for."""
        now, order = self._open(domain), self._orders[url]
        if order.settles_at and order.settles_at <= now:
            self._settle(order)
        if order.status is OrderStatus.INVALID:
            problem = Problem(order.fault or "", "simulated")
            raise failure(problem, now=now, table=VALIDATION, is_final=True)
        return _view(order)

    def answer(self, order: CaOrder) -> None:
        """Validate, in a moment."""
        now, mine = self._open(order.domain), self._orders[order.url]
        if mine.settles_at is None and mine.status is OrderStatus.PENDING:
            mine.fault = self.weather.customer_fault(mine.domain, now)
            mine.settles_at = now + _VALIDATES_IN
            if mine.fault:
                self.faults[mine.fault] += 1
                self.limits.draw("failed_validations", mine.domain, now)

    def new_key(self) -> bytes:
        """Everybody has the same key here."""
        return _KEY

    def finalize(self, order: CaOrder, key: bytes) -> CaOrder:
        """Issue: the certificate exists from here on, and can be fetched in a moment."""
        now, mine = self._open(order.domain), self._orders[order.url]
        if mine.status is OrderStatus.READY:
            mine.issued = self._issue(mine, now)
            mine.status, mine.settles_at = OrderStatus.PROCESSING, now + _ISSUES_IN
        return _view(mine)

    def certificate(self, order: CaOrder, *, key: bytes | None = None) -> tuple[str, Certificate]:
        """The chain and the leaf of a valid order."""
        self._open(order.domain)
        issued = self._orders[order.url].issued
        assert issued is not None
        assert key == _KEY
        return issued.chain, issued.certificate

    def renewal_info(self, ari_id: str) -> RenewalInfo:
        """The window around two thirds of the life, or in the past after an incident."""
        issued = self._by_ari[ari_id]
        now = self._open(issued.domain)
        if self._newest[issued.domain] is not issued or issued.certificate.not_after <= now:
            self.asked_in_vain.append(ari_id)
        start_at, end_at = issued.window
        if incident := self.incident(issued, now):
            start_at, end_at = incident - timedelta(hours=1), incident - timedelta(minutes=30)
        return RenewalInfo(
            start_at=start_at,
            end_at=end_at,
            retry_in=self.polled_in * self._random.uniform(0.8, 1.2),
        )

    def ends_at(self, certificate: Certificate) -> datetime:
        """When a certificate expires, or is revoked."""
        issued = self._by_serial[certificate.serial]
        incident, expiry = self.incident(issued, self.clock.now()), certificate.not_after
        return min(expiry, incident + REVOKED_AFTER) if incident else expiry

    def incident(self, issued: Issued, now: datetime) -> datetime | None:
        """When this certificate was hit by an incident, if it was by now."""
        hit = (
            at
            for at, share in self.incidents.items()
            if issued.at < at <= now and Random(f"{at} {issued.domain}").random() < share
        )
        return min(hit, default=None)

    def _open(self, domain: str) -> datetime:
        """The time, if the CA works. Raises what it says when it does not."""
        now = self.clock.now()
        if self.weather.strikes(OUTAGE, "", now):
            self.faults[OUTAGE] += 1
            raise RenewalError(
                "the CA cannot be reached", kind="ca_unreachable", blame=Blame.CA, remedy="wait"
            )
        for kind in CA:
            if self.weather.strikes(kind, domain, now):
                self.faults[kind] += 1
                wait = timedelta(hours=1) if kind == "rateLimited" else None
                raise failure(Problem(kind, "bad weather"), now=now, wait=wait)
        return now

    def _exempt(self, domain: str, predecessor: Issued | None, now: datetime) -> str:
        if predecessor and not self.incident(predecessor, now):
            start_at, end_at = predecessor.window
            if start_at <= now < end_at:
                return "ari"
        newest = self._newest.get(domain)
        return "renewal" if newest and now - newest.at < _RENEWAL else ""

    def _settle(self, order: _Order) -> None:
        order.settles_at = None
        if order.issued:
            order.status = OrderStatus.VALID
        else:
            order.status = OrderStatus.INVALID if order.fault else OrderStatus.READY
        if order.fault and order.replaces:  # a dead order replaces nothing
            self._replaced.discard(order.replaces)

    def _issue(self, order: _Order, now: datetime) -> Issued:
        for name in ("registered_domain", "name_set"):
            self.limits.draw(name, order.domain, now, order.exempt)
        begins = now.replace(microsecond=0) - _BACKDATED
        life = self.lifetimes.at(now)
        span = begins, begins + life
        made = self._authority.issue(order.domain, span=span, key=_SHARED)
        chain = pem(made.chain).decode()
        middle = begins + (life / 2 if life < timedelta(days=10) else life * 2 / 3)
        issued = Issued(
            at=now,
            domain=order.domain,
            chain=chain,
            certificate=parse_pem(chain.encode())[0],
            ari_id=_ari_id(made.leaf),
            window=(middle - life / 100, middle + life / 100),
        )
        self.issued.append(issued)
        self._by_serial[issued.certificate.serial] = issued
        self._by_ari[issued.ari_id] = self._newest[order.domain] = issued
        return issued


_SHARED = new_key()


def _view(order: _Order) -> CaOrder:
    token = order.url.rpartition("/")[2]
    challenge = CaChallenge(
        url=f"{order.url}/challenge",
        token=f"token-{token}",
        key_authorization=f"token-{token}.thumbprint",
        status="processing" if order.settles_at else "pending",
    )
    is_open = order.status is OrderStatus.PENDING
    return CaOrder(
        url=order.url,
        status=order.status,
        domain=order.domain,
        challenge=challenge if is_open else None,
    )


def _ari_id(leaf: x509.Certificate) -> str:
    """RFC 9773 section 4.1."""
    issuer = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    serial = leaf.serial_number.to_bytes(leaf.serial_number.bit_length() // 8 + 1, "big")
    parts = issuer.key_identifier or b"", serial
    return ".".join(urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
