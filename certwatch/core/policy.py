"""What a check is told beside the observation: the domain's intent and the house's limits."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from fnmatch import fnmatchcase

from certwatch.core.catalog import Catalog, Edge, Provider
from certwatch.core.identify import identify_edge, identify_provider, infer_mode
from certwatch.core.model import Finding, Memory, Mode, Observation, Severity, TrackingDomain
from certwatch.core.names import registered_domain


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """When a certificate counts as expiring: a fraction of its life, or a span if that is less."""

    warning_fraction: float = 0.25
    warning_cap: timedelta = timedelta(days=30)
    critical_fraction: float = 0.15
    rollout_grace: timedelta = timedelta(hours=6)  # addresses may differ this long after a change
    clock_skew: timedelta = timedelta(minutes=5)  # clocks may differ this much


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The intent and the limits for one domain.

    ``provider``, ``edge`` and ``mode`` are the declared ones, else the identified ones.
    ``severities`` has the overrides in force for this domain; ``None`` mutes a check.
    ``aliases`` counts the inventory's domains with the same final CNAME target, this one included.
    ``issuers`` are the CAA names of the CA that must be able to issue here, if it is known.
    """

    domain: TrackingDomain
    catalog: Catalog
    provider: Provider | None = None
    edge: Edge | None = None
    mode: Mode | None = None
    registered_domain: str = ""
    memory: Memory = field(default_factory=Memory)
    accept_ca: tuple[str, ...] = ()
    issuers: tuple[str, ...] = ()
    aliases: int = 1
    https_port: int = 443
    http_port: int = 80
    thresholds: Thresholds = field(default_factory=Thresholds)
    severities: Mapping[str, Severity | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SeverityRule:
    """A severity for the domains that match a glob and carry a tag (empty: any)."""

    check: str
    severity: Severity | None
    domain: str = "*"
    tag: str = ""

    def applies(self, domain: TrackingDomain) -> bool:
        """Whether this rule is about that domain."""
        return fnmatchcase(domain.name, self.domain) and (not self.tag or self.tag in domain.tags)


@dataclass(frozen=True, slots=True, kw_only=True)
class HousePolicy:
    """The limits that hold for all domains; ``policy_for`` narrows them to one."""

    catalog: Catalog
    thresholds: Thresholds = field(default_factory=Thresholds)
    accept_ca: tuple[str, ...] = ()
    acme_issuers: tuple[str, ...] = ("letsencrypt.org",)
    rules: tuple[SeverityRule, ...] = ()
    https_port: int = 443
    http_port: int = 80


def everywhere(house: HousePolicy, finding: Finding) -> Finding | None:
    """A finding about our own side under the rules for all domains; None where it is muted."""
    for rule in reversed(house.rules):
        if (rule.check, rule.domain, rule.tag) == (finding.check, "*", ""):
            return replace(finding, severity=rule.severity) if rule.severity else None
    return finding


def policy_for(
    house: HousePolicy,
    domain: TrackingDomain,
    observation: Observation,
    memory: Memory,
    aliases: int,
) -> Policy:
    """The policy for one look: the declared intent, completed by what the look shows."""
    catalog = house.catalog
    provider = identify_provider(domain, observation.dns, catalog)
    edge = identify_edge(domain, observation, catalog)
    mode = infer_mode(domain, observation.dns, provider, edge)
    ordered_by = {
        Mode.ACME: house.acme_issuers,
        Mode.PROVIDER: provider.issuers if provider else (),
    }
    return Policy(
        domain=domain,
        catalog=catalog,
        provider=provider,
        edge=edge,
        mode=mode,
        registered_domain=registered_domain(domain.name),
        memory=memory,
        accept_ca=house.accept_ca,
        issuers=ordered_by.get(mode, ()) if mode else (),
        aliases=aliases,
        https_port=house.https_port,
        http_port=house.http_port,
        thresholds=house.thresholds,
        severities={rule.check: rule.severity for rule in house.rules if rule.applies(domain)},
    )
