"""Amazon CloudFront."""

from certwatch.core.catalog import Edge, Signature

_ERROR = ("x-cache", "error from cloudfront")

CLOUDFRONT = Edge(
    name="cloudfront",
    title="CloudFront",
    source="Amazon CloudFront developer guide: alternate domain names, troubleshooting, quotas",
    cname_suffixes=(".cloudfront.net",),
    headers=(
        ("x-amz-cf-id", ""),
        ("x-amz-cf-pop", ""),
        ("via", "(cloudfront)"),
        _ERROR,
    ),
    default_names=("*.cloudfront.net",),
    alias_limit=100,
    signatures=(
        Signature(
            check="edge_misconfigured",
            meaning="the alternate domain name is blocked, because DNS points elsewhere",
            remedy="let the CNAME point to the distribution that carries this name as an alternate "
            "domain name (CNAME)",
            body="detected the dns record for the domain is misconfigured",
        ),
        Signature(
            check="edge_misconfigured",
            meaning="no distribution carries this name, or it refuses plain HTTP",
            remedy="add the name to the distribution's alternate domain names (CNAMEs), and set "
            '"Redirect HTTP to HTTPS" as its viewer protocol policy',
            status=403,
            body="bad request",
            header=_ERROR,
        ),
        Signature(
            check="origin_down",
            meaning="the origin's name does not resolve",
            remedy="correct the origin domain name in the distribution's origin settings",
            status=502,
            body="nons3origindnserror",
        ),
        Signature(
            check="origin_down",
            meaning="the origin refuses or drops connections",
            remedy="check host and port of the origin in the distribution's origin settings",
            status=502,
            body="attempted to establish a connection with the origin",
        ),
        Signature(
            check="origin_certificate",
            meaning="TLS with the origin fails: the name, expiry, chain or port of its certificate",
            remedy="give the distribution an origin domain name that its certificate covers, and "
            '"Match viewer" as origin protocol policy',
            status=502,
            header=_ERROR,
        ),
        Signature(
            check="origin_down",
            meaning="the origin does not answer in time: a firewall, or it is slow",
            remedy="check host and port of the origin, and that it lets CloudFront in",
            status=504,
            header=_ERROR,
        ),
    ),
)
