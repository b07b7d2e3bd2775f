"""Netlify."""

from certwatch.core.catalog import Edge, Signature

NETLIFY = Edge(
    name="netlify",
    title="Netlify",
    source="Netlify documentation: custom domains",
    cname_suffixes=(".netlify.app",),
    headers=(("server", "netlify"), ("x-nf-request-id", "")),
    default_names=("*.netlify.com", "*.netlify.app"),
    signatures=(
        Signature(
            check="cname_dangling",
            meaning="no site carries this name, so that somebody else may claim it",
            remedy="add the name to the Netlify site's domains, or remove the CNAME",
            status=404,
            body="not found - request id:",
        ),
    ),
)
