"""60 domains expire within two weeks and 20 may be renewed in any seven days: the plan is carried
out day by day at a real CA, and those domains lapse that it said would."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from certwatch.acme.client import CaIssuer
from certwatch.app import App, compose
from certwatch.app.renewing import renewing
from certwatch.core.model import Judged, Mode, Observation, State
from certwatch.settings import Settings
from certwatch.store import SqlStore
from tests.acme.pebble import Pebble, pebble
from tests.factories import certificate, dns, tls
from tests.simulation.claims import busiest
from tests.simulation.service import without_responder
from tests.simulation.world import EDGE, World, tracking_domain

DAY = timedelta(days=1)
DOMAINS, BUDGET, WINDOW = 60, 20, 7 * DAY


class Calendar:
    """A clock that is moved by hand, while the CA's own time stands nearly still."""

    def __init__(self) -> None:
        self.at = datetime.now(UTC)

    def now(self) -> datetime:
        """The instant that was set."""
        return self.at


@pytest.fixture(scope="module")
def ca() -> Iterator[Pebble]:
    """A Pebble that believes every challenge: no domain of this test exists."""
    with pebble(always_valid=True) as running:
        yield running


async def test_sixty_domains_lapse_exactly_as_forecast_when_twenty_a_week_can_be_renewed(
    ca: Pebble, tmp_path: Path
) -> None:
    clock = Calendar()
    start, app = clock.at, compose(_settings(ca, tmp_path), clock)
    app.upgrade_store()
    with app.store() as store:
        expiries = _inventory(store, start)
        forecast = app.outlook(store, at=start, horizon=4 * WINDOW).plan
        await _carry_out(app, store, clock)
        issued = {one.domain: one.issued_at for one in store.lineages()}
        spends = store.spends(ca.directory, start - DAY)
    lapsed = {name for name, expiry in expiries.items() if issued[name] > expiry}
    assert 0 < len(lapsed) < DOMAINS
    assert lapsed == {lapse.domain for lapse in forecast.lapses}
    assert len(spends) == len(issued) == DOMAINS
    assert all(spend.committed for spend in spends)
    assert busiest([spend.at for spend in spends], WINDOW) == BUDGET


def _settings(ca: Pebble, folder: Path) -> Settings:
    return Settings.model_validate(
        {
            "store": {"url": f"sqlite:///{folder / 'certwatch.db'}"},
            "budget": {"certificates": BUDGET},
            "acme": {
                "directory": ca.directory,
                "ca_bundle": ca.ca_bundle,
                "sealing_key": Fernet.generate_key().decode(),
            },
        }
    )


def _inventory(store: SqlStore, start: datetime) -> dict[str, datetime]:
    """Domains that were seen with certificates whose ends are spread over the fortnight."""
    expiries = {
        f"click.customer{n:02}.test": start + n * 14 * DAY / DOMAINS + DAY / 2
        for n in range(DOMAINS)
    }
    looks = [_look(name, expiry, start) for name, expiry in expiries.items()]
    for look in looks:
        store.add(look.domain, start)
    store.save(store.begin_sweep(start, DOMAINS), looks)
    return expiries


def _look(name: str, expiry: datetime, now: datetime) -> Judged:
    leaf = certificate(
        name,
        sans=(name,),
        fingerprint=sha256(name.encode()).hexdigest(),
        not_before=expiry - 90 * DAY,
        not_after=expiry,
    )
    return Judged(
        domain=tracking_domain(name),
        observation=Observation(domain=name, observed_at=now, dns=dns(EDGE), tls=(tls(leaf),)),
        provider=None,
        edge=None,
        mode=Mode.ACME,
        state=State.OK,
        findings=(),
    )


async def _carry_out(app: App, store: SqlStore, clock: Calendar) -> None:
    """Whenever the plan of that time wants something, it is done."""
    wired = renewing(app, store, on_step=lambda renewal: None, on_trouble=pytest.fail)
    world = World(clock=clock, store=store)
    shop = replace(wired.shop, prober=world, deployer=world)
    certwatch = replace(wired, shop=shop, responder=without_responder)
    until = clock.at + 4 * WINDOW
    try:
        while clock.at < until:
            outcomes = await certwatch.once(None, ())
            assert all(outcome.is_done for outcome in outcomes), outcomes
            plan = app.outlook(store, at=clock.at, horizon=WINDOW, search=False).plan
            upcoming = next((one.at for one in plan.renewals if one.at > clock.at), until)
            clock.at = min(upcoming, clock.at + DAY)
    finally:
        for issuer in shop.issuers.values():
            assert isinstance(issuer, CaIssuer)
            issuer.close()
