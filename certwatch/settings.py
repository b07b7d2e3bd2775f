"""The settings: ``certwatch.toml`` and the environment, as one validated value.

The environment wins (``CERTWATCH_PROBE__TIMEOUT=5s``; lists separated by commas or as JSON). An
unknown key or a bad value is an error that names its place and what is allowed. The descriptions
here are the reference documentation; ``certwatch.config`` reads the file and the environment.
"""

import ipaddress
import json
from datetime import timedelta
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from certwatch.core.durations import parse_duration
from certwatch.core.model import Mode

LATER = "(accepted and checked, not used by this version yet)"


def _duration(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) else value


def _positive(span: timedelta) -> timedelta:
    if span <= timedelta():
        raise ValueError("must be longer than nothing: 90s, 10m, 6h, 7d")
    return span


def _listed(value: object) -> object:
    """A list that came as one string, from the environment."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            raise ValueError("must be a list: separate by commas, or write JSON") from None
    return [part.strip() for part in value.split(",") if part.strip()]


def _endpoint(default_port: int | None) -> BeforeValidator:
    def parse(value: object) -> object:
        if isinstance(value, tuple):  # our own default
            return value
        if not isinstance(value, str):
            raise ValueError("must be text: ADDRESS:PORT")
        return parse_endpoint(value, default_port)

    return BeforeValidator(parse)


def parse_endpoint(text: str, default_port: int | None = None) -> tuple[str, int]:
    """``192.0.2.1:53``, ``[2001:db8::1]:53`` or, with a default port, the address alone.

    Raises ValueError that says what is allowed.
    """
    host, port = text.strip(), default_port
    if host.startswith("["):
        host, _, rest = host[1:].partition("]")
        port = _port(rest[1:], text) if rest.startswith(":") else default_port
    elif host.count(":") == 1:
        host, _, digits = host.partition(":")
        port = _port(digits, text)
    try:
        ipaddress.ip_address(host)
    except ValueError:
        raise ValueError(
            f"{text!r} is not ADDRESS:PORT, such as 127.0.0.1:5353 or [::1]:53"
        ) from None
    if port is None:
        raise ValueError(f"{text!r} lacks a port, such as 127.0.0.1:8401")
    return host, port


def _port(digits: str, text: str) -> int:
    if digits.isascii() and digits.isdigit() and 0 < int(digits) < 65536:
        return int(digits)
    raise ValueError(f"{text!r} has no port from 1 to 65535")


def _directory(url: str) -> str:
    """The URL of a CA's directory: https, or the challenges of others could be slipped in."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host = ""
    is_clean = url.isascii() and url.isprintable() and not set(url) & set(" \\@")
    if is_clean and host and (parts.scheme == "https" or _is_local(parts.scheme, host)):
        return url
    raise ValueError(
        "must be an https URL such as https://acme-v02.api.letsencrypt.org/directory; http is"
        " allowed for a CA on this machine only (localhost, 127.0.0.1, [::1])"
    )


def _is_local(scheme: str, host: str) -> bool:
    try:
        is_loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
    return scheme == "http" and is_loopback


def _directory_or_none(url: str) -> str:
    return url and _directory(url)


Listed = BeforeValidator(_listed)
Duration = Annotated[timedelta, BeforeValidator(_duration), AfterValidator(_positive)]
Port = Annotated[int, Field(ge=1, le=65535)]
Nameserver = Annotated[tuple[str, int], _endpoint(53)]
Nameservers = Annotated[tuple[Nameserver, ...], Listed]
Texts = Annotated[tuple[str, ...], Listed]
Numbers = Annotated[tuple[int, ...], Listed]
Modes = Annotated[tuple[Mode, ...], Listed]
Secrets = Annotated[tuple[SecretStr, ...], Listed]
Listen = Annotated[tuple[str, int], _endpoint(None)]
DirectoryUrl = Annotated[str, AfterValidator(_directory)]
OptionalDirectoryUrl = Annotated[str, AfterValidator(_directory_or_none)]
Level = Literal["critical", "warning", "info", "mute"]


