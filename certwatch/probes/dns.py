"""What DNS says of one tracking domain."""

import asyncio
from typing import Any, cast

from certwatch.core.model import CaaView, DnsStatus, DnsView
from certwatch.core.names import registered_domain
from certwatch.probes import wire
from certwatch.probes.guard import is_address
from certwatch.probes.resolver import Answer, Resolver

MAX_ADDRESSES = 16  # per domain; more are not looked at


async def view(
    resolver: Resolver, name: str, declared: str | None, patience: float, *, brief: bool = False
) -> DnsView:
    """All that DNS says of a domain, or only its addresses and aliases when ``brief``.

    ``declared`` is the expected CNAME target. A domain whose answers take longer than ``patience``
    seconds in all (a chain of slow zones) comes to TIMEOUT.
    """
    try:
        async with asyncio.timeout(patience):
            if brief or is_address(name):
                return DnsView(**_found(await resolver.addresses(name)))
            return await _whole_view(resolver, name, declared)
    except TimeoutError:
        late = DnsStatus.TIMEOUT
        return DnsView(status=late, caa=CaaView(status=late, found_at=name))


async def _whole_view(resolver: Resolver, name: str, declared: str | None) -> DnsView:
    registered = registered_domain(name)
    for rdtype in (wire.A, wire.AAAA, wire.CAA):
        resolver.ask(name, rdtype)
    resolver.ask(registered, wire.NS)
    found = await resolver.addresses(name)
    zone, nameservers = await resolver.zone(registered)
    return DnsView(
        **_found(found),
        zone=zone,
        nameservers=nameservers,
        caa=await resolver.caa(name),
        declared_addresses=await _declared_addresses(resolver, found, declared),
        appended=await _appended(resolver, found, f"{name}.{registered}"),
    )


def _found(answer: Answer) -> dict[str, Any]:
    addresses = cast(tuple[str, ...], answer.values)[:MAX_ADDRESSES]
    return {"status": answer.status, "cname_chain": answer.chain, "addresses": addresses}


async def _declared_addresses(
    resolver: Resolver, found: Answer, declared: str | None
) -> tuple[str, ...]:
    """The addresses of the declared target, to tell a flattened alias from a wrong record."""
    if declared is None or found.chain or not found.values:
        return ()
    target = await resolver.addresses(declared)
    return cast(tuple[str, ...], target.values)[:MAX_ADDRESSES]


async def _appended(resolver: Resolver, found: Answer, doubled: str) -> str | None:
    """The name with its zone appended twice, where a record is there instead."""
    if found.chain or found.status not in (DnsStatus.NXDOMAIN, DnsStatus.EMPTY):
        return None
    elsewhere = await resolver.addresses(doubled)
    return doubled if elsewhere.values or elsewhere.chain else None
