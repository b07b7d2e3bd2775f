"""The JSON documents of the plan and the budget, as plain dictionaries (see ``documents``)."""

from collections.abc import Iterator
from datetime import datetime

from certwatch.core.durations import format_duration
from certwatch.core.planning import Lapse, Plan, Planned
from certwatch.core.renewal import Allowance, Renewal, Setback
from certwatch.ports import Spend
from certwatch.reporting.budget import Balance
from certwatch.reporting.documents import VERSION, Document, instant
from certwatch.reporting.plan import Forecast, Stretch


def plan_head(plan: Plan, quarantined: tuple[str, ...] = ()) -> Document:
    """All of ``plan --json`` but ``lapses`` and ``renewals``: those are long, and streamed.

    ``first_lapse`` is the instant at which the first lapse begins.
    """
    return {
        "version": VERSION,
        "at": instant(plan.at),
        "horizon_until": instant(plan.horizon_until),
        "budget": allowance_document(plan.allowance),
        "feasible": plan.feasible,
        "first_lapse": instant(plan.lapses[0].from_at) if plan.lapses else None,
        "budget_needed": plan.budget_needed,
        "max_fleet": plan.max_fleet,
        "quarantined": list(quarantined),
    }


def plan_lists(plan: Plan) -> dict[str, Iterator[Document]]:
    """The long members of ``plan --json``."""
    return {
        "lapses": map(lapse_document, plan.lapses),
        "renewals": map(planned_document, plan.renewals),
    }


def allowance_document(allowance: Allowance) -> Document:
    """The operator's budget."""
    return {
        "certificates": allowance.certificates,
        "window": format_duration(allowance.window),
        "reserve": allowance.reserve,
    }


def lapse_document(lapse: Lapse) -> Document:
    """A time without a valid certificate; ``until`` is null beyond the horizon."""
    return {
        "domain": lapse.domain,
        "from": instant(lapse.from_at),
        "until": _maybe(lapse.until_at),
        "reason": lapse.reason,
    }


def planned_document(planned: Planned) -> Document:
    """A certificate that will be spent."""
    return {
        "domain": planned.domain,
        "at": instant(planned.at),
        "not_after": _maybe(planned.not_after),
        "reason": planned.reason.value,
    }


def renewal_document(renewal: Renewal) -> Document:
    """A renewal that is not done; ``due_at``: it is not worked on before."""
    return {
        "step": renewal.step.value,
        "reason": renewal.reason.value,
        "directory": renewal.directory,
        "due_at": instant(renewal.due_at),
        "deadline_at": _maybe(renewal.deadline_at),
        "attempts": renewal.attempts,
        "setback": _setback_document(renewal.setback) if renewal.setback else None,
    }


def _setback_document(setback: Setback) -> Document:
    return {
        "at": instant(setback.at),
        "kind": setback.kind,
        "blame": setback.blame.value,
        "detail": setback.detail,
        "remedy": setback.remedy,
    }


def forecast_document(forecast: Forecast | None) -> Document | None:
    """The plan within ``report --format json``; null where no domain is in mode ``acme``."""
    if forecast is None:
        return None
    first = forecast.first_lapse
    return {
        "sentence": forecast.sentence,
        "horizon_until": instant(forecast.horizon_until),
        "budget": allowance_document(forecast.allowance),
        "domains": forecast.domains,
        "feasible": first is None,
        "first_lapse": instant(first.from_at) if first else None,
        "budget_needed": forecast.budget_needed,
        "calendar": [_stretch_document(stretch) for stretch in forecast.calendar],
        "next": [planned_document(planned) for planned in forecast.next_up],
        "lapses": forecast.lapses,
        "worst": [lapse_document(lapse) for lapse in forecast.worst],
        "quarantined": list(forecast.quarantined),
    }


def _stretch_document(stretch: Stretch) -> Document:
    return {
        "from": instant(stretch.from_at),
        "until": instant(stretch.until_at),
        "places": stretch.places,
        "spent": stretch.spent,
        "planned": stretch.planned,
        "lapses": stretch.lapses,
    }


def balance_document(balance: Balance) -> Document:
    """The budget of one directory, as ``budget --json`` prints it."""
    return {
        "directory": balance.directory,
        **allowance_document(balance.allowance),
        "spent": balance.spent,
        "reserved": balance.reserved,
        "left": balance.left,
        "next_free_at": _maybe(balance.next_free_at),
        "spends": [_spend_document(spend) for spend in balance.spends],
        "limits": [
            {"limit": b.limit, "domain": b.domain, "reason": b.reason, "until": _maybe(b.until_at)}
            for b in balance.bounds
        ],
    }


def budget_document(balance: Balance, fallback: Balance | None) -> Document:
    """What ``budget --json`` prints; ``fallback`` is null where no second CA is set."""
    return {
        "version": VERSION,
        "at": instant(balance.at),
        **balance_document(balance),
        "fallback": balance_document(fallback) if fallback else None,
    }


def _spend_document(spend: Spend) -> Document:
    return {"domain": spend.domain, "at": instant(spend.at), "committed": spend.committed}


def _maybe(at: datetime | None) -> str | None:
    return instant(at) if at else None
