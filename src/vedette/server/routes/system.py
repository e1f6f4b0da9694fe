"""How the system is: for people, for watchdogs, for Prometheus."""

from __future__ import annotations

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from vedette.model.errors import DatabaseError
from vedette.model.incidents import Wanted
from vedette.server import answers
from vedette.server.access import needs
from vedette.server.figures import registry
from vedette.server.parts import Parts, ServerParts

router = APIRouter(tags=["system"])
plain = APIRouter(tags=["system"])


@router.get("/health", dependencies=[needs("health")])
def health(parts: Parts) -> answers.HealthsAnswer:
    """How every part is. A part that has been silent for 15 s counts as failed."""
    found = [answers.HealthAnswer.of(health) for health in parts.board.health()]
    return answers.HealthsAnswer(state=answers.worst([one.state for one in found]), parts=found)


@plain.get("/healthz")
async def alive() -> answers.AliveAnswer:
    """The process runs and answers."""
    return answers.AliveAnswer()


@plain.get("/readyz", responses={503: {"model": answers.ReadyAnswer}})
def ready(parts: Parts, response: Response) -> answers.ReadyAnswer:
    """Whether the database answers and the recorder is heard; 503 when not."""
    checks = {"database": _database(parts), "recorder": _recorder(parts)}
    fine = all(checks.values())
    response.status_code = 200 if fine else 503
    return answers.ReadyAnswer(
        ready=fine, checks={name: "ok" if passed else "failed" for name, passed in checks.items()}
    )


@plain.get("/metrics", dependencies=[needs("health")], response_class=Response)
def metrics(parts: Parts) -> Response:
    """Figures in the text format of Prometheus."""
    return Response(generate_latest(registry(parts)), media_type=CONTENT_TYPE_LATEST)


def _database(parts: ServerParts) -> bool:
    try:
        parts.findings.incidents(Wanted(), None, 1)
    except DatabaseError:
        return False
    return True


def _recorder(parts: ServerParts) -> bool:
    health = parts.board.health_of("recorder")
    return health is not None and health.state not in {"failed", "off"}
