"""The ground truth: how each domain of the lab is built, and exactly what must be found on it.

A ``Plant`` is one domain as data; ``certwatch.lab.plants`` has the rows and ``certwatch.lab.world``
builds them. ``compare`` sets what was found against them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from certwatch.core.model import Mode
from certwatch.lab.dns import Fault
from certwatch.lab.sites import Quirk


class Issuer(StrEnum):
    """Who signs a leaf."""

    LAB = "lab"  # the good intermediate, with a CRL
    RSA = "rsa"  # an intermediate with an RSA key, which can sign with SHA-1
    OTHER = "other"  # trusted, but of another organisation
    DYING = "dying"  # expires before its leaves
    SILENT = "silent"  # its CRL cannot be fetched
    STRANGER = "stranger"  # under a root that nobody trusts
    SELF = "self"  # the leaf's own key


class Sent(StrEnum):
    """Which chain a server sends."""

    TIDY = "tidy"  # leaf and intermediates
    BARE = "bare"  # the leaf alone
    WITH_ROOT = "with_root"  # the root, too, and the intermediate twice


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A server certificate: its lifetime in days, what is left of that, and its faults; without
    ``names`` it is for the domain."""

    days: float = 45
    left: float = 30
    names: tuple[str, ...] = ()
    issuer: Issuer = Issuer.LAB
    sent: Sent = Sent.TIDY
    subject: str | None = None
    sha1: bool = False
    rsa_bits: int | None = None
    revoked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plant:
    """One domain: what the inventory declares of it, how it is built, what must be found.

    ``codes`` is the exact set of check codes after the second sweep, every severity included; it
    is empty for a healthy domain. ``at`` names the places that serve it (``certwatch.lab.places``).
    ``cname`` is the target in DNS, by default that of the first place; ``origin`` is the lab host
    behind an edge. ``declared`` overrides inventory fields, ``records`` replaces the domain's own
    DNS records, ``zone`` adds others. ``elsewhere`` are leaves that differ from ``leaf`` by place,
    ``later`` is the leaf from the second sweep on. With ``parent_hsts`` the registered domain has a
    site of its own, whose HSTS includes all subdomains.
    """

    name: str
    story: str
    codes: frozenset[str] = frozenset()
    provider: str | None = None
    mode: Mode | None = None
    at: tuple[str, ...]
    origin: str | None = None
    cname: str | None = None
    declared: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    sample: bool = False
    leaf: Leaf | None = Leaf()  # None: the server was given no certificate for the domain
    elsewhere: Mapping[str, Leaf] = field(default_factory=dict)
    later: Leaf | None = None
    records: tuple[str, ...] | None = None
    zone: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    faults: Mapping[str | tuple[str, str], Fault] = field(default_factory=dict)
    quirks: tuple[Quirk, ...] = ()
    parent_hsts: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One domain's comparison: codes that were expected, found, missing and invented."""

    domain: str
    story: str
    expected: tuple[str, ...]
    found: tuple[str, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """Planted, not found."""
        return tuple(code for code in self.expected if code not in self.found)

    @property
    def invented(self) -> tuple[str, ...]:
        """Found, not planted."""
        return tuple(code for code in self.found if code not in self.expected)

    @property
    def right(self) -> bool:
        """Whether exactly what was planted was found."""
        return self.expected == self.found


@dataclass(frozen=True, slots=True)
class Comparison:
    """The comparison of a whole world: a row for each of its domains, in order."""

    rows: tuple[Row, ...]

    @property
    def planted(self) -> int:
        """How many faults there were to find."""
        return sum(len(row.expected) for row in self.rows)

    @property
    def missing(self) -> tuple[tuple[str, str], ...]:
        """(domain, code) of each fault that was not found."""
        return tuple((row.domain, code) for row in self.rows for code in row.missing)

    @property
    def invented(self) -> tuple[tuple[str, str], ...]:
        """(domain, code) of each finding that nobody planted."""
        return tuple((row.domain, code) for row in self.rows for code in row.invented)

    @property
    def right(self) -> bool:
        """Whether all planted faults were found and none was invented."""
        return all(row.right for row in self.rows)


def compare(plants: Iterable[Plant], results: Mapping[str, Iterable[str]]) -> Comparison:
    """Set the check codes found by domain name against the plants, as sets.

    A domain that was not looked at counts as one without findings; one that was never planted gets
    a row with everything invented.
    """
    truth = {plant.name: plant for plant in plants}
    rows = [
        Row(name, plant.story, tuple(sorted(plant.codes)), _codes(results.get(name, ())))
        for name, plant in truth.items()
    ]
    strangers = (name for name in results if name not in truth)
    rows += [Row(name, "not planted", (), _codes(results[name])) for name in strangers]
    return Comparison(tuple(rows))


def _codes(found: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(found)))
