"""What DNS says of a tracking domain: the record that must exist, and where it must lead."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from certwatch.checks.answers import edge_error, heard
from certwatch.checks.registry import Problem, check, speaks
from certwatch.core.caa import forbidden_by
from certwatch.core.identify import FRONTED, first_target, host_port
from certwatch.core.model import DnsStatus, DnsView, Mode, Observation, Severity
from certwatch.core.policy import Policy

_ABSENT = (DnsStatus.NXDOMAIN, DnsStatus.EMPTY)
_FAILED = {
    DnsStatus.SERVFAIL: "its nameservers fail (SERVFAIL)",
    DnsStatus.REFUSED: "its nameservers refuse to answer",
    DnsStatus.TIMEOUT: "its nameservers do not answer in time",
    DnsStatus.MALFORMED: "its nameservers send malformed answers",
    DnsStatus.UNREACHABLE: "no nameserver could be asked",
}
# Let's Encrypt does not issue where it cannot read CAA; UNREACHABLE is our own side.
_UNREADABLE = {
    DnsStatus.SERVFAIL: "the CAA look-up fails (SERVFAIL)",
    DnsStatus.REFUSED: "the CAA look-up is refused",
    DnsStatus.TIMEOUT: "the CAA look-up times out",
}


@check("dns_failed", Severity.CRITICAL, "the name cannot be resolved: the nameservers fail")
def dns_failed(observation: Observation, policy: Policy, now: datetime) -> Iterator[Problem]:
    dns = observation.dns
    if reason := _FAILED.get(dns.status):
        name = dns.cname_chain[-1] if dns.cname_chain else observation.domain
        yield Problem(
            f"{name} cannot be resolved: {reason}",
            f"have the nameservers of {name} checked (delegation, DNSSEC signatures, outages)",
            {"status": dns.status.value, "name": name, "nameservers": list(dns.nameservers)},
        )


@check("cname_missing", Severity.CRITICAL, "the domain has no CNAME record where it needs one")
def cname_missing(observation: Observation, policy: Policy, now: datetime) -> Iterator[Problem]:
    dns = observation.dns
    if dns.cname_chain or dns.appended:
        return
    if dns.status in _ABSENT:
        summary = f"{observation.domain} has no DNS record"
    elif dns.status is DnsStatus.OK and _needs_cname(dns, policy):
        summary = f"{observation.domain} has address records instead of a CNAME"
    else:
        return
    facts = {"status": dns.status.value, "addresses": list(dns.addresses)}
    yield Problem(summary, set_cname(policy), {**facts, "expected": expected_target(policy)})


def _needs_cname(dns: DnsView, policy: Policy) -> bool:
    if _flattened(dns) or (policy.edge and policy.edge.by_address and policy.mode in FRONTED):
        return False
    return policy.domain.cname is not None or _leads_to_provider(policy)


def _flattened(dns: DnsView) -> bool:
    return bool(set(dns.addresses) & set(dns.declared_addresses))


@check("cname_flattened", Severity.INFO, "the CNAME is answered as addresses of its target")
def cname_flattened(observation: Observation, policy: Policy, now: datetime) -> Iterator[Problem]:
    dns = observation.dns
    if policy.domain.cname and not dns.cname_chain and _flattened(dns):
        yield Problem(
            f"{observation.domain} answers with the addresses of {policy.domain.cname} "
            "instead of a CNAME",
            "nothing now; a plain CNAME follows the target at once when its addresses change",
            {"target": policy.domain.cname, "addresses": list(dns.addresses)},
        )


@check("cname_wrong", Severity.CRITICAL, "the CNAME does not lead where it must")
def cname_wrong(observation: Observation, policy: Policy, now: datetime) -> Iterator[Problem]:
    chain = observation.dns.cname_chain
    others = (cname_to_provider, zone_appended)
    if observation.dns.status is not DnsStatus.OK or not chain or regions(observation, policy):
        return
    if _astray(chain, policy) and not any(speaks(c, observation, policy, now) for c in others):
        yield Problem(
            f"the CNAME of {observation.domain} leads to {chain[-1]}"
            + (f", not to {target}" if (target := expected_target(policy)) else ""),
            set_cname(policy),
            {"cname_chain": list(chain), "expected": expected_target(policy)},
        )


def _astray(chain: tuple[str, ...], policy: Policy) -> bool:
    if policy.domain.cname is not None:
        return policy.domain.cname not in chain
    provider = policy.provider if policy.domain.provider else None
    known = provider is not None and bool(provider.targets)
    return known and _leads_to_provider(policy) and first_target(provider, chain) is None


@check("cname_to_provider", Severity.CRITICAL, "the CNAME leads past the CDN or proxy to the ESP")
def cname_to_provider(observation: Observation, policy: Policy, now: datetime) -> Iterator[Problem]:
    dns = observation.dns
    if policy.mode not in FRONTED or dns.status is not DnsStatus.OK:
        return
    owned = (n for n in dns.cname_chain if policy.catalog.owner(n) or policy.catalog.edge_of(n))
    target = next(owned, None)
    if target is not None and (owner := policy.catalog.owner(target)):
        front = policy.edge.title if policy.edge else "CDN or proxy"
        declared = policy.domain.cname
        to = declared if declared and declared != target else f"the target of your {front}"
        yield Problem(
            f"the CNAME of {observation.domain} leads straight to {owner.title} ({target}), "
            f"past your {front}",
            f"set CNAME {observation.domain} -> {to}",
            {"cname_chain": list(dns.cname_chain), "target": target, "provider": owner.name},
        )


@check("cname_dangling", Severity.CRITICAL, "the CNAME leads to a name that nobody holds")
def cname_dangling(observation: Observation, policy: Policy, now: datetime) -> Iterator[Problem]:
    chain = observation.dns.cname_chain
    if speaks(zone_appended, observation, policy, now):
        return
    if chain and observation.dns.status in _ABSENT:
        yield Problem(
            f"the CNAME of {observation.domain} leads to {chain[-1]}, which has no address",
            f"{set_cname(policy)}, or remove the record: somebody else may claim the target",
            {"cname_chain": list(chain), "status": observation.dns.status.value},
        )
    error = edge_error(observation, policy)
    if error and error.signature.check == "cname_dangling":
        yield Problem(
            f"{error.edge.title} answers {error.status} for {observation.domain}: "
            f"{error.signature.meaning}",
            error.signature.remedy,
            {"cname_chain": list(chain), "edge": error.edge.name, "status": error.status},
        )


@check("cname_loop", Severity.CRITICAL, "the CNAME chain leads back to itself or does not end")
def cname_loop(observation: Observation, policy: Policy, now: datetime) -> Iterator[Problem]:
    dns = observation.dns
    if dns.status is DnsStatus.LOOP:
        through = f" ({' -> '.join((observation.domain, *dns.cname_chain[:3]))})"
        yield Problem(
            f"the CNAME chain of {observation.domain} does not end{through}",
            set_cname(policy),
            {"cname_chain": list(dns.cname_chain)},
        )


@check("zone_appended", Severity.CRITICAL, "the DNS editor appended the zone to a full name")
def zone_appended(observation: Observation, policy: Policy, now: datetime) -> Iterator[Problem]:
    dns = observation.dns
    if dns.appended and not dns.cname_chain and dns.status in _ABSENT:
        zone = dns.zone or policy.registered_domain
        host = observation.domain.removesuffix(f".{zone}")
        yield Problem(
            f"the record of {observation.domain} was entered as {dns.appended}",
            f"write only {host!r} as host name in the DNS editor: {set_cname(policy)}",
            {"found_at": dns.appended},
        )
    for target in dns.cname_chain:
        if meant := _meant(target, dns, policy):
            yield Problem(
                f"the CNAME of {observation.domain} leads to {target}: the zone was appended",
                f"end the target with a dot in the DNS editor: set CNAME {observation.domain} -> "
                f"{meant}.",
                {"target": target, "meant": meant},
            )
            return


def _meant(target: str, dns: DnsView, policy: Policy) -> str | None:
    """The known target that a chain's name is once the zone at its end is taken away."""
    for zone in (dns.zone, policy.registered_domain):
        name = target.removesuffix(f".{zone}") if zone else target
        known = policy.catalog.owner(name) or policy.catalog.edge_of(name)
        if name != target and (known or name == policy.domain.cname):
            return name
    return None


