"""Renewing as a user meets it before any CA is asked: plan, budget, nginx, and what blocks."""

import stat

import pytest

AT = "2026-11-21T00:00:00Z"
ROWS = "domain,not_after\n" + "".join(f"click{n}.brand.com,2027-01-10\n" for n in range(60))


@pytest.fixture
def ours(house):
    """An inventory with one domain of ours."""
    house("init")
    options = ("--provider", "sparkpost", "--mode", "acme", "--cname", "edge.house.test")
    said = house("domains", "add", "click.brand.com", *options).out
    assert "next: certwatch enable click.brand.com" in said
    return house


def test_a_fleet_on_paper_needs_no_settings_and_no_database(house):
    (house.folder / "fleet.csv").write_text(ROWS)
    asked = ("plan", "--fleet", "fleet.csv", "--at", AT, "--horizon", "60d", "--json")
    plan = house(*asked).json
    assert (plan["feasible"], plan["lapses"], plan["max_fleet"]) == (True, [], 171)
    assert plan["budget"] == {"certificates": 20, "window": "7d", "reserve": 0}
    assert len(plan["renewals"]) == 60
    assert not list(house.folder.glob("certwatch.*"))
    needed = plan["budget_needed"]
    assert house(*asked, "--budget", str(needed)).json["feasible"]
    short = house(*asked, "--budget", str(needed - 1), code=1).json
    assert short["first_lapse"] == min(lapse["from"] for lapse in short["lapses"])


def test_the_plan_of_the_inventory_and_its_budget(ours):
    plan = ours("plan", "--json").json
    assert [(one["domain"], one["reason"]) for one in plan["renewals"][:1]] == [
        ("click.brand.com", "new")
    ]
    budget = ours("budget", "--json").json
    assert (budget["certificates"], budget["reserve"], budget["spent"]) == (20, 2, 0)


def test_an_nginx_is_rendered_from_what_comes_with_the_package(ours):
    text = ours("edge", "render", "nginx", "--resolver", "127.0.0.1").out
    assert "server_name click.brand.com;" in text
    assert "$ssl_server_name/fullchain.pem" in text


def test_what_seals_private_keys_is_its_owners_alone(ours):
    key = ours.folder / "certwatch.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    key.chmod(0o644)
    assert "chmod 600" in ours("renew", code=2).err
    key.unlink()
    assert "certwatch init" in ours("renew", code=2).err


def test_a_precheck_that_fails_spends_nothing_and_says_what_to_do(ours):
    blind = ours.but(
        CERTWATCH_DNS__NAMESERVERS="127.0.0.1:1",
        CERTWATCH_ACME__DIRECTORY="https://127.0.0.1:1/directory",
        CERTWATCH_ACME__CHALLENGE_LISTEN="127.0.0.1:28402",
    )
    err = " ".join(blind("enable", "click.brand.com", "--within", "20s", code=3).err.split())
    assert "is not active yet" in err
    assert "certwatch doctor" in err
    assert ours("budget", "--json").json["spent"] == 0
