"""One channel's chat: its newest lines, and who is there. It reads no clock and sends nothing by itself."""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from headrace.base.token_bucket import TokenBucket
from headrace.store.chat_line import MAX_LINES, ChatRecord
from headrace.web.chat_rules import MAX_TEXT_CHARACTERS, ChatRates, clean_text

MAX_MEMBERS: Final = 2_000
MAX_MEMBERS_PER_HOST: Final = 50
MAX_WAITING: Final = 100
"""Messages that wait for one member. Who does not take them is sent away; it may come back to the newest lines."""
MAX_NAMES: Final = 1_000
"""Of which is known from which host they spoke last: five times as many as there are lines to be seen."""

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ChatRefusal:
    """Why somebody may not speak.

    Attributes:
        why: For the person.
        retry_seconds: When it may be tried again, None for never.
    """

    why: str
    retry_seconds: int | None = None


@dataclass(slots=True, eq=False)
class Member:
    """Somebody who reads along.

    Attributes:
        host_number: Of its address.
        name: Under which it speaks; empty while it only reads.
        role: ``producer``, ``operator`` or None.
        wake: Called when something waits to be sent to it.
        waiting: What does.
        is_lost: It took too little of that, and has to go.
        rate: How fast it may speak.
    """

    host_number: int
    name: str = ""
    role: str | None = None
    wake: Callable[[], object] = lambda: None
    waiting: deque[Message] = field(default_factory=deque)
    is_lost: bool = False
    rate: TokenBucket = field(default_factory=ChatRates.of_person)

    def tell(self, message: Message) -> None:
        """Have a message sent to it, or note that it is lost."""
        if len(self.waiting) < MAX_WAITING:
            self.waiting.append(message)
        else:
            self.is_lost = True
        self.wake()


class ChatRoom:
    """Everything that is said goes to everybody.

    Args:
        channel_id: Whose it is.
        lines: Of before, oldest first.
        muted: Names that say nothing.

    Attributes:
        channel_id: As given.
        lines: The newest lines.
        muted: As given.
        unsaved: Lines that are not kept yet.
        members: Who is there.
    """

    def __init__(self, channel_id: str, lines: Iterable[ChatRecord] = (), muted: Iterable[str] = ()) -> None:
        self.channel_id = channel_id
        self.lines: deque[ChatRecord] = deque(lines, MAX_LINES)
        self.muted = set(muted)
        self.unsaved: list[ChatRecord] = []
        self.members: dict[Member, None] = {}
        self._muted_hosts: dict[str, int] = {}
        self._host_of_name: OrderedDict[str, int] = OrderedDict()
        self._rate = ChatRates.of_room()
        self._host_rates: dict[int, TokenBucket] = {}

    def enter(self, member: Member) -> ChatRefusal | None:
        """Let somebody in, or say why not."""
        if len(self.members) >= MAX_MEMBERS:
            return ChatRefusal("the chat is full: try again later", 30)
        of_host = sum(one.host_number == member.host_number for one in self.members)
        if of_host >= MAX_MEMBERS_PER_HOST:
            return ChatRefusal("too many from this address are in this chat", 30)
        self.members[member] = None
        self._host_rates.setdefault(member.host_number, ChatRates.of_host())
        return None

    def leave(self, member: Member) -> None:
        """Let somebody go; who has gone is passed over."""
        self.members.pop(member, None)
        if all(one.host_number != member.host_number for one in self.members):
            # Who comes back at once begins with a full bucket, and finds the room's own limit.
            self._host_rates.pop(member.host_number, None)

    def say(self, member: Member, text: str, *, now_us: int, unix_us: int) -> ChatRefusal | None:
        """Let ``member`` say ``text``, which may be anything, to everybody; or say why not."""
        said = clean_text(text)
        if said is None:
            return ChatRefusal(f"a line has at most {MAX_TEXT_CHARACTERS} characters, and this was longer", 0)
        refusal = self._refusal(member, said, now_us)
        if refusal is not None:
            return refusal
        self._note_host(member)
        newest = self.lines[-1].line_id if self.lines else 0
        line = ChatRecord(max(newest + 1, unix_us), unix_us // 1000, member.name, said, member.role)
        self.lines.append(line)
        self.unsaved.append(line)
        del self.unsaved[:-MAX_LINES]
        self._tell({"type": "line", **line_facts(line)})
        return None

    def _note_host(self, member: Member) -> None:
        self._host_of_name[member.name] = member.host_number
        self._host_of_name.move_to_end(member.name)
        while len(self._host_of_name) > MAX_NAMES:
            self._host_of_name.popitem(last=False)

    def _refusal(self, member: Member, said: str, now_us: int) -> ChatRefusal | None:
        if not member.name:
            return ChatRefusal("choose a name first", 0)
        if not said:
            return ChatRefusal("there was nothing to read in that", 0)
        is_muted = member.name in self.muted or member.host_number in self._muted_hosts.values()
        if is_muted and member.role is None:
            return ChatRefusal("you have been muted in this channel")
        buckets = member.rate, self._host_rates[member.host_number], self._rate
        if member.role is None and not all(bucket.afford(1, now_us) for bucket in buckets):
            return ChatRefusal("too fast: wait a moment", 2)
        return None

    def remove(self, line_id: int) -> bool:
        """Remove a line everywhere; return whether there was one."""
        kept = [line for line in self.lines if line.line_id != line_id]
        if len(kept) == len(self.lines):
            return False
        self.lines = deque(kept, MAX_LINES)
        self.unsaved = [line for line in self.unsaved if line.line_id != line_id]
        self._tell({"type": "removed", "id": line_id})
        return True

    def mute(self, name: str) -> None:
        """Let a name say nothing more, and for as long as the room is open its host under any other name."""
        self.muted.add(name)
        host_number = self._host_of_name.get(name)
        if host_number is not None:
            self._muted_hosts[name] = host_number

    def unmute(self, name: str) -> bool:
        """Let it speak again; return whether it was muted."""
        was_muted = name in self.muted
        self.muted.discard(name)
        self._muted_hosts.pop(name, None)
        return was_muted

    def history(self) -> Message:
        """Return what somebody who comes is sent first."""
        return {"type": "history", "lines": [line_facts(line) for line in self.lines]}

    def _tell(self, message: Message) -> None:
        for member in self.members:
            member.tell(message)


def line_facts(line: ChatRecord) -> Message:
    """Return a line as it is sent."""
    return {"id": line.line_id, "unix_ms": line.unix_ms, "name": line.name, "text": line.text, "role": line.role}
