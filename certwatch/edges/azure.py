"""Azure Front Door and Azure CDN."""

from certwatch.core.catalog import Edge, Signature

_SORRY = "our services aren't available right now"
_REF = ("x-azure-ref", "")

AZURE = Edge(
    name="azure",
    title="Azure Front Door",
    source="MicrosoftDocs/azure-docs frontdoor: troubleshooting, custom domains",
    cname_suffixes=(".azurefd.net", ".azureedge.net"),
    headers=(_REF,),
    default_names=("*.azurefd.net", "*.azureedge.net"),
    signatures=(
        Signature(
            check="edge_misconfigured",
            meaning="no route carries this name",
            remedy="add the custom domain to a route of the Front Door endpoint",
            status=400,
            body=_SORRY,
        ),
        Signature(
            check="edge_misconfigured",
            meaning="the custom domain is not bound to any endpoint",
            remedy="add and validate the custom domain in the Front Door profile; until then the "
            "CNAME may be claimed by somebody else",
            status=404,
            body=_SORRY,
        ),
        Signature(
            check="origin_certificate",
            meaning="OriginInvalidResponse: the origin's certificate does not match its host name",
            remedy="set the origin host name to one that the origin's certificate covers",
            status=503,
            header=("x-azure-externalerror", "origininvalidresponse"),
        ),
        Signature(
            check="origin_certificate",
            meaning="OriginInvalidResponse: the origin's certificate does not match its host name",
            remedy="set the origin host name to one that the origin's certificate covers",
            status=503,
            body="origininvalidresponse",
        ),
        Signature(
            check="origin_down",
            meaning="OriginTimeout: the origin does not answer in time",
            remedy="check the origin's host name and ports, and that it lets Front Door in",
            status=504,
            header=_REF,
        ),
    ),
)
