"""Postmark: custom tracking domains with certificates of its own."""

from certwatch.core.catalog import Provider, Target
from certwatch.core.model import Mode

POSTMARK = Provider(
    name="postmark",
    title="Postmark",
    source="postmarkapp.com support: custom tracking domains",
    targets=(
        Target(name="click.pstmrk.it", managed=True),
        Target(name=".pstmrk.it", managed=True),  # the account may show a value of its own
    ),
    modes=(Mode.PROVIDER,),
    default_names=("pstmrk.it", "*.pstmrk.it"),
)
