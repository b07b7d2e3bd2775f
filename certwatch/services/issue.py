"""The third journey: one renewal, from its place in the budget until every address serves it.

Each step is a function that takes a renewal at that step and returns it one step further. A step is
stored before the next one begins, and nothing irreversible happens before what undoes the doubt
about it is stored: the order's URL and the private key before the CSR is sent, and that it is about
to be sent before it is. So whoever claims a renewal, after a crash or instead of a sleeper, goes on
where it stands and never asks for a second certificate.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from certwatch.core.ari import ari_id
from certwatch.core.budget import Decision
from certwatch.core.model import Failure, Observation
from certwatch.core.names import registered_domain
from certwatch.core.renewal import Blame, Lineage, Renewal, Step
from certwatch.core.x509 import parse_pem
from certwatch.errors import (
    CertwatchError,
    InventoryError,
    LostClaim,
    RenewalError,
    StoreError,
)
from certwatch.ports import CaOrder, Issuer, OrderStatus
from certwatch.services.precheck import precheck
from certwatch.services.setback import CA_CAUSE, paused, set_back, well
from certwatch.services.workshop import LEASE, Outcome, Workshop, ask

_log = logging.getLogger(__name__)

_PATIENCE = timedelta(minutes=2)  # with a CA that validates or issues
_PLANTED = timedelta(hours=1)  # how long a challenge is answered, should nobody uproot it
_ASK_AGAIN = timedelta(hours=1)  # for a place: one may be given back before the next one frees
_PULSE = ThreadPoolExecutor(1, "certwatch-lease")  # never behind a slow hook or a silent CA
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 3.0  # seconds between two looks


async def work_on(shop: Workshop, waiting: Renewal) -> Outcome | None:
    """Claim a renewal and bring it as far as it goes now; None when another process has it."""
    now = shop.clock.now()
    if pause := await paused(shop, waiting):
        return pause
    decide = await asyncio.to_thread(shop.decide, waiting, now)
    claimed = await asyncio.to_thread(
        shop.store.claim, waiting.id, now=now, lease_until=now + LEASE, decide=decide
    )
    if claimed is None:
        return None
    if isinstance(claimed, Decision):
        return await _put_off(shop, waiting, claimed)
    return await _carry_on(shop, claimed)


async def _put_off(shop: Workshop, waiting: Renewal, refusal: Decision) -> Outcome:
    again = min(shop.clock.now() + _ASK_AGAIN, refusal.retry_at or datetime.max.replace(tzinfo=UTC))
    await asyncio.to_thread(shop.store.reschedule, waiting.id, again)
    return Outcome(
        domain=waiting.domain,
        step=waiting.step,
        detail=refusal.reason,
        retry_at=refusal.retry_at,
    )


async def _carry_on(shop: Workshop, renewal: Renewal) -> Outcome | None:
    """Step by step until it is done or fails; None when the claim was lost meanwhile."""
    keeping = asyncio.create_task(_keep(shop, renewal))
    try:
        while renewal.step is not Step.DONE:
            shop.on_step(renewal)
            try:
                renewal = await _STEPS[renewal.step](shop, renewal)
            except RenewalError as error:
                return await set_back(shop, renewal, error)
            except CertwatchError:
                raise
            except Exception as error:  # a bug of ours must cost one renewal, not the queue
                _log.exception("renewing %s", renewal.domain)
                return await set_back(shop, renewal, _bug(error))
        shop.on_step(renewal)
    except (LostClaim, InventoryError):  # somebody else's now, or the domain was removed
        return None
    except asyncio.CancelledError:  # we are told to stop: the next one need not wait for the lease
        with suppress(CertwatchError):  # or it is somebody else's already
            await asyncio.to_thread(shop.store.release, renewal, due_at=shop.clock.now())
        raise
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
    return Outcome(domain=renewal.domain, step=Step.DONE)


def _bug(error: Exception) -> RenewalError:
    return RenewalError(
        f"a bug in certwatch: {type(error).__name__}",
        kind="bug",
        blame=Blame.OURS,
        remedy="run again with `certwatch --verbose renew` and report what it shows",
    )


async def _keep(shop: Workshop, renewal: Renewal) -> None:
    """Extend the claim while it is worked on; whoever stops extending it has died. A database that
    fails just now is asked again, well before the lease ends."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(LEASE.total_seconds() / 6)
        with suppress(StoreError):
            until = shop.clock.now() + LEASE
            await loop.run_in_executor(_PULSE, shop.store.extend, renewal, until)


