"""Measure what the history weighs in SQLite, and reckon it up to a year.

usage: python bench/history.py [DOMAINS]

Fills a database with one realistic look a domain, looks four times (a day) at domains where nothing
has changed, then lets 1 % of them break and be mended with a new certificate in each of four weeks,
and lets a tenth renew quietly. Prints a Markdown page and writes it to bench/results/history.md.
The sweeps between, which change nothing, are reckoned and not waited for.
"""

import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import islice
from pathlib import Path
from random import Random

from certwatch.core import model
from certwatch.core.model import Certificate, Finding, HttpView, Judged, TlsView, TrackingDomain
from certwatch.resources import resource
from certwatch.store import SqlStore, open_store, upgrade_database

DOMAINS = 100_000
BATCH = 500
WEEKS, CHANGING = 4, 0.01
RENEWING = 0.1
RENEWALS_A_YEAR = 6  # of a certificate that lives 90 days and is replaced after 60
LIMIT = 2_000_000_000
DER_BYTES = 1_250  # an ECDSA leaf signed with RSA, two SCTs in it
START = datetime(2026, 1, 5, tzinfo=UTC)
RESULT = Path(__file__).parent / "results" / "history.md"
HEADERS = (
    ("date", "Mon, 05 Jan 2026 00:00:00 GMT"),
    ("content-type", "text/html; charset=utf-8"),
    ("content-length", "162"),
    ("server", "CloudFront"),
    ("x-cache", "Miss from cloudfront"),
    ("via", "1.1 0123456789abcdef0123456789abcdef.cloudfront.net (CloudFront)"),
    ("x-amz-cf-id", "qL0bA3nX5vZs2mJ8kT7yWc1dF4gH6iP9rU0eO-_MbNvCxZlKjHgFdS=="),
    ("strict-transport-security", "max-age=31536000"),
)
BODY = "<html><head><title>302 Found</title></head><body><center>nginx</center></body></html>"


@dataclass(frozen=True, slots=True)
class Measured:
    """Sizes in bytes, speed in looks a second of CPU."""

    domains: int
    a_domain: float
    a_day: int  # growth over four sweeps without a change
    a_change: float  # one that breaks and is mended with a new certificate
    a_renewal: float
    looks_a_second: float

    @property
    def year(self) -> float:
        """A year at 1 % of changing domains a week."""
        changes = 52 * CHANGING * self.domains * self.a_change
        return self.a_domain * self.domains + 365 * self.a_day + changes

    @property
    def renewals(self) -> float:
        """What quiet renewals of every certificate add in a year."""
        return RENEWALS_A_YEAR * self.domains * self.a_renewal


def name(number: int) -> str:
    """A tracking domain's name, of common length."""
    return f"click.brand-{number:06}.example"


def certificate(number: int, generation: int, *, is_ca: bool = False) -> Certificate:
    """A certificate of realistic size; its DER is noise, which is as hard to compress."""
    der = Random(f"{number}/{generation}/{is_ca}").randbytes(DER_BYTES)
    fingerprint = sha256(der).hexdigest()
    return Certificate(
        fingerprint=fingerprint,
        subject=f"CN={name(number)}",
        issuer="CN=R11,O=Let's Encrypt,C=US",
        issuer_organization="Let's Encrypt",
        serial=fingerprint[:36],
        sans=(name(number),),
        not_before=START,
        not_after=START + timedelta(days=90),
        key="ECDSA P-256",
        key_bits=256,
        signature="sha256WithRSAEncryption",
        is_ca=is_ca,
        self_signed=False,
        crl_urls=("http://r11.c.lencr.org/42.crl",),
        issuer_urls=("http://r11.i.lencr.org/",),
        der=der,
    )


INTERMEDIATE, ROOT = certificate(-1, 0, is_ca=True), certificate(-2, 0, is_ca=True)
EXPIRED = Finding(
    "expired",
    model.Severity.CRITICAL,
    "the certificate expired on 2026-01-04 00:00 UTC, 1 day ago",
    "renew the certificate at CloudFront: in ACM, see why the renewal is pending, and add the "
    "validation CNAME it asks for",
    {"subject": "CN=click.brand.example", "not_after": "2026-01-04T00:00:00Z", "addresses": []},
)


def look(number: int, at: datetime, generation: int = 0, *findings: Finding) -> Judged:
    """A whole look at a domain behind a CDN with two addresses."""
    host, leaf = name(number), certificate(number, generation)
    addresses = tuple(f"192.0.2.{(number + place) % 250}" for place in range(2))
    chain, path = (leaf, INTERMEDIATE), model.Path(model.TrustVerdict.TRUSTED, "", (leaf, ROOT))
    observation = model.Observation(
        domain=host,
        observed_at=at,
        dns=model.DnsView(
            status=model.DnsStatus.OK,
            cname_chain=(f"d{number % 977:012x}.cloudfront.net",),
            addresses=addresses,
            zone=f"brand-{number:06}.example",
            nameservers=("ns-1.awsdns-00.com", "ns-2.awsdns-11.net"),
            caa=model.CaaView(status=model.DnsStatus.EMPTY),
        ),
        tls=tuple(
            TlsView(address=a, port=443, version="TLSv1.3", chain=chain, path=path)
            for a in addresses
        ),
        addresses=tuple(model.AddressView(address=a, default_leaf=ROOT) for a in addresses),
        https=tuple(_answer(a, f"https://{host}/f/a") for a in addresses),
        http=tuple(_answer(a, f"http://{host}/f/a") for a in addresses),
    )
    return Judged(
        domain=TrackingDomain(name=host),
        observation=observation,
        provider="sparkpost",
        edge="cloudfront",
        mode=model.Mode.CDN,
        state=model.worst(findings),
        findings=findings,
    )


