"""``inspect``: chains in files and on servers."""

import pytest

from certwatch.lab.pki import pem
from certwatch.lab.truth import Issuer, Leaf, Sent

HOST = "click.inspect.test"


@pytest.fixture
def chain(lab, stage):
    """Write the chain of a leaf for HOST to a file and say where it is."""

    def write(**leaf):
        credential = stage.world.authorities.credential(HOST, Leaf(**leaf))
        path = lab.folder / "chain.pem"
        path.write_bytes(pem(credential.chain))
        return str(path)

    return write


@pytest.mark.parametrize(
    ("leaf", "check"),
    [
        ({"left": -1}, "expired"),
        ({"names": ("www.other.test",)}, "name_mismatch"),
        ({"sent": Sent.BARE}, "chain_incomplete"),
        ({"issuer": Issuer.STRANGER}, "untrusted"),
        ({"issuer": Issuer.SELF}, "self_signed"),
    ],
)
def test_a_bad_chain_in_a_file(lab, chain, leaf, check):
    run = lab("inspect", "--pem", chain(**leaf), "--name", HOST, "--json", code=1)
    assert run.json["version"] == 1
    assert run.json["valid"] is False
    assert run.json["reason"]
    assert check in run.json["checks"]
    assert run.json["path"] == []


def test_a_good_chain_in_a_file(lab, chain, stage):
    file = chain()
    document = lab("inspect", "--pem", file, "--name", HOST, "--json").json
    assert document["valid"] is True
    assert document["chain"][0]["sans"] == [HOST]
    assert len(document["path"]) >= 2
    out = lab("inspect", "--pem", file).out
    assert out.startswith("valid")
    assert HOST in out


def test_the_roots_decide(lab, chain, stage):
    file, roots = chain(), str(stage.world.folder / "roots.pem")
    lab.env["CERTWATCH_PROBE__TRUST_ROOTS"] = ""
    assert lab("inspect", "--pem", file, "--json", code=1).json["valid"] is False
    assert lab("inspect", "--pem", file, "--roots", roots, "--json").json["valid"] is True


def test_the_time_decides(lab, chain):
    file = chain()
    later = lab("inspect", "--pem", file, "--at", "2099-01-01T00:00:00Z", "--json", code=1)
    assert later.json["valid"] is False
    assert later.json["checks"][0] == "expired"
    lab("inspect", "--pem", file, "--at", "2099-01-01", "--fail-on", "never")


def test_a_server(lab, stage):
    port = stage.world.https_port
    good = lab("inspect", f"click.aurora.test:{port}", "--json").json
    assert good["valid"] is True
    bad = lab("inspect", "click.expired.test", "--json", code=1).json
    assert "expired" in bad["checks"]
    assert "not valid" in lab("inspect", "click.expired.test", code=1).out


def test_a_server_before_dns_leads_to_it(lab, stage):
    address = stage.world.servers["acme_edge"].address
    named = lab("inspect", address, "--name", "t.juniper.test", "--json").json
    assert named["valid"] is True
    assert lab("inspect", address, "--json", code=1).json["valid"] is False


def test_a_server_that_shows_nothing(lab):
    assert "nxdomain" in lab("inspect", "click.nowhere.test", code=3).err
    assert "refused" in lab("inspect", "click.aurora.test:1", code=3).err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["click.aurora.test", "--pem", "chain.pem"],
        ["--pem", "none.pem"],
        ["--pem", "certwatch.toml"],
        ["--pem", "certwatch.db"],
        ["click.aurora.test:99999"],
        ["click.aurora.test", "--at", "tomorrow"],
        ["click.aurora.test", "--roots", "none.pem"],
    ],
    ids=" ".join,
)
def test_wrong_usage(lab, arguments):
    assert lab("inspect", *arguments, code=2).err
