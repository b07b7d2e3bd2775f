"""Google Cloud load balancing and Cloud CDN: address records, no CNAME target of its own."""

from certwatch.core.catalog import Edge, Signature

_VIA = ("via", "1.1 google")

GOOGLE = Edge(
    name="google",
    title="Google Cloud",
    source="Google Cloud documentation: load balancing troubleshooting, managed certificates",
    headers=(_VIA, ("server", "google frontend")),
    by_address=True,
    signatures=(
        Signature(
            check="edge_misconfigured",
            meaning="no host rule of the load balancer carries this name",
            remedy="add a host rule for the name to the load balancer's URL map",
            status=404,
            body="backend notfound",
        ),
        Signature(
            check="origin_down",
            meaning="the backend does not answer",
            remedy="check the load balancer's backend (host, port, protocol, health check)",
            status=502,
            header=_VIA,
        ),
    ),
)