class Section(BaseModel):
    """One table of the settings: unknown keys are refused, and what no file or host is named."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    @field_validator("*", mode="before")
    @classmethod
    def _without_nul(cls, value: object) -> object:
        if isinstance(value, str) and "\0" in value:
            raise ValueError("must not hold a NUL character")
        return value


class StoreSettings(Section):
    """Where the inventory and what was seen are kept."""

    url: SecretStr = Field(
        SecretStr("sqlite:///certwatch.db"),
        description="database: sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/NAME",
    )
    keep: Duration = Field(
        timedelta(days=400), description="how long closed findings and past certificates are kept"
    )


class DnsSettings(Section):
    """Whom to ask for DNS."""

    nameservers: Nameservers = Field(
        (), description="resolvers as ADDRESS or ADDRESS:PORT; empty = the system's"
    )
    timeout: Duration = Field(timedelta(seconds=3), description="the longest wait for one answer")


class ProbeSettings(Section):
    """How tracking domains are looked at."""

    https_port: Port = Field(443, description="the port that browsers use for https links")
    http_port: Port = Field(80, description="the port that browsers use for http links")
    concurrency: int = Field(200, ge=1, le=5000, description="domains looked at together")
    timeout: Duration = Field(
        timedelta(seconds=10), description="the longest wait for one stage of a look"
    )
    interval: Duration = Field(
        timedelta(hours=6),
        description="how often every domain should be looked at; three missed looks are `stale`",
    )
    trust_roots: str = Field("", description="PEM file of trusted roots; empty = certifi's")
    allow_private_addresses: bool = Field(
        False, description="also connect to loopback, RFC 1918, link-local and ULA addresses"
    )
    accept_ca: Texts = Field(
        (), description="expected issuers by organisation name; empty = any trusted one"
    )
    contact: str = Field("", description="an address or URL shown in the User-Agent of every look")


class Rule(Section):
    """A severity for some domains: those that match every given matcher."""

    check: str = Field(description="a check code")
    severity: Level = Field(description="the severity there, or `mute`")
    domain: str = Field("*", description="a glob of domain names: *.brand.com")
    tag: str = Field("", description="a tag that the domain must have")


class CheckSettings(Section):
    """How findings are judged."""

    severity: dict[str, Level] = Field({}, description="severity by check code; `mute` drops it")
    rules: tuple[Rule, ...] = Field(
        (), description="the same for some domains; the last match wins"
    )
    expiring_warning: float = Field(
        0.25, gt=0, lt=1, description="fraction of its life left when `expiring` begins"
    )
    expiring_cap: Duration = Field(
        timedelta(days=30), description="and never earlier than this before expiry"
    )
    expiring_critical: float = Field(
        0.15, gt=0, lt=1, description="fraction of its life left when `expiring` is critical"
    )
    rollout_grace: Duration = Field(
        timedelta(hours=6), description="how long addresses may serve different certificates"
    )


class AcmeSettings(Section):
    """The certificate authority for domains in mode `acme`."""

    directory: DirectoryUrl = Field(
        "https://acme-v02.api.letsencrypt.org/directory", description="the CA's directory URL"
    )
    contact: str = Field("", description="mail address that the CA may write to")
    ca_bundle: str = Field("", description="PEM file that the CA's own HTTPS is verified with")
    profile: str = Field("", description="certificate profile, where the CA offers several")
    challenge_listen: Listen = Field(
        ("127.0.0.1", 8402), description="where HTTP-01 challenges are answered"
    )
    eab_kid: str = Field("", description="external account key id, where the CA asks for one")
    eab_hmac_key: SecretStr = Field(
        SecretStr(""), description="external account key, as the CA gave it (base64url)"
    )
    rehearsal: OptionalDirectoryUrl = Field(
        "",
        description="directory URL of a staging CA: a domain that failed before is validated there"
        " first, so that another failure costs nothing",
    )
    fallback: OptionalDirectoryUrl = Field(
        "",
        description="directory URL of a second CA, asked while the first one is out of order; it"
        " has a budget of its own",
    )
    fallback_eab_kid: str = Field("", description="external account key id there")
    fallback_eab_hmac_key: SecretStr = Field(
        SecretStr(""), description="external account key there"
    )
    caa: Texts = Field(
        ("letsencrypt.org",), description="the CA's names in CAA records, for `caa_blocks`"
    )
    key_type: Literal["ecdsa-p256", "rsa-2048"] = Field(
        "ecdsa-p256", description="private keys of new certificates"
    )
    key_file: str = Field(
        "certwatch.key",
        description="file, readable by its owner alone, with the key that seals private keys in"
        " the database; made by `init`",
    )
    sealing_key: SecretStr = Field(
        SecretStr(""),
        description="that key itself, instead of the file (url-safe base64, 32 bytes)",
    )
    concurrency: int = Field(8, ge=1, le=100, description="certificates ordered together")


class BudgetSettings(Section):
    """How many certificates may be ordered."""

    certificates: int = Field(20, ge=1, le=1_000_000, description="certificates per window")
    window: Duration = Field(timedelta(days=7), description="the sliding window")
    reserve: int = Field(
        2, ge=0, description="places of these for emergencies: revoked, or expired already"
    )
    count_ari_renewals: bool = Field(
        True, description="whether renewals inside the CA's suggested window count"
    )

    @model_validator(mode="after")
    def _leaves_room(self) -> Self:
        if self.reserve >= self.certificates:
            raise ValueError("reserve must be less than certificates, or nothing could be renewed")
        return self


class DeploySettings(Section):
    """Where new certificates go."""

    directory: str = Field("certs", description="folder with one folder per domain")
    hook: str = Field(
        "",
        description="command run after a new certificate is in place, with CERTWATCH_DOMAIN,"
        " CERTWATCH_FULLCHAIN, CERTWATCH_PRIVKEY, ... in its environment",
    )
    hook_timeout: Duration = Field(timedelta(minutes=1), description="the longest run of the hook")
    keep: int = Field(3, ge=0, description="previous certificates kept per domain")
    grace: Duration = Field(
        timedelta(minutes=10), description="how long addresses may take to serve a new certificate"
    )


class SlackSettings(Section):
    """The chat channel; `doctor` asks Slack whether the token is good."""

    token: SecretStr = Field(SecretStr(""), description="bot token (xoxb-...)")
    channel: str = Field("", description=f"channel id or name {LATER}")
    webhook_url: SecretStr = Field(SecretStr(""), description=f"incoming webhook {LATER}")
    base_url: str = Field("https://slack.com/api/", description="Slack's Web API")


class EmailSettings(Section):
    """The mail server; `doctor` logs in and out."""

    host: str = Field("", description="SMTP server")
    port: Port = Field(587, description="its port")
    security: Literal["starttls", "tls", "plain"] = Field(
        "starttls", description="starttls, tls, or plain (loopback only)"
    )
    username: str = Field("", description="login name")
    password: SecretStr = Field(SecretStr(""), description="password")
    sender: str = Field("", description=f"From address {LATER}")
    recipients: Texts = Field((), description=f"who gets alerts and reports {LATER}")


class PagerDutySettings(Section):
    """The on-call tool."""

    routing_key: SecretStr = Field(SecretStr(""), description=f"Events API v2 key {LATER}")
    base_url: str = Field("https://events.pagerduty.com", description=f"Events API {LATER}")


class WebhookSettings(Section):
    """A signed generic webhook."""

    url: SecretStr = Field(SecretStr(""), description=f"where incidents are posted {LATER}")
    secret: SecretStr = Field(SecretStr(""), description=f"key of the signature {LATER}")


class HeartbeatSettings(Section):
    """A dead-man's switch elsewhere."""

    url: SecretStr = Field(SecretStr(""), description=f"pinged after each good cycle {LATER}")
    interval: Duration = Field(timedelta(minutes=5), description=f"how often {LATER}")


