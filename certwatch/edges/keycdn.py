"""KeyCDN."""

from certwatch.core.catalog import Edge, Signature

_ENGINE = ("server", "keycdn-engine")

KEYCDN = Edge(
    name="keycdn",
    title="KeyCDN",
    source="KeyCDN documentation: zone aliases, HTTP status codes",
    cname_suffixes=(".kxcdn.com",),
    headers=(_ENGINE, ("x-edge-location", "")),
    default_names=("*.kxcdn.com",),
    signatures=(
        Signature(
            check="edge_misconfigured",
            meaning="no zone alias carries this name",
            remedy="add the name as a zone alias in KeyCDN",
            status=403,
            body="the access to the resource has been denied",
        ),
        Signature(
            check="origin_down",
            meaning="the origin answers 502 or 504, or not at all",
            remedy="check the zone's origin URL in KeyCDN",
            status=500,
            body="origin error",
        ),
    ),
)
