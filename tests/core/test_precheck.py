"""Whether a CA could validate a domain, judged on plain values."""

from hypothesis import given
from hypothesis import strategies as st

from certwatch.core.model import Failure, Hop, HttpView, Trouble
from certwatch.core.precheck import challenge_fault

URL = "http://click.brand.test/.well-known/acme-challenge/t"
GOOD = HttpView(address="192.0.2.1", url=URL, status=200, body="t.print")


def mute(kind: Failure, detail: str = "", address: str = "192.0.2.2") -> HttpView:
    return HttpView(address=address, url=URL, trouble=Trouble(kind, detail))


def test_what_our_side_could_not_ask_says_nothing_beside_an_address_that_answers() -> None:
    assert challenge_fault([GOOD, mute(Failure.LOCAL, "no IPv6 here")], "t.print") is None


def test_when_nothing_could_be_asked_the_fault_is_ours() -> None:
    found = challenge_fault([mute(Failure.LOCAL, "no IPv6 here")], "t.print")
    assert found is not None
    assert "cannot be asked from here: local: no IPv6 here" in found[0]
    assert "certwatch doctor" in found[1]
    assert found[2] == {"addresses": {"192.0.2.2": "local: no IPv6 here"}}


def test_every_way_to_be_mute_has_words() -> None:
    for kind in set(Failure) - {Failure.LOCAL}:
        found = challenge_fault([mute(kind), GOOD], "t.print")
        assert found is not None
        assert "192.0.2.2 " in found[0]


TEXT = st.text(max_size=200)
VIEWS = st.builds(
    HttpView,
    address=TEXT,
    url=TEXT,
    trouble=st.none() | st.builds(Trouble, st.sampled_from(Failure), TEXT),
    status=st.none() | st.integers(100, 999),
    headers=st.tuples(st.tuples(st.just("location"), TEXT)) | st.just(()),
    body=TEXT,
    hops=st.lists(st.builds(Hop, TEXT, st.just(302), TEXT), max_size=2).map(tuple),
)


@given(st.lists(VIEWS, max_size=3))
def test_any_answers_are_judged_and_only_the_token_passes(views: list[HttpView]) -> None:
    found = challenge_fault(views, "t.print")
    assert found is not None
    assert found[0]
    assert found[1]
    assert len(found[0]) < 1200
