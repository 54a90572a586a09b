"""The events of a run, in order, from the one task that writes them to any number of readers.

A `RunStream` exists while a run executes here or somebody waits for it here. It has one source: the execution in this process
(`append`), or what another process wrote down (`feed`). Each event gets the next number of its run. A reader sees every event
from where it began, once and in order, then the end; it never slows the writer: what it has not read yet is kept up to
`MAX_BACKLOG` bytes, and a reader that falls behind that is cut off with an error event.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from itertools import islice
from uuid import UUID

from allograph.encoding import dumps
from allograph.store.run_events import follows

MAX_BACKLOG = 16 * 1024 * 1024
"""Bytes of unread events that a run keeps for its slowest reader."""


@dataclass(frozen=True, slots=True)
class Event:
    seq: int
    """1 for the first event of the run, without gaps within an attempt."""
    name: str
    """What follows `event:` on the wire: a stream mode, with the namespace of a subgraph behind `|`."""
    frame: bytes
    """The event as it stands on the wire."""

    @property
    def data(self) -> bytes:
        """The JSON that it carries."""
        return self.frame.split(b"\r\n", 2)[1].removeprefix(b"data: ")


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a run as a waiting client is told it: `output` is the JSON body of wait and join."""

    status: str
    output: bytes


GONE = Ended("interrupted", b"{}")
"""A run that is over and of which nothing is left: rolled back, deleted, or its thread was temporary."""


def frame(name: str, data: bytes, event_id: int | None = None) -> bytes:
    """An event in SSE framing, with the reference's CRLF line ends."""
    if event_id is None:
        return b"event: %b\r\ndata: %b\r\n\r\n" % (name.encode(), data)
    return b"event: %b\r\ndata: %b\r\nid: %d\r\n\r\n" % (name.encode(), data, event_id)


def lost_events(first: int, last: int | None) -> bytes:
    """The data of the `error` event that stands for events which are nowhere any more; of a `last` that nobody knows, None."""
    numbers = f"{first}" if first == last else f"{first} and above" if last is None else f"{first} to {last}"
    return dumps({"error": "EventsLostError", "message": f"what the run streamed under the numbers {numbers} is not kept any more"})


def mode_of(name: str) -> str:
    """The stream mode that an event belongs to: `messages` for `messages/partial` and for `messages|child:<id>`."""
    return name.partition("|")[0].partition("/")[0]


class RunStream:
    """The log of one run in this process."""

    def __init__(self, run_id: UUID, thread_id: UUID) -> None:
        self.run_id = run_id
        self.thread_id = thread_id
        self.with_ids = False
        """Events carry their numbers as SSE ids: the run is resumable."""
        self.record: Callable[[int, str, bytes], None] | None = None
        """Takes number, name and data of each event that is appended, for readers in other processes."""
        self.throttle: Callable[[], Awaitable[None]] | None = None
        """Makes the run wait when what is written down piles up."""
        self.flush: Callable[[], Awaitable[None]] | None = None
        """Waits until what was appended is written down."""
        self.catching_up = asyncio.Lock()
        """Held while what another process wrote down is fed."""
        self.gapless = False
        """The next event that is fed has the next number, or those between were lost."""
        self.stored = False
        """The run is in the table: when it is not there any more, it is over."""
        self.ended: Ended | None = None
        self._events: deque[Event] = deque()
        self._bytes = 0
        self._next = 1
        self._readers: set[Reader] = set()
        self._waiting: set[Reader] = set()
        self._end_waiters: set[asyncio.Future[Ended]] = set()

    @property
    def position(self) -> int:
        """The number of the next event."""
        return self._next

    def append(self, name: str, data: bytes) -> None:
        """The next event of a run that executes here."""
        seq = self._next
        self._next += 1
        if self.record:
            self.record(seq, name, data)
        if self._readers:
            self._keep(Event(seq, name, frame(name, data, seq if self.with_ids else None)))

    def feed(self, seq: int, name: str, data: bytes) -> None:
        """An event that another process wrote down; one that was fed before is passed over."""
        if seq < self._next:
            return
        if self.gapless and not follows(seq, self._next - 1) and self._readers:
            self._keep(Event(seq - 1, "error", frame("error", lost_events(self._next, seq - 1))))
        self.gapless = True
        self._next = seq + 1
        if self._readers:
            self._keep(Event(seq, name, frame(name, data, seq if self.with_ids else None)))

    def lose_rest(self) -> None:
        """What came before the end cannot be read: say so."""
        self._keep(Event(self._next, "error", frame("error", lost_events(self._next, None))))
        self._next += 1

    def skip_to(self, position: int) -> None:
        """Begin at a later event; readers that wait for the next one wait for that."""
        self._next = max(self._next, position)
        self.gapless = False
        for reader in self._readers:
            reader.position = max(reader.position, position)

    def _keep(self, event: Event) -> None:
        self._events.append(event)
        self._bytes += len(event.frame)
        while self._bytes > MAX_BACKLOG:
            self._cut_off_slowest()
        for reader in self._readers:
            reader.wake()

    def end(self, ended: Ended) -> None:
        if self.ended:
            return
        self.ended = ended
        for reader in self._readers:
            reader.wake()
        for waiter in self._end_waiters:
            if not waiter.done():
                waiter.set_result(ended)

    def read(self, *, events: bool = True) -> Reader:
        """A reader of everything that is appended from now on; register it before the run can start.

        Without `events` it only waits for the end, and nothing is kept for it.
        """
        reader = Reader(self, self._next)
        (self._readers if events else self._waiting).add(reader)
        return reader

    async def wait(self, seconds: float) -> Ended | None:
        """The end of the run, or None when it has not come within `seconds`."""
        if self.ended:
            return self.ended
        waiter: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        self._end_waiters.add(waiter)
        try:
            done, _ = await asyncio.wait([waiter], timeout=seconds)
            return waiter.result() if done else None
        finally:
            self._end_waiters.discard(waiter)

    @property
    def readers(self) -> int:
        return len(self._readers)

    @property
    def backlog(self) -> int:
        """Bytes that are kept for readers."""
        return self._bytes

    @property
    def idle(self) -> bool:
        """Nobody reads it and nobody waits for it."""
        return not self._readers and not self._waiting

    def _unread(self, position: int) -> list[Event]:
        if not self._events or position >= self._next:
            return []
        # Numbers are without gaps but between attempts, and where another process began to write down in the middle of a run.
        start = min(max(0, position - self._events[0].seq), len(self._events) - 1)
        while start > 0 and self._events[start - 1].seq >= position:
            start -= 1
        return [event for event in islice(self._events, start, None) if event.seq >= position]

    def _forget_read(self) -> None:
        behind = min((reader.position for reader in self._readers), default=self._next)
        while self._events and self._events[0].seq < behind:
            self._bytes -= len(self._events.popleft().frame)

    def _cut_off_slowest(self) -> None:
        slowest = min(self._readers, key=lambda reader: reader.position)
        slowest.cut_off = True
        slowest.wake()
        self._readers.discard(slowest)
        self._forget_read()

    def _leave(self, reader: Reader) -> None:
        self._readers.discard(reader)
        self._waiting.discard(reader)
        self._forget_read()


