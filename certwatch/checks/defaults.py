"""Whose certificate it is that a server falls back to when it has none for the host asked for."""

import re

from certwatch.checks.served import Served
from certwatch.core.model import Certificate, Observation
from certwatch.core.names import matches
from certwatch.core.policy import Policy
from certwatch.core.x509 import covers

# Marks in the subject of the certificates that servers make for themselves.
_SELF_MADE = {
    "TRAEFIK DEFAULT CERT": "Traefik",
    "Kubernetes Ingress Controller Fake Certificate": "ingress-nginx",
    "Plesk": "Plesk",
    "Parallels Panel": "Plesk",
    "localhost": "the web server",
}
_COMMON_NAME = re.compile(r"(?:^|,)CN=((?:\\.|[^,\\])*)")


def common_name(name: str) -> str:
    """The most specific CN of a name in RFC 4514 form; empty when it has none."""
    found = _COMMON_NAME.search(name)
    return found[1] if found else ""


def default_of(served: Served, observation: Observation, policy: Policy) -> str | None:
    """Whose default certificate this is, in words; None when it covers the domain or is just wrong.

    Known by a name of an edge's or a provider's own, by the subject that servers give to what they
    make for themselves, or by being what the same address serves to clients that send no name.
    """
    if covers(served.leaf, observation.domain):
        return None
    return (
        _owner_of_names(served.leaf, policy)
        or _maker(served.leaf)
        or _without_name(served, observation)
    )


def _owner_of_names(leaf: Certificate, policy: Policy) -> str | None:
    likely = [row for row in (policy.edge, policy.provider) if row is not None]
    for row in (*likely, *policy.catalog.edges, *policy.catalog.providers):
        if any(matches(own, name) for own in row.default_names for name in leaf.sans):
            return row.title
    return None


def _maker(leaf: Certificate) -> str | None:
    name = common_name(leaf.subject).lower()
    return next((who for mark, who in _SELF_MADE.items() if name.startswith(mark.lower())), None)


def _without_name(served: Served, observation: Observation) -> str | None:
    for view in observation.addresses:
        if view.address in served.addresses and view.default_leaf == served.leaf:
            return "the server"
    return None
