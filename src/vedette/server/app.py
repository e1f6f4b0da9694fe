"""The HTTP application: reads, and changes nothing."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from anyio import CapacityLimiter
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import Response

from vedette.server.access import needs
from vedette.server.answers import ProblemDocument
from vedette.server.guard import HEADERS, Guard
from vedette.server.movies import Movies
from vedette.server.parts import ServerParts
from vedette.server.problems import PROBLEM, Problem, answer_with_problems, document
from vedette.server.routes import cameras, events, hls, live, pictures, recorded, system, timeline

API: Final = "/api/v1"
_DECODERS: Final = 2
"""Pictures that are decoded at once, so that no flood of requests takes the processor from the recorder."""
_PAGES: Final = {
    "index.html": "text/html; charset=utf-8",
    "vedette.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "live.js": "text/javascript; charset=utf-8",
}


def create_app(parts: ServerParts) -> FastAPI:
    """The application that serves `parts`."""
    app = FastAPI(
        title="Vedette",
        version=parts.version,
        description="Live pictures, recordings, events and health of a Vedette system. Reading only.",
        openapi_url=f"{API}/openapi.json",
        docs_url=None,
        redoc_url=None,
        responses={"default": {"description": "Problem (RFC 9457)", "content": {PROBLEM: _SCHEMA}}},
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    app.state.parts, app.state.movies, app.state.decoders = parts, Movies(parts.clock), CapacityLimiter(_DECODERS)
    answer_with_problems(app)
    for subject in (cameras, live, recorded, hls, pictures, timeline, events, system):
        app.include_router(subject.router, prefix=API)
    app.include_router(system.plain)
    app.include_router(_pages())
    app.add_middleware(Guard)

    @app.exception_handler(Exception)
    async def _fault(_: Request, __: Exception) -> Response:
        # Starlette answers this outside of every middleware, so the headers are added here.
        return document(500, "a fault of the server; its log says more", HEADERS)

    return app


_SCHEMA: Final = {"schema": ProblemDocument.model_json_schema()}


def _pages() -> APIRouter:
    router = APIRouter(include_in_schema=False, dependencies=[needs("live")])
    contents = {name: (files("vedette.server") / "pages" / name).read_bytes() for name in _PAGES}

    def answer(name: str) -> Response:
        return Response(contents[name], media_type=_PAGES[name], headers={"Cache-Control": "no-cache"})

    @router.get("/")
    async def first_page() -> Response:
        return answer("index.html")

    @router.get("/pages/{name}")
    async def page(name: str) -> Response:
        if name not in contents:
            raise Problem(404, "there is no such page")
        return answer(name)

    return router
