"""Cloudflare: answers on the domain's own addresses, or for a SaaS name through a CNAME."""

from certwatch.core.catalog import Edge, Signature

_SERVER = ("server", "cloudflare")


def _own(code: int, check: str, meaning: str, remedy: str) -> tuple[Signature, ...]:
    """One of the 1xxx errors, told by a header, and by the body that non-browsers get."""
    return (
        Signature(
            check=check,
            meaning=f"error {code}, {meaning}",
            remedy=remedy,
            header=("cf-error-type", str(code)),
        ),
        Signature(
            check=check,
            meaning=f"error {code}, {meaning}",
            remedy=remedy,
            header=_SERVER,
            body=f"error code: {code}",
        ),
    )


def _origin(status: int, check: str, meaning: str, remedy: str) -> Signature:
    return Signature(check=check, meaning=meaning, remedy=remedy, status=status, header=_SERVER)


CLOUDFLARE = Edge(
    name="cloudflare",
    title="Cloudflare",
    source="cloudflare/cloudflare-docs: 1xxx and 5xx errors, Universal SSL, CNAME set-up",
    cname_suffixes=(".cdn.cloudflare.net",),
    nameserver_suffixes=(".ns.cloudflare.com",),
    headers=(_SERVER, ("cf-ray", "")),
    by_address=True,
    signatures=(
        *_own(
            1000,
            "edge_misconfigured",
            "the record points to a prohibited address, passes two proxies, or the host name is "
            "not set up for SaaS",
            "let the proxied record point to the provider's target, not to a Cloudflare address",
        ),
        *_own(
            1001,
            "edge_misconfigured",
            "Cloudflare cannot resolve the name, or it is not on Cloudflare",
            "add the name to the Cloudflare zone as a proxied CNAME, or point it elsewhere",
        ),
        *_own(
            1014,
            "edge_misconfigured",
            "the CNAME crosses Cloudflare accounts",
            "have the target's owner add the name as a custom hostname (SSL for SaaS), or let the "
            "record point to a target outside Cloudflare",
        ),
        *_own(
            1016,
            "origin_down",
            "the origin's name does not resolve",
            "correct the target of the proxied record in the Cloudflare zone",
        ),
        _origin(
            520,
            "origin_down",
            "the origin sends an empty or odd reply",
            "check that the proxied record points to the provider's target",
        ),
        _origin(
            521,
            "origin_down",
            "the origin refuses the connection",
            "check the target, and the SSL mode: Flexible for an origin without HTTPS, else Full",
        ),
        _origin(
            522,
            "origin_down",
            "the origin does not accept the connection in time",
            "check the target of the proxied record, and that the origin lets Cloudflare in",
        ),
        _origin(
            523,
            "origin_down",
            "there is no route to the origin",
            "correct the target of the proxied record in the Cloudflare zone",
        ),
        _origin(
            524,
            "origin_down",
            "the origin accepts the connection, but does not answer in time",
            "ask the owner of the origin why it is slow",
        ),
        _origin(
            525,
            "origin_down",
            "the TLS handshake with the origin fails",
            "set the SSL mode to what the origin speaks: Full for HTTPS, Flexible for HTTP only",
        ),
        _origin(
            526,
            "origin_certificate",
            "the origin's certificate is invalid and the SSL mode is Full (strict)",
            "set the SSL mode to Full, or have the origin's certificate put right",
        ),
        _origin(
            530,
            "edge_misconfigured",
            "it cannot tell the origin of this name",
            "check the proxied record of the name in the Cloudflare zone",
        ),
    ),
)
