"""Mailgun: certificates of its own by plan; its tracking hosts speak no HTTPS to a CDN."""

from certwatch.core.catalog import Provider, Target
from certwatch.core.model import Mode

MAILGUN = Provider(
    name="mailgun",
    title="Mailgun",
    source="documentation.mailgun.com: Domain Tracking; help.mailgun.com 360011566033",
    targets=(
        Target(name="mailgun.org", region="us", origin="mailgun.org:80", managed=True),
        Target(name="eu.mailgun.org", region="eu", origin="eu.mailgun.org:80", managed=True),
    ),
    modes=(Mode.PROVIDER, Mode.CDN, Mode.PROXY),
    origin_scheme="http",
    default_names=("mailgun.org", "*.mailgun.org"),
    issuers=("letsencrypt.org",),
)
