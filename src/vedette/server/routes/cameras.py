"""Cameras, and how they are."""

from __future__ import annotations

from fastapi import APIRouter

from vedette.server import answers
from vedette.server.access import needs
from vedette.server.parts import Camera, CameraFacts, Parts, ServerParts

router = APIRouter(tags=["cameras"])


@router.get("/cameras", dependencies=[needs("live")])
def list_cameras(parts: Parts) -> answers.CamerasAnswer:
    """All cameras with their health."""
    return answers.CamerasAnswer(cameras=[_answer(facts, parts) for facts in parts.cameras])


@router.get("/cameras/{camera}", dependencies=[needs("live")])
def one_camera(facts: Camera, parts: Parts) -> answers.CameraAnswer:
    """One camera with its health."""
    return _answer(facts, parts)


def _answer(facts: CameraFacts, parts: ServerParts) -> answers.CameraAnswer:
    streams = [_stream(facts.id, name, parts) for name in facts.streams]
    analysis = parts.board.health_of(f"analysis:{facts.id}") if facts.analyzed else None
    known = [stream.health for stream in streams if stream.health is not None]
    known += [answers.HealthAnswer.of(analysis)] if analysis is not None else []
    state = answers.worst([health.state for health in known])
    text = next((health.text for health in known if health.state == state and health.text), "")
    return answers.CameraAnswer(
        id=facts.id,
        name=facts.name,
        state=state,
        text=text,
        streams=streams,
        analysis=None if analysis is None else answers.HealthAnswer.of(analysis),
        viewers=parts.live.viewers().get(facts.id, 0),
    )


def _stream(camera: str, name: str, parts: ServerParts) -> answers.StreamAnswer:
    codec = parts.live.codec(camera, name)
    health = parts.board.health_of(f"camera:{camera}:{name}")
    return answers.StreamAnswer(
        name=name,
        codec=codec.name if codec else "",
        width=codec.width if codec else 0,
        height=codec.height if codec else 0,
        health=None if health is None else answers.HealthAnswer.of(health),
    )
