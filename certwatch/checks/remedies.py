"""Who must act: the same task said to whoever holds the certificate of a domain."""

from certwatch.core.model import Mode
from certwatch.core.policy import Policy


def renew(policy: Policy) -> str:
    """How a new certificate comes to this domain now."""
    name = policy.domain.name
    if policy.mode is Mode.ACME:
        return f"run `certwatch renew {name} --force`"
    return have(policy, f"put a new certificate for {name} in place")


def have(policy: Policy, task: str) -> str:
    """A task in the imperative, addressed to where TLS ends for this domain."""
    match policy.mode:
        case Mode.ACME:
            return f"on the servers that certwatch deploys to, {task}"
        case Mode.PROVIDER:
            return f"ask {policy.provider.title if policy.provider else 'the provider'} to {task}"
        case Mode.CDN:
            return f"at {policy.edge.title if policy.edge else 'the CDN'}, {task}"
        case Mode.PROXY:
            return f"on your proxy, {task}"
        case None:
            return f"where TLS ends for {policy.domain.name}, {task}"
