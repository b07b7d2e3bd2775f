"""Klaviyo: one CNAME of the account's own for a dedicated click-tracking domain."""

from certwatch.core.catalog import Provider
from certwatch.core.model import Mode

KLAVIYO = Provider(
    name="klaviyo",
    title="Klaviyo",
    source="help.klaviyo.com 50941715515675: DNS setup, dedicated click-tracking domain",
    modes=(Mode.PROVIDER, Mode.CDN, Mode.PROXY),
)
