"""Which addresses certwatch never connects to: a DNS name is in the hands of its owner, and must
not turn the monitor against the network that it runs in."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address

# IANA special-purpose registries (RFC 6890); the first match gives the reason.
_NEVER = tuple(
    (ip_network(network), reason)
    for network, reason in (
        ("169.254.169.254/32", "the cloud metadata address"),
        ("fd00:ec2::254/128", "the cloud metadata address"),
        ("0.0.0.0/8", "an unspecified address"),
        ("::/128", "an unspecified address"),
        ("224.0.0.0/4", "a multicast address"),
        ("ff00::/8", "a multicast address"),
        ("255.255.255.255/32", "the broadcast address"),
        ("240.0.0.0/4", "a reserved address"),
    )
)
_PRIVATE = tuple(
    (ip_network(network), reason)
    for network, reason in (
        ("127.0.0.0/8", "a loopback address"),
        ("::1/128", "a loopback address"),
        ("10.0.0.0/8", "a private address (RFC 1918)"),
        ("172.16.0.0/12", "a private address (RFC 1918)"),
        ("192.168.0.0/16", "a private address (RFC 1918)"),
        ("100.64.0.0/10", "a carrier's shared address (RFC 6598)"),
        ("169.254.0.0/16", "a link-local address"),
        ("fe80::/10", "a link-local address"),
        ("fec0::/10", "a site-local address"),
        ("fc00::/7", "a unique local address (RFC 4193)"),
        ("64:ff9b:1::/48", "a local translation address (RFC 8215)"),
        ("100::/64", "a discard address (RFC 6666)"),
        ("192.0.0.0/24", "a protocol assignment (RFC 6890)"),
        ("192.0.2.0/24", "a documentation address"),
        ("198.51.100.0/24", "a documentation address"),
        ("203.0.113.0/24", "a documentation address"),
        ("2001:db8::/32", "a documentation address"),
        ("3fff::/20", "a documentation address"),
        ("198.18.0.0/15", "a benchmarking address (RFC 2544)"),
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")
_COMPATIBLE = IPv6Network("::/96")


def is_address(host: str) -> bool:
    """Whether a host is a literal IP address (without brackets) and not a name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=4096)
def refusal(address: str, allow_private: bool = False) -> str | None:
    """Why this literal IP address may not be connected to; ``None`` when it may.

    IPv4 addresses inside IPv6 ones (mapped, compatible, NAT64, 6to4, Teredo) are judged as well.
    Multicast, unspecified and cloud metadata addresses stay refused when private ones are allowed.
    """
    try:
        literal = ip_address(address)
    except ValueError:
        return "not an IP address"
    rules = _NEVER if allow_private else _NEVER + _PRIVATE
    for candidate in (literal, *_embedded(literal)):
        for network, reason in rules:
            if candidate.version == network.version and candidate in network:
                return reason
    return None


def _embedded(address: Address) -> tuple[IPv4Address, ...]:
    """The IPv4 addresses that traffic to an IPv6 address can end at."""
    if isinstance(address, IPv4Address):
        return ()
    last = IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        return (last,)
    found = (address.ipv4_mapped, address.sixtofour, *(address.teredo or ()))
    return tuple(inner for inner in found if inner is not None)
