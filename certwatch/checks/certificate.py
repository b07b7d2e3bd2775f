"""The certificate that a domain serves: its dates, names, strength and history."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from certwatch.checks.defaults import common_name, default_of
from certwatch.checks.registry import Problem, check, speaks
from certwatch.checks.remedies import have, renew
from certwatch.checks.served import (
    Served,
    day,
    facts_of,
    instant,
    listed,
    newest,
    served,
    span,
    where,
)
from certwatch.core import names
from certwatch.core.lifetime import alarm_spans, longest_allowed, usual_left
from certwatch.core.model import (
    Certificate,
    Mode,
    Observation,
    Revocation,
    Severity,
    Sighting,
    TrustVerdict,
)
from certwatch.core.policy import Policy
from certwatch.core.trust import shown
from certwatch.core.x509 import covers, has_weak_key, has_weak_signature

_TOLERANCE = 0.05  # of the life
_PROVIDER_GRACE = timedelta(days=2)


@check("expired", Severity.CRITICAL, "the certificate's time is over")
def expired(observation: Observation, policy: Policy, now: datetime) -> Iterator[Problem]:
    """A certificate is valid through its notAfter (RFC 5280 section 4.1.2.5)."""
    over = [one for one in served(observation.tls) if now > one.leaf.not_after]
    over.sort(key=lambda one: one.leaf.not_after)
    if over:
        end = over[0].leaf.not_after
        yield Problem(
            f"the certificate of {observation.domain} expired {span(now - end)} ago, "
            f"on {day(end)}{where(over, observation)}",
            renew(policy),
            facts_of(over),
        )


@check("not_yet_valid", Severity.CRITICAL, "the certificate's time has not begun")
def not_yet_valid(observation: Observation, policy: Policy, now: datetime) -> Iterator[Problem]:
    skew = policy.thresholds.clock_skew
    early = [one for one in served(observation.tls) if one.leaf.not_before - now > skew]
    early.sort(key=lambda one: one.leaf.not_before, reverse=True)
    if early:
        begin = early[0].leaf.not_before
        yield Problem(
            f"the certificate of {observation.domain} is not valid before {day(begin)}, "
            f"in {span(begin - now)}{where(early, observation)}",
            have(policy, "serve the previous certificate until then, or check the issuer's clock"),
            facts_of(early),
        )


@check("expiring", Severity.WARNING, "the certificate's time is nearly over")
def expiring(observation: Observation, policy: Policy, now: datetime) -> Iterator[Problem]:
    """Warns below ``warning_fraction`` of the life or ``warning_cap``, whichever is less.

    Critical below ``critical_fraction`` or half of ``warning_cap``. A provider that holds the
    certificate and renews later than that has spans of its own.
    """
    late = []
    for one in served(observation.tls):
        left = one.leaf.not_after - now
        warning, critical = _alarms(one.leaf, policy)
        if timedelta(0) <= left < max(warning, critical):
            late.append((left >= critical, left, one))
    late.sort(key=lambda entry: entry[:2])
    if late:
        (calm, left, worst), ones = late[0], [one for _, _, one in late]
        yield Problem(
            f"the certificate of {observation.domain} expires in {span(left)}, "
            f"on {day(worst.leaf.not_after)}{where(ones, observation)}",
            renew(policy),
            facts_of(ones) | {"seconds_left": int(left.total_seconds())},
            severity=None if calm else Severity.CRITICAL,
        )


def _alarms(leaf: Certificate, policy: Policy) -> tuple[timedelta, timedelta]:
    warning, critical = alarm_spans(leaf.lifetime, policy.thresholds)
    if policy.mode is Mode.PROVIDER and policy.provider is not None:
        warning = min(warning, policy.provider.warning_in or warning)
        critical = min(critical, policy.provider.critical_in or warning)
    return warning, critical


@check("renewal_overdue", Severity.WARNING, "the time at which it is renewed has passed")
def renewal_overdue(observation: Observation, policy: Policy, now: datetime) -> Iterator[Problem]:
    """Speaks from the usual renewal time, plus 5 % of the life, until ``expiring`` does.

    Usual is at two thirds of the life in mode ``acme``, at half below ten days; in mode
    ``provider`` when the provider is known to do it, plus two days; elsewhere nothing is usual.
    """
    late = []
    for one in served(observation.tls):
        due = _renewed_with_left(one.leaf, policy)
        if due is not None and one.leaf.not_after - now < due:
            late.append(one)
    if late and not any(speaks(c, observation, policy, now) for c in (expired, expiring)):
        left = late[0].leaf.not_after - now
        yield Problem(
            f"the certificate of {observation.domain} should have been renewed: "
            f"{span(left)} are left{where(late, observation)}",
            renew(policy),
            facts_of(late) | {"seconds_left": int(left.total_seconds())},
        )


def _renewed_with_left(leaf: Certificate, policy: Policy) -> timedelta | None:
    """The time left below which the renewal is overdue; None where no habit is known."""
    life = leaf.lifetime
    if policy.mode is Mode.ACME:
        return usual_left(life) - life * _TOLERANCE
    if policy.mode is Mode.PROVIDER and policy.provider and policy.provider.renews_in:
        usual = min(policy.provider.renews_in, usual_left(life))
        return usual - min(_PROVIDER_GRACE, life * _TOLERANCE)
    return None


@check("name_mismatch", Severity.CRITICAL, "the certificate is for other names")
def name_mismatch(observation: Observation, policy: Policy, now: datetime) -> Iterator[Problem]:
    """Only subjectAltName counts (RFC 9525). Silent about what ``default_certificate`` explains."""
    wrong = [
        one
        for one in served(observation.tls)
        if not covers(one.leaf, observation.domain) and default_of(one, observation, policy) is None
    ]
    if wrong:
        sans = wrong[0].leaf.sans
        yield Problem(
            f"the certificate does not cover {observation.domain}{where(wrong, observation)}; "
            f"it is for {listed(sans) if sans else 'no host at all'}",
            have(policy, f"serve a certificate whose names include {observation.domain}"),
            facts_of(wrong) | {"sans": list(sans)},
        )


@check("default_certificate", Severity.CRITICAL, "the edge's, proxy's or ESP's own certificate")
def default_certificate(
    observation: Observation, policy: Policy, now: datetime
) -> Iterator[Problem]:
    known = ((one, default_of(one, observation, policy)) for one in served(observation.tls))
    found = [(one, owner) for one, owner in known if owner is not None]
    if found:
        wrong, owner = [one for one, _ in found], found[0][1]
        yield Problem(
            f"{observation.domain} is answered with the default certificate of {owner}"
            f"{where(wrong, observation)}: no certificate for this host is set up there",
            have(policy, f"set up {observation.domain} with a certificate of its own"),
            facts_of(wrong) | {"owner": owner, "sans": list(wrong[0].leaf.sans)},
        )


@check("revoked", Severity.CRITICAL, "the certificate is revoked by its issuer's CRL")
def revoked(observation: Observation, policy: Policy, now: datetime) -> Iterator[Problem]:
    views = [view for view in observation.tls if view.revocation is Revocation.REVOKED]
    if gone := served(views):
        at = next((view.revoked_at for view in views if view.revoked_at is not None), None)
        yield Problem(
            f"the certificate of {observation.domain} was revoked by its issuer"
            f"{f' on {day(at)}' if at else ''}{where(gone, observation)}",
            renew(policy),
            facts_of(gone) | {"revoked_at": instant(at) if at else None},
        )


@check("weak_key", Severity.WARNING, "RSA below 2048 bits, ECDSA below 224 bits or DSA")
def weak_key(observation: Observation, policy: Policy, now: datetime) -> Iterator[Problem]:
    if weak := _first(has_weak_key, observation):
        certificate, faulty = weak
        yield Problem(
            f"{shown(certificate.subject)} has a weak key ({certificate.key})"
            f"{where(faulty, observation)}",
            f"{renew(policy)}, with an ECDSA P-256 or RSA 2048 key",
            facts_of(faulty) | {"weak_subject": certificate.subject, "key": certificate.key},
        )


@check("weak_signature", Severity.WARNING, "signed over an MD5 or SHA-1 digest")
def weak_signature(observation: Observation, policy: Policy, now: datetime) -> Iterator[Problem]:
    if weak := _first(has_weak_signature, observation):
        certificate, faulty = weak
        signature = certificate.signature
        yield Problem(
            f"{shown(certificate.subject)} is signed with {signature}, which browsers refuse"
            f"{where(faulty, observation)}",
            f"{renew(policy)}, from an issuer that signs with SHA-256",
            facts_of(faulty) | {"weak_subject": certificate.subject, "signature": signature},
        )


def _first(
    is_weak: Callable[[Certificate], bool], observation: Observation
) -> tuple[Certificate, list[Served]] | None:
    """The first weak certificate below the root, and the served ones whose path it is in."""
    for one in served(observation.tls):
        paths = (v.path for v in observation.tls if v.leaf == one.leaf and v.path is not None)
        below_root = (c for path in paths for c in path.certificates[1:-1])
        if weak := next(filter(is_weak, (one.leaf, *below_root)), None):
            return weak, [one]
    return None


@check("lifetime_too_long", Severity.INFO, "lives longer than the CA/Browser Forum allows")
def lifetime_too_long(observation: Observation, policy: Policy, now: datetime) -> Iterator[Problem]:
    """Only of public trust: the limits bind nobody else. The last second counts (section 6.3.2)."""
    trusted = (v for v in observation.tls if v.path and v.path.verdict is TrustVerdict.TRUSTED)
    for one in served(trusted):
        limit, life = longest_allowed(one.leaf.not_before), one.leaf.lifetime
        if limit is not None and life + timedelta(seconds=1) > limit:
            yield Problem(
                f"the certificate of {observation.domain} lives {span(life)}; "
                f"{limit.days} days are allowed since its making",
                have(policy, f"order certificates of at most {limit.days} days"),
                facts_of([one]) | {"days": life.days, "limit_days": limit.days},
            )
            return


@check("issuer_unexpected", Severity.WARNING, "issued by none of the expected CAs")
def issuer_unexpected(observation: Observation, policy: Policy, now: datetime) -> Iterator[Problem]:
    accepted = {name.casefold() for name in policy.accept_ca}
    strange = [o for o in served(observation.tls) if _issuer(o.leaf).casefold() not in accepted]
    if accepted and strange:
        issuer = _issuer(strange[0].leaf)
        yield Problem(
            f"the certificate of {observation.domain} was issued by {shown(issuer) or 'nobody'}, "
            f"not by {listed(policy.accept_ca)}{where(strange, observation)}",
            f"if that is right, add {shown(issuer)!r} to probe.accept_ca; else {renew(policy)}",
            facts_of(strange) | {"issuer_name": issuer, "accept_ca": list(policy.accept_ca)},
        )


def _issuer(leaf: Certificate) -> str:
    return leaf.issuer_organization or common_name(leaf.issuer)


@check("san_lost", Severity.WARNING, "the new certificate lacks a name that the previous one had")
def san_lost(observation: Observation, policy: Policy, now: datetime) -> Iterator[Problem]:
    """Names of the same registered domain only. Silent where the domain itself is not covered:
    ``name_mismatch`` or ``default_certificate`` speaks."""
    leaf = newest(observation)
    if leaf is None or not covers(leaf, observation.domain):
        return
    others = (s for s in policy.memory.sightings if s.certificate.fingerprint != leaf.fingerprint)
    previous = next(others, None)
    if previous is None:
        return
    if lost := _lost(previous.certificate, leaf, policy):
        yield Problem(
            f"the certificate of {observation.domain} no longer covers {listed(lost)}",
            have(policy, f"add {listed(lost)} to the next certificate, if links still use it"),
            {
                "lost": lost,
                "fingerprint_sha256": leaf.fingerprint,
                "previous_fingerprint_sha256": previous.certificate.fingerprint,
            },
        )


def _lost(before: Certificate, leaf: Certificate, policy: Policy) -> list[str]:
    zone = policy.registered_domain or names.registered_domain(policy.domain.name)
    ours = (san for san in before.sans if names.below(san.removeprefix("*."), zone))
    return [san for san in ours if not covers(leaf, san)]


@check("certificate_changed", Severity.INFO, "another certificate than at the previous look")
def certificate_changed(
    observation: Observation, policy: Policy, now: datetime
) -> Iterator[Problem]:
    leaf, before = newest(observation), _at_previous_look(policy)
    if leaf is None or not before:
        return
    if all(leaf.fingerprint != sighting.certificate.fingerprint for sighting in before):
        old = before[0].certificate
        yield Problem(
            f"{observation.domain} serves a new certificate of {shown(_issuer(leaf)) or 'nobody'}, "
            f"valid until {day(leaf.not_after)}",
            "nothing, if somebody renewed it; else ask who did",
            {
                "fingerprint_sha256": leaf.fingerprint,
                "previous_fingerprint_sha256": old.fingerprint,
                "previous_issuer": old.issuer,
                "not_after": instant(leaf.not_after),
            },
        )


def _at_previous_look(policy: Policy) -> list[Sighting]:
    """The certificates of the previous look; the newest one where that look saw none."""
    memory = policy.memory
    at = memory.observed_at
    return [s for s in memory.sightings if at and s.last_seen_at >= at] or [*memory.sightings[:1]]
