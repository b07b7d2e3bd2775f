"""Fastly."""

from certwatch.core.catalog import Edge, Signature

_CACHE = ("x-served-by", "cache-")

FASTLY = Edge(
    name="fastly",
    title="Fastly",
    source="Fastly documentation: common 503 errors, TLS, domains",
    cname_suffixes=(".fastly.net",),
    headers=(_CACHE, ("x-fastly-request-id", "")),
    default_names=("*.fastly.net", "*.global.ssl.fastly.net", "default.ssl.fastly.net"),
    signatures=(
        Signature(
            check="edge_misconfigured",
            meaning="unknown domain: no Fastly service carries this name",
            remedy="add the name to the domains of the Fastly service and activate the version",
            status=500,
            body="fastly error: unknown domain",
        ),
        Signature(
            check="edge_misconfigured",
            meaning="the TLS name and the Host header belong to different services",
            remedy="put the name's certificate and its domain on the same Fastly service",
            status=421,
            header=_CACHE,
        ),
        Signature(
            check="origin_down",
            meaning="the backend fails or does not answer in time",
            remedy="check the host, port and TLS settings of the Fastly service's backend",
            status=503,
            header=_CACHE,
        ),
    ),
)
