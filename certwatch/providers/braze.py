"""Braze: sends through SendGrid, SparkPost or Amazon SES, with the customer's CDN in front."""

from dataclasses import replace

from certwatch.core.catalog import Provider
from certwatch.core.model import Mode
from certwatch.providers.sendgrid import SENDGRID
from certwatch.providers.ses import SES
from certwatch.providers.sparkpost import SPARKPOST

BRAZE = Provider(
    name="braze",
    title="Braze",
    source="braze-inc/braze-docs ssl.md",
    targets=tuple(
        replace(target, managed=False)
        for row in (SENDGRID, SPARKPOST, SES)
        for target in row.targets
    ),
    modes=(Mode.CDN, Mode.PROXY),
    default_names=(*SENDGRID.default_names, *SPARKPOST.default_names, *SES.default_names),
    signatures=SENDGRID.signatures,
)
