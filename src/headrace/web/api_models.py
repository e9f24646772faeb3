"""What goes in and out of the API, as its OpenAPI document describes it.

Importing this takes some 300 ms: it is loaded with the rest of the HTTP side, after the broker listens.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from headrace.access.channel_rule import Visibility
from headrace.access.tokens import MAX_NAME_CHARACTERS
from headrace.base.channel_id import MAX_CHANNEL_ID_CHARACTERS
from headrace.store.key_records import MAX_LABEL_CHARACTERS

CHANNEL_ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._~\-]*$"
MAX_TOKEN_SECONDS = 366 * 86_400

ChannelId = Annotated[
    str,
    Field(min_length=1, max_length=MAX_CHANNEL_ID_CHARACTERS, pattern=CHANNEL_ID_PATTERN, examples=["1AAA99"]),
]
SocketId = Annotated[str, Field(pattern=r"^[0-9a-f]{8}$", examples=["40a1b2c3"])]


class Model(BaseModel):
    """What all have in common: a key that is not known is a mistake, and told."""

    model_config = ConfigDict(extra="forbid", strict=False)


class Problem(BaseModel):
    """What is wrong, and what to do."""

    title: str
    status: int
    detail: str
    code: int | None = None


class Video(BaseModel):
    """The picture of a channel."""

    codec: str | None = None
    width: int | None = None
    height: int | None = None


class Layer(BaseModel):
    """One of the sizes in which a producer sends its picture."""

    rid: str
    width: int | None
    height: int | None
    bitrate_bps: int
    is_alive: bool
    is_best: bool


class ChannelView(BaseModel):
    """What anybody sees of a channel."""

    id: str
    title: str | None
    state: Literal["live", "waiting"]
    live_seconds: float | None
    viewers: int
    thumbnail: bool
    is_private: bool
    video: Video | None
    has_reordering: bool
    notice: str | None
    layers: list[Layer]
    in_browsers: Literal["as_is", "recoded", "not"]


class ChannelList(BaseModel):
    """The channels that are live or watched, and public."""

    unix_ms: int
    srt_port: int
    is_open: bool
    channels: list[ChannelView]


class ChannelRecordView(BaseModel):
    """A channel of the state."""

    channel_id: str
    visibility: Visibility
    is_encrypted: bool
    created_unix_s: int
    keys: int


class NewChannel(Model):
    """A channel to be made."""

    channel_id: ChannelId
    visibility: Visibility = Visibility.PUBLIC


class ChannelChange(Model):
    """What is to be set for a channel."""

    visibility: Visibility


class ChannelRecords(BaseModel):
    """All channels of the state."""

    channels: list[ChannelRecordView]


class KeyView(BaseModel):
    """A stream key, without the key."""

    key_id: int
    channel_id: str
    label: str
    created_unix_s: int
    revoked_unix_s: int | None


class KeyList(BaseModel):
    """All keys."""

    keys: list[KeyView]


class NewKey(Model):
    """A key to be made."""

    channel_id: ChannelId
    label: Annotated[str, Field(max_length=MAX_LABEL_CHARACTERS, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""


class MadeKey(BaseModel):
    """A key, this once."""

    key_id: int
    channel_id: str
    label: str
    key: str


class NewToken(Model):
    """A token to be made."""

    channel_id: ChannelId
    seconds: Annotated[int, Field(ge=1, le=MAX_TOKEN_SECONDS)]
    verb: Literal["request", "publish"] = "request"
    name: Annotated[
        str | None, Field(min_length=1, max_length=MAX_NAME_CHARACTERS, pattern=r"^[^\x00-\x1f\x7f]*$")
    ] = None


class MadeToken(BaseModel):
    """A token, this once."""

    token: str
    token_id: str
    channel_id: str
    expires_unix_s: int


class ChatLine(BaseModel):
    """What somebody said."""

    id: int
    unix_ms: int
    name: str
    text: str
    role: Literal["producer", "operator"] | None


class ChatView(BaseModel):
    """A chat, for who keeps order in it."""

    lines: list[ChatLine]
    muted: list[str]


class Status(BaseModel):
    """The document of ``headrace status --json``: docs/reference/statistics.md has every key."""

    model_config = ConfigDict(extra="allow")

    version: int
    broker: dict[str, Any]
    channels: list[dict[str, Any]]
    subscribers: list[dict[str, Any]]
    events: list[dict[str, Any]]
