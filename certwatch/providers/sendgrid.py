"""Twilio SendGrid: link branding behind a CDN or proxy, or with its automatic certificates."""

from certwatch.core.catalog import Provider, Signature, Target
from certwatch.core.model import Mode

SENDGRID = Provider(
    name="sendgrid",
    title="SendGrid",
    source="sendgrid/sendgrid-oai link_branding.json; sendgrid/docs; "
    "support.sendgrid.com 55419969558427, 1260802541709",
    targets=(
        Target(name="sendgrid.net", region="us"),
        Target(name="eu.sendgrid.net", region="eu"),
        Target(name="click.sendgrid.net", managed=True),
    ),
    modes=(Mode.PROVIDER, Mode.CDN, Mode.PROXY),
    probe_path="/wf/click?upn=",
    default_names=("sendgrid.net", "*.sendgrid.net"),
    signatures=(
        Signature(
            check="host_not_forwarded",
            meaning="it reads a host name in the link that it does not know",
            remedy="make the CDN or proxy hand the Host header on unchanged",
            body="bad hostname",
        ),
        Signature(
            check="wrong_link",
            meaning="the link's token is missing or damaged",
            remedy="make the CDN or proxy hand on path and query unchanged, then try a fresh link",
            body="wrong link",
        ),
        Signature(
            check="wrong_link",
            meaning="the link's token is missing or damaged",
            remedy="make the CDN or proxy hand on path and query unchanged, then try a fresh link",
            body="you have clicked on an invalid link",
        ),
    ),
)