class Reader:
    """One reader of a run's events. Use as a context manager, so that a reader that leaves is forgotten."""

    def __init__(self, stream: RunStream, position: int) -> None:
        self.stream = stream
        self.position = position
        self.cut_off = False
        self._wake = asyncio.Event()

    def wake(self) -> None:
        self._wake.set()

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stream._leave(self)

    async def next(self, seconds: float) -> list[Event] | None:
        """All events that are there, at least one; `[]` when `seconds` passed without any; None after the last."""
        while True:
            self._wake.clear()
            if self.cut_off:
                raise SlowReaderError
            if events := self.stream._unread(self.position):
                self.position = events[-1].seq + 1
                self.stream._forget_read()
                return events
            if self.stream.ended:
                return None
            try:
                async with asyncio.timeout(seconds):
                    await self._wake.wait()
            except TimeoutError:
                return []


class SlowReaderError(Exception):
    """This reader fell more than `MAX_BACKLOG` bytes behind and was cut off."""


class Streams:
    """The runs of which this process hears."""

    def __init__(self) -> None:
        self._streams: dict[UUID, RunStream] = {}

    def open(self, run_id: UUID, thread_id: UUID) -> RunStream:
        """The stream of a run that has not ended, made when it is asked for first."""
        stream = self._streams.get(run_id)
        if stream is None:
            stream = self._streams[run_id] = RunStream(run_id, thread_id)
        return stream

    def of_thread(self, thread_id: UUID) -> list[RunStream]:
        return [stream for stream in self._streams.values() if stream.thread_id == thread_id]

    def get(self, run_id: UUID) -> RunStream | None:
        return self._streams.get(run_id)

    def end(self, run_id: UUID, ended: Ended) -> None:
        """Tell everybody who reads or waits; they keep the stream, this registry forgets it."""
        if stream := self._streams.pop(run_id, None):
            stream.end(ended)

    def leave(self, run_id: UUID, *, executing: Collection[UUID]) -> None:
        """Called when a reader has gone: a stream that nobody writes and nobody reads is forgotten."""
        stream = self._streams.get(run_id)
        if stream and stream.idle and run_id not in executing:
            del self._streams[run_id]

    def figures(self) -> dict[str, int]:
        """How many runs are `followed` here, by how many `readers` of their events, who have not read `backlog_bytes` yet."""
        streams = self._streams.values()
        return {
            "followed": sum(not stream.idle for stream in streams),
            "readers": sum(stream.readers for stream in streams),
            "backlog_bytes": sum(stream.backlog for stream in streams),
        }

    @property
    def waiting(self) -> list[UUID]:
        """Stored runs whose end somebody here waits for."""
        return [run_id for run_id, stream in self._streams.items() if stream.stored and not stream.idle]
