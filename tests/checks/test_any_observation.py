"""Whatever a look holds, the checks of certificates and addresses judge it: no exception, one
finding a code, and facts that are JSON."""

import json

from hypothesis import given, settings

from certwatch.checks import addresses, certificate, chain
from certwatch.checks.registry import checks_of
from tests.strategies import instants, observations, policies

CHECKS = (*checks_of(certificate), *checks_of(chain), *checks_of(addresses))


@settings(max_examples=200)
@given(observations, policies, instants)
def test_every_look_is_judged(look, policy, now):
    for check in CHECKS:
        problems = list(check.judge(look, policy, now))
        assert len(problems) <= 1, check.code
        for problem in problems:
            assert problem.summary
            assert problem.remedy
            assert len(problem.summary) < 2000, check.code
            json.dumps(dict(problem.facts), allow_nan=False)
