"""Every route names the right that it needs, so that none is forgotten when rights are checked."""

from typing import get_args

from server_parts import ask, server_parts
from vedette.server import access
from vedette.server.app import create_app
from vedette.server.routes import cameras, events, hls, live, pictures, recorded, system, timeline

SUBJECTS = (cameras, events, hls, live, pictures, recorded, system, timeline)
OPEN = {"/healthz", "/readyz"}


def test_every_route_names_a_right() -> None:
    routers = [subject.router for subject in SUBJECTS] + [system.plain]
    missing = set()
    for router in routers:
        for route in router.routes:
            asked = [*router.dependencies, *getattr(route, "dependencies", [])]
            if not any(getattr(one.dependency, "__module__", "") == access.__name__ for one in asked):
                missing.add(getattr(route, "path", ""))
    assert missing == OPEN


def test_every_path_of_the_interface_belongs_to_a_subject() -> None:
    described = ask(create_app(server_parts()), "/api/v1/openapi.json").json()["paths"]
    known = {f"/api/v1{getattr(route, 'path', '')}" for subject in SUBJECTS for route in subject.router.routes}
    known |= {getattr(route, "path", "") for route in system.plain.routes}
    assert set(described) <= known
    assert len(described) >= 15


def test_rights_are_few_and_have_names_of_what_people_do() -> None:
    assert get_args(access.Right) == ("live", "playback", "events", "health")
