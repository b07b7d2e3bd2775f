"""Vercel."""

from certwatch.core.catalog import Edge, Signature

VERCEL = Edge(
    name="vercel",
    title="Vercel",
    source="Vercel documentation: domains, error codes",
    cname_suffixes=("vercel-dns.com",),
    headers=(("server", "vercel"), ("x-vercel-id", "")),
    default_names=("*.vercel.app",),
    signatures=(
        Signature(
            check="cname_dangling",
            meaning="DEPLOYMENT_NOT_FOUND: no project carries this name, so that somebody else may "
            "claim it",
            remedy="add the name to the Vercel project's domains, or remove the CNAME",
            body="deployment_not_found",
        ),
    ),
)