async def _order(shop: Workshop, renewal: Renewal) -> Renewal:
    """RESERVED -> ORDERED: precheck, then an order; its URL and the key are stored."""
    await precheck(shop, renewal.domain)
    await well(shop, "challenge_blocked", renewal)
    await _rehearse(shop, renewal)
    issuer = _issuer(shop, renewal)
    order = None
    if renewal.fence > 1:  # somebody may have ordered and died before writing it down
        order = await ask(issuer.unfinished, renewal.domain)
    if order is None:  # charged first: in doubt the CA's limit is thought to be nearer
        await _charge(shop, renewal, "order")
        order = await ask(issuer.order, renewal.domain, replaces=renewal.replaces)
    key = await ask(issuer.new_key)
    return await asyncio.to_thread(
        shop.store.advance, renewal, Step.ORDERED, order_url=order.url, key=key
    )


async def _rehearse(shop: Workshop, renewal: Renewal) -> None:
    """Let a staging CA validate what failed before, so that the next failure costs nothing. A
    rehearsal that the staging CA itself spoils says nothing."""
    if not shop.rehearsal or not renewal.attempts:
        return
    issuer = shop.issuers[shop.rehearsal]
    try:
        order = await ask(issuer.order, renewal.domain, replaces=None)
        await _pass_challenge(shop, issuer, order)
    except RenewalError as error:
        if error.blame != Blame.CA:
            raise


async def _validate(shop: Workshop, renewal: Renewal) -> Renewal:
    """ORDERED -> FINALIZED: the challenge is answered and the CA is content; the CSR goes next."""
    issuer, url = _issuer(shop, renewal), renewal.order_url or ""
    order = await ask(issuer.look, url, renewal.domain)
    try:
        await _pass_challenge(shop, issuer, order)
    except RenewalError as error:
        if error.is_final:
            await _charge(shop, renewal, "failed_validation")
        raise
    return await asyncio.to_thread(shop.store.advance, renewal, Step.FINALIZED)


async def _pass_challenge(shop: Workshop, issuer: Issuer, order: CaOrder) -> None:
    """Plant the answer to an order's challenge, and wait until the CA has seen it."""
    challenge = order.challenge
    if order.status is not OrderStatus.PENDING or challenge is None:
        return
    until = shop.clock.now() + _PLANTED
    planted = challenge.token, challenge.key_authorization, order.domain, until
    await asyncio.to_thread(shop.store.plant, *planted)
    try:
        await ask(issuer.answer, order)
        await _settled(shop, issuer, order, OrderStatus.PENDING)
    finally:
        await asyncio.to_thread(shop.store.uproot, challenge.token)


async def _finalize(shop: Workshop, renewal: Renewal) -> Renewal:
    """FINALIZED -> ISSUED: the CSR is sent unless the CA has it; the certificate is stored."""
    issuer, key = _issuer(shop, renewal), renewal.key or b""
    order = await ask(issuer.look, renewal.order_url or "", renewal.domain)
    if order.status is OrderStatus.READY:
        order = await ask(issuer.finalize, order, key)
    order = await _settled(shop, issuer, order, OrderStatus.PROCESSING)
    chain, certificate = await ask(issuer.certificate, order, key=key)
    now = shop.clock.now()
    lineage = Lineage(
        domain=renewal.domain,
        directory=renewal.directory,
        certificate=certificate,
        chain=chain,
        issued_at=now,
        ari_id=ari_id(certificate.der),
    )
    apex = registered_domain(renewal.domain)
    renewal = await asyncio.to_thread(
        shop.store.issued, renewal, lineage, registered_domain=apex, now=now
    )
    await well(shop, CA_CAUSE, renewal)
    return renewal


async def _deploy(shop: Workshop, renewal: Renewal) -> Renewal:
    """ISSUED -> DEPLOYED: the certificate is where it is served from."""
    chain = renewal.chain or ""
    certificate = parse_pem(chain.encode())[0]
    await ask(
        shop.deployer.deploy,
        renewal.domain,
        key=renewal.key or b"",
        chain=chain,
        certificate=certificate,
    )
    await well(shop, "deploy", renewal)
    return await asyncio.to_thread(shop.store.advance, renewal, Step.DEPLOYED)


