"""CleverTap: sends through SendGrid, with the customer's CDN or proxy in front."""

from dataclasses import replace

from certwatch.core.model import Mode
from certwatch.providers.sendgrid import SENDGRID

CLEVERTAP = replace(
    SENDGRID,
    name="clevertap",
    title="CleverTap",
    source="docs.clevertap.com: custom SSL for e-mail link tracking",
    targets=tuple(replace(target, managed=False) for target in SENDGRID.targets),
    modes=(Mode.CDN, Mode.PROXY),
)
