"""Customer.io: link tracking behind the customer's CDN or proxy."""

from certwatch.core.catalog import Provider, Target
from certwatch.core.model import Mode

CUSTOMERIO = Provider(
    name="customerio",
    title="Customer.io",
    source="docs.customer.io: HTTPS link tracking",
    targets=(
        Target(name="track.customer.io", region="us"),
        Target(name="track-eu.customer.io", region="eu"),
    ),
    modes=(Mode.CDN, Mode.PROXY),
    default_names=("customer.io", "*.customer.io"),
)
