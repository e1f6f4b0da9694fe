from vedette.model.labels import COCO, GROUPS, MOVER, expand, group_of


def test_coco_has_its_eighty_classes_in_order() -> None:
    assert len(COCO) == len(set(COCO)) == 80
    assert (COCO[0], COCO[2], COCO[39], COCO[79]) == ("person", "car", "bottle", "toothbrush")


def test_groups_hold_only_what_a_coco_detector_can_answer() -> None:
    assert {member for members in GROUPS.values() for member in members} <= set(COCO)
    assert MOVER not in COCO


def test_groups_are_replaced_by_their_members() -> None:
    assert expand(["vehicle", "person"]) == {"car", "truck", "bus", "motorcycle", "bicycle", "person"}
    assert expand([]) == frozenset()


def test_the_group_of_a_label() -> None:
    assert [group_of(label) for label in ("truck", "dog", "person", MOVER)] == ["vehicle", "animal", "person", MOVER]
