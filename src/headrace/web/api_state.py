"""The API of what the broker keeps: channels, stream keys, and tokens that it makes."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.responses import JSONResponse, Response

from headrace.access.ask import Verb
from headrace.access.channel_rule import ChannelRule
from headrace.access.directory import TokenKey
from headrace.access.stream_keys import make_stream_key
from headrace.access.tokens import sign_token
from headrace.base.stream_key import KEY_RANDOM_BYTES
from headrace.netio.clock import unix_time_us
from headrace.netio.entropy import random_bytes
from headrace.store.channel_records import ChannelRecord
from headrace.store.key_records import KeyRecord
from headrace.store.token_key_records import OWN_AUDIENCE, OWN_ISSUER
from headrace.web.api_errors import responses
from headrace.web.api_models import (
    ChannelChange,
    ChannelId,
    ChannelRecords,
    ChannelRecordView,
    KeyList,
    MadeKey,
    MadeToken,
    NewChannel,
    NewKey,
    NewToken,
)
from headrace.web.gateway import StateAccess

MAX_KEY_ID = 2**31 - 1

KeyId = Annotated[int, Path(ge=1, le=MAX_KEY_ID)]


def state_router(state: StateAccess) -> APIRouter:
    """Return the routes.

    Args:
        state: What the broker keeps.
    """
    router = APIRouter()
    _add_channels(router, state)
    _add_keys(router, state)
    _add_tokens(router, state)
    return router


def _add_channels(router: APIRouter, state: StateAccess) -> None:
    @router.get(
        "/channel-records", response_model=ChannelRecords, tags=["channels"], responses=responses(409, 503)
    )
    async def list_records() -> dict[str, Any]:
        """Return all channels of the state, live or not."""
        return {"channels": [_channel(one) for one in await state.use(lambda store: store.channels.list_all())]}

    @router.post(
        "/channel-records",
        response_model=ChannelRecordView,
        status_code=201,
        tags=["channels"],
        responses=responses(409, 503),
    )
    async def add_channel(wanted: NewChannel) -> dict[str, Any]:
        """Make a channel."""
        await state.change(lambda store: store.channels.add(ChannelRule(wanted.channel_id, wanted.visibility)))
        return _channel(await state.use(lambda store: store.channels.find(wanted.channel_id)))

    @router.patch(
        "/channel-records/{channel_id}",
        response_model=ChannelRecordView,
        tags=["channels"],
        responses=responses(404, 409, 503),
    )
    async def change_channel(channel_id: ChannelId, wanted: ChannelChange) -> dict[str, Any]:
        """Set who may watch a channel."""
        return _channel(await state.change(lambda store: store.channels.show_to(channel_id, wanted.visibility)))

    @router.delete(
        "/channel-records/{channel_id}", status_code=204, tags=["channels"], responses=responses(404, 409, 503)
    )
    async def remove_channel(channel_id: ChannelId) -> Response:
        """Remove a channel with its keys and its chat; who is there is sent away."""
        await state.change(lambda store: store.channels.remove(channel_id))
        return Response(status_code=204)


def _add_keys(router: APIRouter, state: StateAccess) -> None:
    @router.get("/keys", response_model=KeyList, tags=["keys"], responses=responses(409, 503))
    async def list_keys() -> dict[str, Any]:
        """Return all stream keys, without the keys themselves."""
        return {"keys": [_key(one) for one in await state.use(lambda store: store.keys.list_all())]}

    @router.post(
        "/keys", response_model=MadeKey, status_code=201, tags=["keys"], responses=responses(404, 409, 503)
    )
    async def make_key(wanted: NewKey) -> Response:
        """Make a stream key for a channel, and show it this once."""
        key = make_stream_key(random_bytes(KEY_RANDOM_BYTES))
        number = await state.change(lambda store: store.keys.add(wanted.channel_id, key, wanted.label))
        return _secret({"key_id": number, "channel_id": wanted.channel_id, "label": wanted.label, "key": key})

    @router.delete(
        "/keys/{channel_id}/{key_id}", status_code=204, tags=["keys"], responses=responses(404, 409, 503)
    )
    async def revoke_key(channel_id: ChannelId, key_id: KeyId) -> Response:
        """Revoke a key; who produces with it is sent away within seconds."""
        await state.change(lambda store: store.keys.revoke(channel_id, key_id))
        return Response(status_code=204)


def _add_tokens(router: APIRouter, state: StateAccess) -> None:
    @router.post(
        "/tokens", response_model=MadeToken, status_code=201, tags=["tokens"], responses=responses(404, 409, 503)
    )
    async def make_token(wanted: NewToken) -> Response:
        """Make a token to watch a channel with, or to produce it, and show it this once."""
        await state.use(lambda store: store.channels.find(wanted.channel_id))
        made = TokenKey(OWN_ISSUER, OWN_AUDIENCE, random_bytes(4).hex(), "HS256", random_bytes(32))
        key = await state.change(lambda store: store.token_keys.own_or(made))
        expires_unix_s, token_id = unix_time_us() // 1_000_000 + wanted.seconds, random_bytes(6).hex()
        token = sign_token(
            key,
            key.key,
            wanted.channel_id,
            Verb(wanted.verb),
            expires_unix_s=expires_unix_s,
            token_id=token_id,
            name=wanted.name,
        )
        return _secret(
            {
                "token": token,
                "token_id": token_id,
                "channel_id": wanted.channel_id,
                "expires_unix_s": expires_unix_s,
            }
        )


def _secret(document: dict[str, Any]) -> Response:
    return JSONResponse(document, 201, {"Cache-Control": "no-store"})


def _channel(record: ChannelRecord) -> dict[str, Any]:
    return {
        "channel_id": record.rule.channel_id,
        "visibility": record.rule.visibility,
        "is_encrypted": record.rule.passphrase is not None,
        "created_unix_s": record.created_unix_s,
        "keys": record.keys,
    }


def _key(record: KeyRecord) -> dict[str, Any]:
    return {
        "key_id": record.key_id,
        "channel_id": record.channel_id,
        "label": record.label,
        "created_unix_s": record.created_unix_s,
        "revoked_unix_s": record.revoked_unix_s,
    }