def _answer(address: str, url: str) -> HttpView:
    return HttpView(address=address, url=url, status=302, headers=HEADERS, body=BODY)


def sweep(store: SqlStore, looks: Iterable[Judged], at: datetime, size: int) -> float:
    """Save a sweep as a scan does; seconds of CPU spent in the store."""
    spent = -time.process_time()
    number = store.begin_sweep(at, size)
    spent += time.process_time()
    rest = iter(looks)
    while batch := list(islice(rest, BATCH)):
        spent -= time.process_time()
        store.save(number, batch)
        spent += time.process_time()
    store.end_sweep(number, at, {model.State.OK: size}, [])
    return spent


def measure(domains: int, file: Path) -> Measured:
    """Run the whole story in a new database."""
    upgrade_database(f"sqlite:///{file}", resource("alembic"))
    everyone = range(domains)
    with open_store(f"sqlite:///{file}") as store:
        rows = (TrackingDomain(name=name(number), tags=("customer",)) for number in everyone)
        store.import_all(rows, START, prune=False, dry_run=False)
        sweep(store, (look(n, START) for n in everyone), START, domains)
        filled = size_of(file)
        spent = 0.0
        for hours in (6, 12, 18, 24):
            at = START + timedelta(hours=hours)
            spent += sweep(store, (look(n, at) for n in everyone), at, domains)
        steady = size_of(file)
        changing = max(1, int(domains * CHANGING))
        for week in range(1, WEEKS + 1):
            _one_week(store, range((week - 1) * changing, week * changing), week)
        changed = size_of(file)
        renewing = range(domains // 2, domains // 2 + max(1, int(domains * RENEWING)))
        at = START + timedelta(weeks=WEEKS + 1)
        sweep(store, (look(n, at, 1) for n in renewing), at, len(renewing))
        renewed = size_of(file)
    return Measured(
        domains=domains,
        a_domain=filled / domains,
        a_day=steady - filled,
        a_change=(changed - steady) / (WEEKS * changing),
        a_renewal=(renewed - changed) / len(renewing),
        looks_a_second=4 * domains / spent,
    )


def _one_week(store: SqlStore, changing: range, week: int) -> None:
    broken, mended = START + timedelta(weeks=week), START + timedelta(weeks=week, hours=6)
    sweep(store, (look(n, broken, 0, EXPIRED) for n in changing), broken, len(changing))
    sweep(store, (look(n, mended, week) for n in changing), mended, len(changing))


def size_of(file: Path) -> int:
    """The bytes of a database with everything written back into its file."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return file.stat().st_size


def page(found: Measured) -> str:
    """The measurement and its arithmetic as Markdown."""
    whole = found.a_domain * found.domains
    changes = int(52 * CHANGING * found.domains)
    verdict = "below" if found.year < LIMIT else "ABOVE"
    return f"""# What the history weighs

`python bench/history.py {found.domains}`: SQLite {sqlite3.sqlite_version}, {found.domains:,}
domains, four looks a day, {CHANGING:.0%} of the domains changing a week.

| measured | |
|---|---|
| a domain with its latest look and certificate | {found.a_domain:,.0f} bytes |
| four sweeps in which nothing changes | {found.a_day:,} bytes |
| a domain that breaks and is mended with a new certificate | {found.a_change:,.0f} bytes |
| a certificate that is renewed quietly | {found.a_renewal:,.0f} bytes |
| unchanged looks saved | {found.looks_a_second:,.0f} a second of CPU |

| a year | |
|---|---|
| {found.domains:,} domains x {found.a_domain:,.0f} bytes | {_mega(whole)} |
| 365 days x {found.a_day:,} bytes | {_mega(365 * found.a_day)} |
| {changes:,} changes x {found.a_change:,.0f} bytes | {_mega(changes * found.a_change)} |
| **together, {verdict} {_mega(LIMIT)}** | **{_mega(found.year)}** |

Renewals that nobody notices count here only as far as the {CHANGING:.0%} goes. If every certificate
is also renewed {RENEWALS_A_YEAR} times a year, that adds {_mega(found.renewals)} and makes
{_mega(found.year + found.renewals)} of the year; a shorter `store.keep` lets past ones go earlier.
"""


def _mega(size: float) -> str:
    return f"{size / 1e6:,.1f} MB"


def main() -> int:
    """Measure, print and write the page; 1 when a year does not fit."""
    domains = int(sys.argv[1]) if len(sys.argv) > 1 else DOMAINS
    with tempfile.TemporaryDirectory() as folder:
        found = measure(domains, Path(folder) / "history.db")
    text = page(found)
    print(text)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(text, encoding="utf-8")
    return int(found.year > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