@check("ns_wrong", Severity.WARNING, "the zone is not delegated to the CDN that must answer for it")
def ns_wrong(observation: Observation, policy: Policy, now: datetime) -> Iterator[Problem]:
    dns, edge = observation.dns, policy.edge
    if edge is None or policy.domain.edge is None or not edge.nameserver_suffixes:
        return
    if not dns.nameservers or edge.serves_zone(dns.nameservers) or _by_cname(observation, policy):
        return
    zone = dns.zone or policy.registered_domain
    yield Problem(
        f"{zone} is not delegated to {edge.title}: its nameservers are "
        f"{', '.join(dns.nameservers[:4])}",
        f"set the nameservers of {zone} at its registrar to those that {edge.title} shows",
        {"zone": zone, "nameservers": list(dns.nameservers)},
    )


def _by_cname(observation: Observation, policy: Policy) -> bool:
    """Whether the edge is reached by CNAME: its own target, or a SaaS name that it answers for."""
    edge, chain = policy.edge, observation.dns.cname_chain
    if edge is None or not chain:
        return False
    answers = heard((*observation.https, *observation.http))
    return any(edge.owns(name) for name in chain) or any(edge.marked(a) for a in answers)


@check("caa_blocks", Severity.WARNING, "CAA keeps the CA that must renew here from issuing")
def caa_blocks(observation: Observation, policy: Policy, now: datetime) -> Iterator[Problem]:
    caa = observation.dns.caa
    if not policy.issuers or observation.dns.status is not DnsStatus.OK:
        return
    reason = forbidden_by(caa.records, policy.issuers, "http-01")
    if policy.mode in (Mode.ACME, Mode.PROVIDER):
        reason = _UNREADABLE.get(caa.status, reason)
    if reason is not None:
        at = caa.found_at or observation.domain
        yield Problem(
            f"{' or '.join(policy.issuers)} may not issue for {observation.domain}: {reason}",
            f'add the record {at} CAA 0 issue "{policy.issuers[0]}"'
            if caa.records
            else f"have the nameservers of {at} answer CAA questions",
            {
                "found_at": caa.found_at,
                "status": caa.status.value,
                "records": [f'{flags} {tag} "{value}"' for flags, tag, value in caa.records],
            },
            severity=Severity.CRITICAL if _renewal_due(observation, now) else None,
        )


