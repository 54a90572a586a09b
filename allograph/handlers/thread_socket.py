"""`GET ws /threads/{id}/stream/events`: the thread-centric protocol over a WebSocket, which OpenAPI cannot describe."""

from __future__ import annotations

import logging
from uuid import UUID

from starlette.websockets import WebSocket, WebSocketDisconnect

from allograph.errors import Invalid
from allograph.runner.protocol.commands import Commands, error
from allograph.runner.protocol.session import Session
from allograph.runner.protocol.subscription import Subscriptions
from allograph.validation import parsed

log = logging.getLogger("allograph.socket")

PATH = "/threads/{thread_id}/stream/events"

NO_THREAD_ID = 4422
UNAVAILABLE = 4503
"""Closed with 4000 and the status that a request would be answered with: clients connect again or not by that."""


class ThreadSocket:
    def __init__(self, commands: Commands, subscriptions: Subscriptions) -> None:
        self.commands = commands
        self.subscriptions = subscriptions

    async def serve(self, websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            thread_id = UUID(websocket.path_params["thread_id"])
        except ValueError:
            await websocket.close(NO_THREAD_ID, "the thread id is no UUID")
            return

        async def send(message: bytes) -> None:
            await websocket.send_text(message.decode())

        async def give_up() -> None:
            await websocket.close(UNAVAILABLE, "the database did not answer")

        try:
            async with Session(thread_id, self.commands, self.subscriptions, send, give_up) as session:
                while True:
                    message = await websocket.receive()
                    if message["type"] == "websocket.disconnect":
                        return
                    text = message.get("text")
                    body = text.encode() if text is not None else message["bytes"]
                    try:
                        given = parsed(body)
                    except Invalid as refused:
                        await session.reply(error(None, "invalid_argument", refused.detail.replace("request body", "message")))
                    else:
                        await session.receive(given)
        except WebSocketDisconnect:
            log.debug("a client of thread %s left", thread_id)