class ReportSettings(Section):
    """The report."""

    schedule: str = Field("Mon 08:00", description=f"when it is sent {LATER}")
    timezone: str = Field("UTC", description="the zone in which the report shows times")
    directory: str = Field("reports-out", description="folder that reports are written to")


class WebSettings(Section):
    """The dashboard and API."""

    listen: Listen = Field(("127.0.0.1", 8401), description=f"where it listens {LATER}")
    tokens: Secrets = Field((), description=f"who may use it {LATER}")
    public_url: str = Field("", description=f"its address for links {LATER}")


class FleetSettings(Section):
    """Several machines."""

    queue_url: SecretStr = Field(SecretStr(""), description=f"PostgreSQL of the queue {LATER}")


class SparkPostSettings(Section):
    """SparkPost's API."""

    api_key: SecretStr = Field(SecretStr(""), description=f"API key {LATER}")
    base_url: str = Field("https://api.sparkpost.com/api/v1", description=f"API {LATER}")


class MailgunSettings(Section):
    """Mailgun's API."""

    api_key: SecretStr = Field(SecretStr(""), description=f"API key {LATER}")
    base_url: str = Field("https://api.mailgun.net", description=f"API {LATER}")


class SendGridSettings(Section):
    """SendGrid's API."""

    api_key: SecretStr = Field(SecretStr(""), description=f"API key {LATER}")
    base_url: str = Field("https://api.sendgrid.com", description=f"API {LATER}")


