"""The third journey through the command line, with a real CA: from a wish to what is served."""

import shlex
import socket
import stat

import pytest

from tests.acme.pebble import free_ports
from tests.renewing.place import ASTRAY, BLOCKED, EDGES, HOUSE


def refused(here, name, *options, **env):
    """What `renew` says of a domain that fails, as one line."""
    here.env.update(env)
    try:
        run = here("renew", name, *options, code=3)
    finally:
        for key in env:
            del here.env[key]
    return " ".join((run.out + run.err).split())


def nothing_spent(here, name):
    return here.spends(name) == here.orders_of(name) == []


def test_from_a_wish_to_a_renewal(here):
    name = "click.brand.test"
    here.point(name)
    here("domains", "add", name, "--cname", HOUSE, "--mode", "acme")
    run = here("enable", name)
    assert run.out == f"{name} is active: every address serves it\n"
    first, folder = here.in_place(name), here.folder / "certs" / name
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}
    public = dict.fromkeys(("cert.pem", "chain.pem", "fullchain.pem"), 0o644)
    assert modes == {"privkey.pem": 0o600, **public}
    assert "nothing is due now" in here("renew").out
    assert here.in_place(name) == first

    here("renew", "--force", name)
    second = here.in_place(name)
    serials = [order.serial for order in here.orders() if order.domain == name]
    assert serials == [first, second]
    budget = here("budget", "--json").json
    assert [spend["committed"] for spend in budget["spends"]] == [True, True]
    seen = here("scan", name, "--json").json["domains"][0]  # which answers on the challenge path
    assert seen["state"] in ("ok", "info")
    assert seen["certificate"]["serial"] == second
    assert {address["address"] for address in seen["addresses"]} == set(EDGES)


def test_enable_takes_a_domain_that_nobody_has_declared_a_mode_for(here):
    name = here.add("new.brand.test", mode=None)
    here("enable", name)
    again = here("enable", name)
    assert again.out == f"{name} is active: every address serves it\n"
    assert here.orders_of(name) == ["valid"]


def test_a_wrong_cname_spends_nothing(here):
    name = here.add("click.astray.test")
    here.point("elsewhere.test", f"A {ASTRAY}")
    here.point(name, "CNAME elsewhere.test.")
    said = refused(here, name)
    assert "leads to elsewhere.test" in said
    assert f"set CNAME {name} -> edge.house.test" in said
    assert nothing_spent(here, name)


def test_a_caa_record_that_forbids_our_ca_spends_nothing(here):
    here.point("strict.test", 'CAA 0 issue "another-ca.test"')
    name = here.add("click.strict.test")
    said = refused(here, name)
    assert "CAA" in said
    assert "ca.test" in said
    assert nothing_spent(here, name)


def test_a_firewall_on_the_challenge_path_spends_nothing(here):
    name = here.add("click.walled.test")
    here.blocked.add(name)
    said = refused(here, name)
    assert "answers 403" in said
    assert "let http://click.walled.test/.well-known/acme-challenge/ reach certwatch" in said
    assert nothing_spent(here, name)
    here.blocked.remove(name)
    here("renew", "--force", name)
    assert here.orders_of(name) == ["valid"]


def test_one_of_two_addresses_that_is_not_ours_spends_nothing(here):
    name = here.add("click.half.test", cname=None)
    here.point(name, f"A {EDGES[0]}", f"A {ASTRAY}")
    assert f"does not give our token back: {ASTRAY}" in refused(here, name)
    assert nothing_spent(here, name)


def test_a_name_that_the_ca_refuses_gives_its_place_back(here):
    name = here.add(BLOCKED)
    said = refused(here, name)
    assert "rejectedIdentifier" in said
    assert "use another CA or name" in said
    assert nothing_spent(here, name)


def test_a_stranger_on_our_port_is_not_blamed_on_the_customer(here):
    name = here.add("click.port.test")
    with socket.create_server(("127.0.0.1", here.challenges[0])):
        run = here("renew", name, code=3)
    assert "another program listens there" in run.err
    assert "customer" not in run.out + run.err
    assert nothing_spent(here, name)


def test_beside_another_certwatch_on_this_database_that_one_answers(here):
    name = here.add("click.beside.test")
    with here.service():
        run = here("enable", name)
    assert "another certwatch on this database answers challenges" in run.err
    assert here.orders_of(name) == ["valid"]


def test_a_hook_that_fails_is_run_again_without_a_second_order(here):
    name = here.add("click.hooked.test")
    said = refused(here, name, CERTWATCH_DEPLOY__HOOK="sh -c 'echo no reload; exit 7'")
    assert "the certificate is in place, but deploy.hook (sh) ended with exit code 7" in said
    assert "no reload" in said
    assert "nothing is due now" in here("renew", name).out  # it waits a minute
    serial = here.in_place(name)

    log = here.folder / "hook.log"
    script = f'echo "$CERTWATCH_DOMAIN $CERTWATCH_SERIAL" >> {shlex.quote(str(log))}'
    here.env["CERTWATCH_DEPLOY__HOOK"] = shlex.join(["sh", "-c", script])
    try:
        here("renew", "--force", name)  # mended: now
    finally:
        del here.env["CERTWATCH_DEPLOY__HOOK"]
    assert log.read_text() == f"{name} {serial}\n"
    assert here.orders_of(name) == ["valid"]
    assert here.spends(name) == [True]


@pytest.fixture
def waiting(here):
    """Four domains, removed again afterwards."""
    names = [f"n{number}.waiting.test" for number in range(4)]
    here.add(*names)
    yield names
    with here.app().store() as store:
        for name in names:
            store.remove(name)


def test_a_ca_that_is_down_pauses_everybody_and_uses_up_nobodys_attempts(here, waiting):
    gone = f"https://127.0.0.1:{free_ports(1)[0]}/dir"
    here.env |= {"CERTWATCH_ACME__DIRECTORY": gone, "CERTWATCH_ACME__CONCURRENCY": "1"}
    try:
        said = " ".join(here("renew", *waiting, code=3).out.split())
        assert [here.spends(name) for name in waiting] == [[]] * 4
    finally:
        del here.env["CERTWATCH_ACME__DIRECTORY"], here.env["CERTWATCH_ACME__CONCURRENCY"]
    assert said.count("paused: ") == 1  # the fourth was not even tried
    assert "no connection" in said
    with here.app().store() as store:
        attempts = sorted(renewal.attempts for renewal in store.open_renewals(waiting))
    assert attempts == [0, 0, 1, 1]  # the two before it was seen to be everybody's