async def _confirm(shop: Workshop, renewal: Renewal) -> Renewal:
    """DEPLOYED -> DONE: every address serves the new serial, within the grace."""
    serial = parse_pem((renewal.chain or "").encode())[0].serial
    domain = await asyncio.to_thread(shop.store.domain, renewal.domain)
    until, pause, told = shop.clock.now() + shop.grace, _FIRST_PAUSE, False
    while True:
        async with shop.prober.sweep() as looks:
            seen = await looks.look(domain, shop.clock.now())
        others = unserved(seen, serial)
        if not others:
            now = shop.clock.now()
            await asyncio.to_thread(shop.store.done, renewal, now)
            return replace(renewal, step=Step.DONE)
        if shop.clock.now() >= until:
            raise _not_served(renewal.domain, serial, others)
        if pause > 1 and not told:
            told = True
            address, instead = next(iter(others.items()))
            shop.tell(f"{renewal.domain}: {address} {instead}; waiting until {until:%H:%M} UTC")
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


_STEPS: Mapping[Step, Callable[[Workshop, Renewal], Awaitable[Renewal]]] = {
    Step.RESERVED: _order,
    Step.ORDERED: _validate,
    Step.FINALIZED: _finalize,
    Step.ISSUED: _deploy,
    Step.DEPLOYED: _confirm,
}


def _issuer(shop: Workshop, renewal: Renewal) -> Issuer:
    """The CA that was asked; it may have left the settings since."""
    issuer = shop.issuers.get(renewal.directory)
    if issuer is None:
        begun = renewal.step is Step.FINALIZED
        raise RenewalError(
            f"{renewal.directory} was asked for it and is no longer among the settings",
            kind="unknown_ca",
            blame=Blame.OURS,
            remedy="name it as acme.directory or acme.fallback until this certificate is fetched"
            if begun
            else "nothing: the present CA is asked instead",
            is_final=not begun,
        )
    return issuer


async def _settled(shop: Workshop, issuer: Issuer, order: CaOrder, passing: OrderStatus) -> CaOrder:
    """The order once its status is no longer a passing one."""
    until, pause = shop.clock.now() + _PATIENCE, _FIRST_PAUSE
    while order.status is passing:
        if shop.clock.now() >= until:
            raise RenewalError(
                f"the CA leaves the order {passing} for {_PATIENCE.seconds // 60} minutes",
                kind="timeout",
                blame=Blame.CA,
                remedy="nothing: the order is looked at again later",
            )
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)
        order = await ask(issuer.look, order.url, order.domain)
    return order


def unserved(seen: Observation, serial: str) -> dict[str, str]:
    """What each address serves instead of the certificate with that serial, for a sentence."""
    if not seen.tls:
        return {"DNS": f"gives no address ({seen.dns.status})"}
    if all(view.trouble and view.trouble.kind is Failure.LOCAL for view in seen.tls):
        return {"every address": "cannot be looked at from this machine"}
    return {
        view.address: f"serves serial {view.leaf.serial}"
        if view.leaf
        else f"does not answer ({view.trouble.kind if view.trouble else 'nothing'})"
        for view in seen.tls
        if not (view.leaf and view.leaf.serial == serial)
        and not (view.trouble and view.trouble.kind is Failure.LOCAL)
    }


def _not_served(domain: str, serial: str, others: Mapping[str, str]) -> RenewalError:
    address, instead = next(iter(others.items()))
    more = f" and {len(others) - 1} more" if len(others) > 1 else ""
    return RenewalError(
        f"the new certificate of {domain} (serial {serial}) is in place but not served: "
        f"{address}{more} {instead}",
        kind="not_served",
        blame=Blame.OURS,
        remedy="reload what serves it, or set deploy.hook to a command that does; a proxy that"
        " does not know the domain yet wants its configuration rendered again"
        " (`certwatch edge render nginx`)",
    )


async def _charge(shop: Workshop, renewal: Renewal, event: str) -> None:
    await asyncio.to_thread(
        shop.store.charge,
        renewal,
        event,
        registered_domain=registered_domain(renewal.domain),
        now=shop.clock.now(),
    )
