"""Renders that are cancelled: in the real queue, over real HTTP where no exact moment is needed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from daemon.media.ffmpeg import Ffmpeg, find_ffmpeg
from daemon.studio.renders import Render
from daemon.studio.studio import Studio


def test_a_cancelled_render_gives_its_sessions_turn_away_at_once(
    rehearse: Callable[[str], Any], clip: Path
) -> None:
    studio = rehearse("service: {render_time: 1h}")
    session = studio.client.edited(clip, "trim to 1 s")
    studio.client.render(session, "render_slow")
    studio.client.poll("render_slow")
    studio.write("service: {render_time: 0s}")
    studio.client.http.post("/api/render/proxy/lambda/render_slow/cancel")
    studio.client.render(session, "render_next")
    assert studio.client.finished("render_next")["status"] == "completed"
    assert studio.client.poll("render_slow")["message"] == "cancelled"


def test_a_render_cancelled_while_it_is_taken_in_stays_cancelled_also_at_the_next_start(
    tmp_path: Path,
) -> None:
    async def live(work: Callable[[Studio], Any]) -> Any:
        studio = Studio(tmp_path, Ffmpeg(find_ffmpeg()))
        await studio.start()
        try:
            return await work(studio)
        finally:
            await studio.stop()

    async def cancel(studio: Studio) -> Render:
        session = await studio.create_session("me", "project", "en")
        render = Render("render_1", session.session_id, "me", {}, "auto", "low")
        await asyncio.gather(studio.renders.submit(render), studio.renders.cancel(render))
        await studio.renders.cancel(render)
        return render

    async def find(studio: Studio) -> Render | None:
        return studio.renders.find("render_1")

    for work in (cancel, find):
        render = asyncio.run(live(work))
        assert (render.status, render.message) == ("failed", "cancelled")
