"""Akamai."""

from certwatch.core.catalog import Edge, Signature

_GHOST = ("server", "akamaighost")  # on pages of its own, not on the origin's

AKAMAI = Edge(
    name="akamai",
    title="Akamai",
    source="Akamai documentation: edge host names, reference errors",
    cname_suffixes=(".edgekey.net", ".edgesuite.net", ".akamaiedge.net"),
    headers=(
        _GHOST,
        ("x-akamai-transformed", ""),
        ("x-akamai-request-id", ""),
        ("x-akamai-edgescape", ""),
    ),
    default_names=("a248.e.akamai.net",),
    signatures=(
        Signature(
            check="origin_certificate",
            meaning="reference #30: TLS with the origin fails",
            remedy="correct the origin's certificate, or the names that the property accepts",
            status=503,
            body="reference #30",
        ),
        Signature(
            check="origin_down",
            meaning="the origin does not answer",
            remedy="check the property's origin server: host name, ports and timeouts",
            status=503,
            header=_GHOST,
        ),
        Signature(
            check="edge_misconfigured",
            meaning="invalid URL: no property carries this name",
            remedy="add the name to the host names of the property and activate it",
            status=400,
            body="invalid url",
        ),
    ),
)
