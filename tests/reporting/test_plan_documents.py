"""The documents of plan and budget keep to the published shapes."""

from dataclasses import replace

from certwatch.core.budget import Ledger, TokenBucket
from certwatch.core.renewal import Allowance, Blame, Reason, Setback
from certwatch.ports import Spend
from certwatch.reporting.budget import Bound, find_bounds, make_balance
from certwatch.reporting.plan_documents import (
    budget_document,
    forecast_document,
    plan_head,
    plan_lists,
    renewal_document,
)
from tests.factories import NOW
from tests.reporting.plans import DAY, forecast, lapse, plan, planned
from tests.reporting.renewals import renewal

CA = "https://ca.test/directory"
ALLOWANCE = Allowance(certificates=20, window=7 * DAY, reserve=2)


def spend(name: str, days_ago: float, *, committed: bool = True, is_free: bool = False) -> Spend:
    at = NOW - days_ago * DAY
    return Spend(renewal=1, domain=name, directory=CA, at=at, committed=committed, is_free=is_free)


def test_a_plan_as_a_document():
    made = plan(
        planned("a.test", 1),
        planned("b.test", 2, Reason.PULLED_FORWARD),
        lapses=(lapse("c.test", 3, 4, "crowded"), lapse("d.test", 5)),
        budget_needed=33,
        allowance=ALLOWANCE,
    )
    assert plan_head(made) == {
        "version": 1,
        "at": "2026-06-01T12:00:00Z",
        "horizon_until": "2026-08-30T12:00:00Z",
        "budget": {"certificates": 20, "window": "7d", "reserve": 2},
        "feasible": False,
        "first_lapse": "2026-06-04T12:00:00Z",
        "budget_needed": 33,
        "max_fleet": 171,
        "quarantined": [],
    }
    lists = {key: list(items) for key, items in plan_lists(made).items()}
    assert lists["lapses"] == [
        {
            "domain": "c.test",
            "from": "2026-06-04T12:00:00Z",
            "until": "2026-06-05T12:00:00Z",
            "reason": "crowded",
        },
        {
            "domain": "d.test",
            "from": "2026-06-06T12:00:00Z",
            "until": None,
            "reason": "crowded",
        },
    ]
    assert lists["renewals"][1] == {
        "domain": "b.test",
        "at": "2026-06-03T12:00:00Z",
        "not_after": "2026-07-03T12:00:00Z",
        "reason": "pulled_forward",
    }


def test_a_forecast_within_a_report():
    assert forecast_document(None) is None
    document = forecast_document(forecast(planned("a.test", 1), lapses=(lapse("b.test", 2),)))
    assert document is not None
    assert document["feasible"] is False
    assert document["first_lapse"] == "2026-06-03T12:00:00Z"
    assert document["calendar"][0] == {
        "from": "2026-06-01T12:00:00Z",
        "until": "2026-06-08T12:00:00Z",
        "places": 20,
        "spent": 0,
        "planned": 1,
        "lapses": 1,
    }
    assert [one["domain"] for one in document["next"]] == ["a.test"]


def test_a_renewal_with_what_blocks_it():
    document = renewal_document(renewal())
    assert (document["step"], document["due_at"]) == ("queued", "2026-06-02T12:00:00Z")
    assert (document["deadline_at"], document["setback"]) == (None, None)
    setback = Setback(at=NOW, kind="caa", blame=Blame.CUSTOMER, detail="CAA", remedy="permit us")
    assert renewal_document(renewal(setback=setback))["setback"] == {
        "at": "2026-06-01T12:00:00Z",
        "kind": "caa",
        "blame": "customer",
        "detail": "CAA",
        "remedy": "permit us",
    }


def test_a_balance_counts_what_binds():
    spends = (
        spend("old.test", 7),
        spend("hung.test", 9, committed=False),
        spend("free.test", 1, is_free=True),
        spend("b.test", 2),
        spend("a.test", 6),
        spend("now.test", 0, committed=False),
    )
    bound = Bound("name_set", "a.test", "the CA's limit of 5 is used up", NOW + DAY)
    balance = make_balance(spends, at=NOW, directory=CA, allowance=ALLOWANCE, bounds=[bound])
    assert (balance.spent, balance.reserved, balance.left, balance.ordinary) == (2, 2, 16, 14)
    document = budget_document(balance, None)
    spent = document.pop("spends")
    assert document == {
        "version": 1,
        "at": "2026-06-01T12:00:00Z",
        "directory": CA,
        "certificates": 20,
        "window": "7d",
        "reserve": 2,
        "spent": 2,
        "reserved": 2,
        "left": 16,
        "next_free_at": "2026-06-02T12:00:00Z",
        "limits": [
            {
                "limit": "name_set",
                "domain": "a.test",
                "reason": "the CA's limit of 5 is used up",
                "until": "2026-06-02T12:00:00Z",
            }
        ],
        "fallback": None,
    }
    assert [one["domain"] for one in spent] == ["hung.test", "a.test", "b.test", "now.test"]
    assert spent[1] == {"domain": "a.test", "at": "2026-05-26T12:00:00Z", "committed": True}


def test_an_overdrawn_or_untouched_budget_has_no_less_than_nothing_left():
    many = [spend(f"d{n}.test", 1) for n in range(25)]
    over = make_balance(many, at=NOW, directory=CA, allowance=ALLOWANCE)
    assert (over.left, over.ordinary) == (0, 0)
    fresh = make_balance((), at=NOW, directory=CA, allowance=ALLOWANCE)
    assert (fresh.left, fresh.next_free_at) == (20, None)
    assert budget_document(over, fresh)["fallback"]["left"] == 20


def test_the_cas_limits_that_refuse_now_are_found_an_accounts_once():
    orders = TokenBucket(
        name="orders", title="orders", per="account", event="order", burst=1, refill=DAY
    )
    names = replace(orders, name="names", per="name_set")
    used = Ledger(spent=(), arrivals={"orders": NOW + DAY, "names": NOW + DAY})
    ledgers = {"a.test": used, "b.test": used, "c.test": Ledger(spent=())}
    found = [(b.limit, b.domain, b.until_at) for b in find_bounds((orders, names), ledgers, NOW)]
    assert found == [
        ("orders", "", NOW + DAY),
        ("names", "a.test", NOW + DAY),
        ("names", "b.test", NOW + DAY),
    ]
