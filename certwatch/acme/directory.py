"""A CA's directory (RFC 8555 section 7.1.1): where everything else is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from certwatch.acme.guard import at_home, nonsense
from certwatch.acme.network import Network
from certwatch.acme.problems import clip

_PROFILES_CAP = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """The resources of a CA, all of them its own; ``renewal_info`` is "" where it offers no ARI."""

    url: str
    new_nonce: str
    new_account: str
    new_order: str
    renewal_info: str
    demands_binding: bool
    profiles: tuple[str, ...]


def read_directory(network: Network, url: str) -> Directory:
    """Ask for the directory. Raises RenewalError."""
    document = network.fetch(url).document()
    meta = document.get("meta")
    meta = meta if isinstance(meta, Mapping) else {}
    renewal_info = document.get("renewalInfo")
    return Directory(
        url=url,
        new_nonce=_resource(document, "newNonce", url),
        new_account=_resource(document, "newAccount", url),
        new_order=_resource(document, "newOrder", url),
        renewal_info=at_home(renewal_info, url) if renewal_info else "",
        demands_binding=meta.get("externalAccountRequired") is True,
        profiles=_profiles(meta.get("profiles")),
    )


def _resource(document: Mapping[str, Any], name: str, url: str) -> str:
    if name not in document:
        raise nonsense(f"{url} is no ACME directory, it has no {name}")
    return at_home(document[name], url)


def _profiles(offered: object) -> tuple[str, ...]:
    names = offered if isinstance(offered, Mapping) else {}
    return tuple(clip(name) for name in list(names)[:_PROFILES_CAP])
