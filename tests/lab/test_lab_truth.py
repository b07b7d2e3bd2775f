"""The comparison with the ground truth, and the ground truth itself."""

import itertools

from certwatch.checks import CHECKS
from certwatch.core.names import normalise
from certwatch.edges import EDGES
from certwatch.lab.edges import IMITATIONS
from certwatch.lab.places import PLACES
from certwatch.lab.plants import PLANTS
from certwatch.lab.truth import Plant, compare
from certwatch.providers import PROVIDERS

ONE = Plant(name="a.test", story="one fault", codes=frozenset({"expired"}), at=())
NONE = Plant(name="b.test", story="healthy", at=())


def test_what_was_planted_and_found_is_right() -> None:
    result = compare((ONE, NONE), {"a.test": ["expired"], "b.test": []})
    assert result.right
    assert (result.planted, result.missing, result.invented) == (1, (), ())


def test_a_missed_fault_and_an_invented_one_are_named() -> None:
    result = compare((ONE, NONE), {"a.test": [], "b.test": ["revoked"]})
    assert not result.right
    assert result.missing == (("a.test", "expired"),)
    assert result.invented == (("b.test", "revoked"),)


def test_a_domain_that_was_not_looked_at_is_a_miss_and_a_stranger_is_invented() -> None:
    result = compare((ONE,), {"c.test": ["expired"]})
    assert result.missing == (("a.test", "expired"),)
    assert result.invented == (("c.test", "expired"),)


def test_names_are_distinct_and_normal() -> None:
    names = [plant.name for plant in PLANTS]
    assert len(set(names)) == len(names)
    assert [normalise(name) for name in names] == names


def test_enough_of_everything_is_planted() -> None:
    healthy = [plant for plant in PLANTS if not plant.codes]
    assert len(PLANTS) >= 40
    assert len(healthy) >= 10


def test_plants_stand_at_places_and_declare_what_the_catalog_knows() -> None:
    providers = {row.name for row in PROVIDERS}
    for plant in PLANTS:
        assert set(plant.at) | set(plant.elsewhere) <= set(PLACES), plant.name
        assert plant.origin is None or plant.origin in PLACES, plant.name
        assert plant.provider is None or plant.provider in providers, plant.name


def test_every_place_has_an_address_of_its_own() -> None:
    addresses = [place.address for place in PLACES.values()]
    assert len(set(addresses)) == len(addresses)


def test_every_edge_of_the_catalog_is_imitated_well_enough_to_be_recognised() -> None:
    imitated = {row.name: row for row in IMITATIONS}
    for edge in EDGES:
        shown = imitated[edge.name].headers
        marks = itertools.product(shown, edge.headers)
        assert any(
            name == mark and part in value.lower() for (name, value), (mark, part) in marks
        ), edge.name


def test_every_check_that_one_look_can_decide_is_planted() -> None:
    planted = {code for plant in PLANTS for code in plant.codes}
    assert planted == {check.code for check in CHECKS}
