"""JangoMail: HTTPS by a button in the account; the CNAME target is shown there."""

from certwatch.core.catalog import Provider
from certwatch.core.model import Mode

JANGOMAIL = Provider(
    name="jangomail",
    title="JangoMail",
    source="jangomail.zendesk.com 360005953214: Enabling HTTPS on your Custom Tracking Domain",
    modes=(Mode.PROVIDER,),
    issuers=("letsencrypt.org",),
)
