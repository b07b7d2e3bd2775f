"""The house's own data, from its settings: providers and edges, severities and limits."""

from difflib import get_close_matches

from certwatch.checks import CODES
from certwatch.core.catalog import Catalog, Edge, Provider, Target
from certwatch.core.model import Severity
from certwatch.core.policy import HousePolicy, SeverityRule, Thresholds
from certwatch.edges import EDGES
from certwatch.errors import SettingsError
from certwatch.providers import PROVIDERS
from certwatch.settings import ExtraEdge, ExtraProvider, Level, Settings


def catalog_of(settings: Settings) -> Catalog:
    """All providers and edges in force, those of the settings first."""
    return Catalog(
        providers=(*map(_provider, settings.extra_providers), *PROVIDERS),
        edges=(*map(_edge, settings.extra_edges), *EDGES),
    )


def _provider(row: ExtraProvider) -> Provider:
    targets = tuple(Target(name=name, origin=row.origin or None) for name in row.targets)
    return Provider(
        name=row.name,
        title=row.title or row.name,
        source="settings",
        targets=targets,
        modes=row.modes,
        origin_scheme=row.origin_scheme,
        probe_path=row.probe_path,
        healthy_status=row.healthy_status,
    )


def _edge(row: ExtraEdge) -> Edge:
    return Edge(
        name=row.name,
        title=row.title or row.name,
        source="settings",
        cname_suffixes=row.cname_suffixes,
        headers=tuple((name.lower(), part) for name, part in row.headers.items()),
        default_names=row.default_names,
        alias_limit=row.alias_limit,
    )


def house_of(settings: Settings) -> HousePolicy:
    """The limits that hold for all domains. Raises SettingsError for an unknown check code."""
    checks, probe = settings.checks, settings.probe
    general = (SeverityRule(_known(code), _level(level)) for code, level in checks.severity.items())
    special = (
        SeverityRule(_known(rule.check), _level(rule.severity), rule.domain, rule.tag)
        for rule in checks.rules
    )
    return HousePolicy(
        catalog=catalog_of(settings),
        thresholds=Thresholds(
            warning_fraction=checks.expiring_warning,
            warning_cap=checks.expiring_cap,
            critical_fraction=checks.expiring_critical,
            rollout_grace=checks.rollout_grace,
        ),
        accept_ca=probe.accept_ca,
        acme_issuers=settings.acme.caa,
        rules=(*general, *special),
        https_port=probe.https_port,
        http_port=probe.http_port,
    )


def _level(level: Level) -> Severity | None:
    return None if level == "mute" else Severity(level)


def _known(code: str) -> str:
    codes = [each.code for each in CODES]
    if code in codes:
        return code
    near = get_close_matches(code, codes, n=1)
    hint = f"did you mean {near[0]}?" if near else f"the codes are {', '.join(codes)}"
    raise SettingsError(f"[checks]: {code!r} is no check code; {hint}")