class ProvidersSettings(Section):
    """The providers' own APIs."""

    sparkpost: SparkPostSettings = SparkPostSettings()
    mailgun: MailgunSettings = MailgunSettings()
    sendgrid: SendGridSettings = SendGridSettings()


class ExtraProvider(Section):
    """A provider that certwatch does not know yet, as `[[extra_providers]]`."""

    name: str = Field(min_length=1, description="short name, as used in the inventory")
    title: str = Field("", description="name for people; empty = the short name")
    targets: Texts = Field(description="CNAME targets; a leading dot means all below")
    modes: Modes = Field((Mode.CDN, Mode.PROXY), description="how HTTPS can be had")
    origin: str = Field("", description="HOST:PORT behind a CDN or proxy; empty = the first target")
    origin_scheme: Literal["https", "http"] = Field("https", description="how the origin speaks")
    probe_path: str = Field("/", pattern="^/", description="a path that counts no click")
    healthy_status: Numbers = Field((), description="statuses of a healthy answer to it")


class ExtraEdge(Section):
    """A CDN or proxy that certwatch does not know yet, as `[[extra_edges]]`."""

    name: str = Field(min_length=1, description="short name, as used in the inventory")
    title: str = Field("", description="name for people; empty = the short name")
    cname_suffixes: Texts = Field((), description="names below which its targets lie")
    headers: dict[str, str] = Field({}, description="answer headers that give it away: name = part")
    default_names: Texts = Field((), description="SANs of its default certificate")
    alias_limit: int | None = Field(
        None, ge=1, description="custom names that one target may carry"
    )


class Settings(Section):
    """All settings; every section has defaults."""

    store: StoreSettings = StoreSettings()
    dns: DnsSettings = DnsSettings()
    probe: ProbeSettings = ProbeSettings()
    checks: CheckSettings = CheckSettings()
    acme: AcmeSettings = AcmeSettings()
    budget: BudgetSettings = BudgetSettings()
    deploy: DeploySettings = DeploySettings()
    slack: SlackSettings = SlackSettings()
    email: EmailSettings = EmailSettings()
    pagerduty: PagerDutySettings = PagerDutySettings()
    webhook: WebhookSettings = WebhookSettings()
    heartbeat: HeartbeatSettings = HeartbeatSettings()
    report: ReportSettings = ReportSettings()
    web: WebSettings = WebSettings()
    fleet: FleetSettings = FleetSettings()
    providers: ProvidersSettings = ProvidersSettings()
    extra_providers: tuple[ExtraProvider, ...] = Field((), description="providers of your own")
    extra_edges: tuple[ExtraEdge, ...] = Field((), description="CDNs and proxies of your own")
