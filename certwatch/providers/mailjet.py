"""Mailjet: its own certificates on tracking links, by a switch in the account."""

from certwatch.core.catalog import Provider, Target
from certwatch.core.model import Mode

MAILJET = Provider(
    name="mailjet",
    title="Mailjet",
    source="documentation.mailjet.com 30625039188379: How to Enable HTTPS for Your Tracking Links",
    targets=(Target(name="t.mailjet.com", managed=True),),
    modes=(Mode.PROVIDER,),
    default_names=("mailjet.com", "*.mailjet.com"),
    issuers=("letsencrypt.org",),
)