def _renewal_due(observation: Observation, now: datetime) -> bool:
    leaf = observation.leaf
    return leaf is None or leaf.not_after - now < max(leaf.lifetime, timedelta(0)) / 3


def regions(observation: Observation, policy: Policy) -> tuple[str, str] | None:
    """(wanted, found) where the CNAME leads to the right provider in another region than the
    declared CNAME or origin says."""
    declared = policy.domain.cname or host_port(policy.domain.origin or "")[0]
    owner = policy.catalog.owner(declared)
    if owner is None or declared in observation.dns.cname_chain:
        return None
    wanted = owner.target(declared)
    found = first_target(owner, observation.dns.cname_chain)
    if wanted and found and wanted.region and found.region and wanted.region != found.region:
        return wanted.region, found.region
    return None


def _leads_to_provider(policy: Policy) -> bool:
    """Whether the CNAME must lead to the provider itself. In mode ``acme`` a declared edge or
    origin says that something of the customer's own stands in front."""
    if policy.provider is None:
        return False
    own = policy.edge is not None or policy.domain.origin is not None
    return policy.mode is Mode.PROVIDER or (policy.mode is Mode.ACME and not own)


def expected_target(policy: Policy) -> str | None:
    """The CNAME target that is right here: the declared one, else the provider's, if known."""
    if policy.domain.cname is not None:
        return policy.domain.cname
    if policy.provider is None or not _leads_to_provider(policy):
        return None
    named = [t for t in policy.provider.targets if not t.name.startswith(".")]
    best = min(named, key=lambda target: not target.managed, default=None)
    return best.name if best else None


def set_cname(policy: Policy) -> str:
    """The record to set, in the form that every DNS editor understands."""
    giver = policy.edge or policy.provider
    target = expected_target(policy) or (
        f"the target that {giver.title if giver else 'your provider or CDN'} gave you"
    )
    return f"set CNAME {policy.domain.name} -> {target}"
