"""Iterable: link tracking behind the customer's CDN."""

from certwatch.core.catalog import Provider, Target
from certwatch.core.model import Mode

ITERABLE = Provider(
    name="iterable",
    title="Iterable",
    source="support.iterable.com: HTTPS for link tracking domains",
    targets=(
        Target(name="links.iterable.com", region="us"),
        Target(name="links.eu.iterable.com", region="eu"),
    ),
    modes=(Mode.CDN, Mode.PROXY),
    default_names=("*.iterable.com", "links.eu.iterable.com"),
)
