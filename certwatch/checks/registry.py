"""What a check is, and how all of them are applied to one observation.

A check is a generator function with the ``@check`` decorator: it yields a ``Problem`` for every
fault it finds, and nothing when all is well. It does no I/O, reads no clock and draws nothing at
random; what it needs is in its three arguments.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import ModuleType
from typing import Any

from certwatch.core.model import Finding, Observation, Severity
from certwatch.core.policy import Policy


@dataclass(frozen=True, slots=True)
class Problem:
    """A fault that a check saw. ``severity`` overrides the check's own where the case is graver."""

    summary: str
    remedy: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    severity: Severity | None = None


Judge = Callable[[Observation, Policy, datetime], Iterable[Problem]]


@dataclass(frozen=True, slots=True)
class Code:
    """A check code as users know it: in findings, settings and the documentation."""

    code: str
    family: str
    severity: Severity
    meaning: str

    def finding(self, summary: str, remedy: str, facts: Mapping[str, Any]) -> Finding:
        """A finding of this code, for what no single observation shows."""
        return Finding(self.code, self.severity, summary, remedy, facts)


@dataclass(frozen=True, slots=True)
class Check(Code):
    """A check code with its judge of one observation."""

    judge: Judge


def check(code: str, severity: Severity, meaning: str) -> Callable[[Judge], Check]:
    """Make a generator function the one definition of a check code."""

    def register(judge: Judge) -> Check:
        family = judge.__module__.rpartition(".")[2]
        return Check(code, family, severity, meaning, judge)

    return register


CRASHED = Code("check_crashed", "ours", Severity.WARNING, "a check failed inside certwatch")


def checks_of(family: ModuleType) -> tuple[Check, ...]:
    """The checks that a module defines, in the order of their definition."""
    return tuple(code for code in codes_of(family) if isinstance(code, Check))


def codes_of(family: ModuleType) -> tuple[Code, ...]:
    """All codes that a module holds: its checks, and codes that are judged over a whole sweep."""
    return tuple(value for value in vars(family).values() if isinstance(value, Code))


def speaks(check: Check, observation: Observation, policy: Policy, now: datetime) -> bool:
    """Whether a check has something to say: one cause makes one finding, so others stay silent."""
    return any(True for _ in check.judge(observation, policy, now))


def judge(
    checks: Iterable[Check], observation: Observation, policy: Policy, now: datetime
) -> tuple[Finding, ...]:
    """Every finding on an observation, worst first; a check that fails is itself a finding."""
    found = [f for c in checks for f in _apply(c, observation, policy, now)]
    return tuple(sorted(found, key=lambda f: -f.severity.rank))


def _apply(
    check: Check, observation: Observation, policy: Policy, now: datetime
) -> Iterator[Finding]:
    override = policy.severities.get(check.code, check.severity)
    if override is None:
        return
    try:
        problems = list(check.judge(observation, policy, now))
    except Exception as error:  # a bug of ours must cost one check, not the sweep
        yield crashed(check.code, error)
        return
    for problem in problems:
        severity = problem.severity or check.severity
        if check.code in policy.severities:
            severity = override
        yield Finding(check.code, severity, problem.summary, problem.remedy, problem.facts)


def crashed(code: str, error: Exception) -> Finding:
    """The finding about a bug of ours: one check could not be judged."""
    return CRASHED.finding(
        f"the check {code} failed inside certwatch ({type(error).__name__})",
        "report this as a certwatch bug with the version and this domain's `certwatch scan --json`",
        {"check": code, "error": type(error).__name__},
    )
