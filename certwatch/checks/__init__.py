"""Every check that certwatch knows: one family a module, one code a check."""

from certwatch.checks import addresses, certificate, chain, dns, edge, origin, ours
from certwatch.checks.registry import checks_of, codes_of

FAMILIES = (certificate, chain, addresses, dns, edge, origin, ours)
CODES = tuple(code for family in FAMILIES for code in codes_of(family))
CHECKS = tuple(check for family in FAMILIES for check in checks_of(family))
MEANINGS = {code.code: code.meaning for code in CODES}
