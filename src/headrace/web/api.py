"""The API's other half: what changes something or shows addresses, for who has the admin token.

What is asked often, and needs no token, is answered by `channel_routes` before it comes here; its description
stands in the OpenAPI document all the same.
"""

from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException
from starlette.requests import Request

from headrace.base.version import VERSION
from headrace.web.admin_gate import AdminGate
from headrace.web.api_broker import broker_router
from headrace.web.api_chat import chat_router
from headrace.web.api_errors import add_error_handlers
from headrace.web.api_state import state_router
from headrace.web.chat import Chats
from headrace.web.gateway import BrokerDesk, MediaGateway, StateAccess
from headrace.web.open_paths import add_open_paths

API_PATH = "/api/v1"


def make_api(
    desk: BrokerDesk, state: StateAccess, gate: AdminGate, chats: Chats, gateway: MediaGateway | None
) -> FastAPI:
    """Return the application that belongs at `API_PATH`.

    Args:
        desk: Tells what the broker does.
        state: What it keeps.
        gate: Knows the admin token.
        chats: What is said in the channels.
        gateway: Ends sessions of WebRTC; None where there is no WebRTC.
    """
    bearer = HTTPBearer(auto_error=False, description="The admin token.")

    async def check_admin(request: Request, _: object = Depends(bearer)) -> None:
        if not await gate.is_admin(request):
            detail = "send the admin token as 'Authorization: Bearer ...': 'headrace tokens admin' makes one"
            raise HTTPException(401, detail, {"WWW-Authenticate": "Bearer"})

    app = FastAPI(
        title="Headrace",
        version=VERSION,
        description="What a broker does, and what may be changed of it.",
        docs_url=None,
        redoc_url=None,
        separate_input_output_schemas=False,
    )
    add_error_handlers(app)
    guarded = APIRouter(dependencies=[Depends(check_admin)])
    guarded.include_router(broker_router(desk, gateway))
    guarded.include_router(state_router(state))
    guarded.include_router(chat_router(desk, chats))
    app.include_router(guarded)
    app.openapi = lambda: _describe(app)  # type: ignore[method-assign]
    return app


def _describe(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        app.openapi_schema = add_open_paths(FastAPI.openapi(app))
    return app.openapi_schema
