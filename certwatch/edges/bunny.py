"""bunny.net."""

from certwatch.core.catalog import Edge, Signature

BUNNY = Edge(
    name="bunny",
    title="bunny.net",
    source="bunny.net documentation: pull zones, custom host names",
    cname_suffixes=(".b-cdn.net",),
    headers=(("server", "bunnycdn"), ("cdn-requestid", ""), ("cdn-pullzone", "")),
    default_names=("*.b-cdn.net",),
    signatures=(
        Signature(
            check="edge_misconfigured",
            meaning="no pull zone carries this name, so that somebody else may claim it",
            remedy="add the name to the pull zone's host names, or remove the CNAME",
            status=403,
            body="domain suspended or not configured",
        ),
    ),
)
