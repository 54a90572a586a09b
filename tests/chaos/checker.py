"""Judges a history by the facts: which of the invariants of docs/durability.md were violated.

Only what must never be is a violation. Nothing depends on how long anything took.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import groupby

from allograph.store.run_events import END, NUMBERS_OF_ATTEMPT
from tests.chaos import crons, items, protocol
from tests.chaos.history import ACTIVE, ENDED, Facts, History, Kind, Reading, RunRow, ThreadRow, block, quiz_block


def violations(history: History, facts: Facts) -> list[str]:
    """A sentence for each violation; [] when all is well."""
    return [
        *history.failures,
        *_statuses(facts),
        *_acknowledged(history, facts),
        *_entries(history, facts),
        *_chains(history, facts),
        *_cancels(history, facts),
        *_outputs(history, facts),
        *_readings(history, facts),
        *_thread_readings(history, facts),
        *_temporary(facts),
        *crons.violations(history, facts),
        *items.violations(history, facts),
        *protocol.violations(history, facts),
    ]


def _statuses(facts: Facts) -> Iterator[str]:
    """1, 3: every run has ended, and its thread counts and shows so."""
    active = Counter(run.thread_id for run in facts.runs if run.status in ACTIVE)
    for run in facts.runs:
        if run.status not in ENDED:
            yield f"run {run.run_id} ({run.tag}) is {run.status} at the end, in attempt {run.attempt}"
    for thread in facts.threads:
        if thread.active_runs != active[thread.thread_id]:
            yield f"thread {thread.thread_id} counts {thread.active_runs} active runs and has {active[thread.thread_id]}"
        if thread.status == "busy":
            yield f"thread {thread.thread_id} is stuck: busy at the end"


def _acknowledged(history: History, facts: Facts) -> Iterator[str]:
    """3: what was acknowledged exists, unless somebody asked that it be gone; it ended as somebody asked for, or well."""
    rows = {run.run_id: run for run in facts.runs}
    rolled_back = {cancel.run_id for cancel in history.cancels if cancel.action == "rollback"}
    cancelled = {cancel.run_id for cancel in history.cancels}
    ending: dict[str | None, set[str]] = defaultdict(set)
    for sent in history.sent:
        if sent.possible:
            ending[sent.thread_id].add(sent.strategy)
    for sent in history.sent:
        if sent.run_id is None or sent.thread_id in history.deleted:
            continue
        row = rows.get(sent.run_id)
        if row is None:
            if not (sent.temporary or sent.run_id in rolled_back or "rollback" in ending[sent.thread_id]):
                yield f"run {sent.run_id} ({sent.tag}) was acknowledged and is lost"
        elif row.status in ("error", "timeout"):
            yield f"run {sent.run_id} ({sent.tag}) ended in {row.status}"
        elif row.status == "interrupted":
            asked = sent.run_id in cancelled or sent.cancels_when_left or ending[sent.thread_id] & {"interrupt", "rollback"}
            if not asked:
                yield f"run {sent.run_id} ({sent.tag}) is interrupted, and nobody asked for it"


def _entries(history: History, facts: Facts) -> Iterator[str]:
    """2, 3: a thread's entries are those of its runs, whole and in the order in which they were accepted."""
    runs: dict[str, list[RunRow]] = defaultdict(list)
    for run in sorted(facts.runs, key=lambda run: run.seq):
        runs[run.thread_id].append(run)
    cancelled = {cancel.run_id for cancel in history.cancels}
    of_crons = {cron.thread_id for cron in history.crons}
    for thread in facts.threads:
        if thread.shown != thread.entries:
            yield f"thread {thread.thread_id} shows {_short(thread.shown)}, its newest checkpoint has {_short(thread.entries)}"
        if conversation := history.conversations.get(thread.thread_id):
            last = runs[thread.thread_id][-1] if runs[thread.thread_id] else None
            # There are moments at which LangGraph is stopped and then has nothing more to do.
            stopped = last is not None and last.status == "interrupted" and last.run_id in cancelled
            unfinished = stopped or thread.thread_id in history.abandoned
            yield from _entries_of_conversation(*conversation, thread, unfinished=unfinished)
        elif thread.thread_id not in of_crons:
            yield from _entries_of_runs(thread, runs[thread.thread_id])


def _entries_of_conversation(kind: Kind, tag: str, steps: int, thread: ThreadRow, *, unfinished: bool) -> Iterator[str]:
    """Each answer was applied once, and the client went on until nothing was asked any more."""
    expected = block(tag, steps) if kind == "breakpoints" else quiz_block(tag, steps)
    if unfinished:
        expected = expected[: len(thread.entries)]
    if thread.entries != expected:
        yield f"{kind} {tag}: the entries of thread {thread.thread_id} are {thread.entries}, expected {expected}"


def _entries_of_runs(thread: ThreadRow, runs: list[RunRow]) -> Iterator[str]:
    where = f"thread {thread.thread_id}"
    known = {run.tag: run for run in runs if run.tag}
    groups = [(tag, list(entries)) for tag, entries in groupby(thread.entries, key=lambda entry: entry.partition(":")[0])]
    for tag, times in Counter(tag for tag, _ in groups).items():
        if times > 1:
            yield f"{where}: the entries of {tag} are torn apart by those of other runs, or appended again later"
    for tag, entries in groups:
        if tag not in known:
            yield f"{where} has entries of {tag}, a run that is gone or was never accepted: {_short(entries)}"
            continue
        expected = block(tag, known[tag].steps)
        if entries == expected[: len(entries)]:
            continue
        if repeated := [entry for entry, times in Counter(entries).items() if times > 1]:
            yield f"{where}: duplicates in {tag}: {repeated} in {_short(entries)}"
        elif missing := [entry for entry in expected[: expected.index(entries[-1])] if entry not in entries]:
            yield f"{where}: lost of {tag}: {missing}"
        else:
            yield f"{where}: the entries of {tag} are out of order: {_short(entries)}"
    found = dict(groups)
    for run in known.values():
        if run.status == "success" and len(found.get(run.tag, [])) < run.steps + 1:
            yield f"{where}: {run.tag} succeeded, and has left only {found.get(run.tag, [])} of {run.steps + 1} entries"
    order = [known[tag].seq for tag, _ in groups if tag in known and not known[tag].delayed]
    if order != sorted(order):
        yield f"{where}: runs did not execute in the order in which they were accepted: {[tag for tag, _ in groups]}"


def _chains(history: History, facts: Facts) -> Iterator[str]:
    """2, 4: one run after the other wrote a thread's checkpoints, each behind the one before."""
    breakpoints = {sent.run_id for sent in history.sent if sent.kind == "breakpoints" and not sent.steps}
    for thread_id, checkpoints in facts.checkpoints.items():
        previous: str | None = None
        for checkpoint in checkpoints:
            if checkpoint.parent_id != previous:
                yield (
                    f"thread {thread_id}: checkpoint {checkpoint.checkpoint_id} of run {checkpoint.run_id} stands behind"
                    f" {checkpoint.parent_id}, not behind the one before it, {previous}"
                )
            previous = checkpoint.checkpoint_id
        writers = [run_id for run_id, _ in groupby(checkpoint.run_id for checkpoint in checkpoints)]
        for run_id, times in Counter(writers).items():
            if times > 1:
                yield f"thread {thread_id}: run {run_id} wrote checkpoints between those of others"
        for run_id, count in Counter(checkpoint.run_id for checkpoint in checkpoints).items():
            if run_id in breakpoints and count > 1:
                yield f"run {run_id} went on past its breakpoint: it made {count} steps"


def _cancels(history: History, facts: Facts) -> Iterator[str]:
    """5: a cancel that was accepted is carried out, and who waits for it is answered after the end."""
    rows = {run.run_id: run for run in facts.runs}
    for cancel in history.cancels:
        if cancel.status is None or cancel.status >= 300:
            continue
        row = rows.get(cancel.run_id)
        if row and row.status != "interrupted":
            yield f"the cancel of run {cancel.run_id} was accepted, and it ended in {row.status}"
        if (
            row
            and cancel.action == "rollback"
            and not any(other.run_id == cancel.run_id and other.action != "rollback" for other in history.cancels)
            and not _interrupting(history, row.thread_id)
        ):
            yield f"run {cancel.run_id} was to be rolled back, and is still there"
        if cancel.waits and cancel.status_after in ACTIVE:
            yield f"cancel?wait=true of run {cancel.run_id} answered while it was {cancel.status_after}"


def _interrupting(history: History, thread_id: str) -> bool:
    """Whether a run may have been asked to be interrupted before it was asked to be rolled back: the first one counts."""
    return any(
        sent.thread_id == thread_id and (sent.strategy == "interrupt" or sent.cancels_when_left) and sent.possible
        for sent in history.sent
    )


def _outputs(history: History, facts: Facts) -> Iterator[str]:
    """3: those who waited were answered with what their run made."""
    rows = {run.run_id: run for run in facts.runs}
    cancelled = {cancel.run_id for cancel in history.cancels}
    for sent in history.sent:
        if sent.kind != "ledger" or sent.output is None or sent.thread_id in history.deleted:
            continue
        if not isinstance(sent.output, dict) or "__error__" in sent.output:
            yield f"{sent.tag}: wait or join answered {_short(sent.output)}"
            continue
        own = [entry for entry in sent.output.get("entries", []) if entry.startswith(f"{sent.tag}:")]
        row = rows.get(sent.run_id or "")
        succeeded = row.status == "success" if row else sent.temporary and sent.run_id not in cancelled
        if (succeeded and own != sent.block) or own != sent.block[: len(own)]:
            yield f"{sent.tag}: wait or join answered the entries {own}, expected {sent.block}"


def _readings(history: History, facts: Facts) -> Iterator[str]:
    """6: each event once and in order, up to the end."""
    rows = {run.run_id: run for run in facts.runs}
    for run_id, events in facts.events.items():
        if [number for number, _ in events] != sorted(number for number, _ in events):
            yield f"the events of run {run_id} are stored out of order: {events}"
    for reading in history.readings:
        numbers = [number for number, _, _ in reading.events]
        if numbers != sorted(set(numbers)):
            yield f"a reader of run {reading.run_id} saw events repeated or out of order: {numbers}"
        kept = facts.events.get(reading.run_id, [])
        # Of a run that was deleted in the middle, nobody says where its events end.
        if not reading.complete or not (reading.run_id in rows or any(name == END for _, name in kept)):
            continue
        stored = [number for number, name in kept if name != END]
        if not stored:  # Redis has them
            yield from _content(reading, rows.get(reading.run_id))
            continue
        if missed := sorted(set(stored) - set(numbers)):
            yield f"a reader of run {reading.run_id} missed events {missed}"
        last = max((number // NUMBERS_OF_ATTEMPT for number in stored), default=0)
        # Events are written without waiting for the disk: what was read may be lost when Postgres dies the moment after.
        died = any(reading.began <= death <= reading.ended for death in history.database_deaths)
        if not died and (invented := [n for n in numbers if n not in set(stored) and n // NUMBERS_OF_ATTEMPT >= last]):
            yield f"a reader of run {reading.run_id} saw events that were not kept: {invented}"
        row = rows.get(reading.run_id)
        yield from _content(reading, row)


def _content(reading: Reading, row: RunRow | None) -> Iterator[str]:
    """Within an attempt each step tells its entry once; a whole run tells all of them."""
    told: list[str] = []
    attempt: list[str] = []
    for _, name, data in reading.events:
        if name == "metadata":
            attempt = []
        elif name == "custom":
            entry = data["entry"]
            if entry in attempt:
                yield f"a reader of run {reading.run_id} was told {entry} twice in one attempt"
            attempt.append(entry)
            told.append(entry)
    whole = block(row.tag, row.steps)[1:] if row and row.status == "success" and row.tag else []
    if missing := [entry for entry in whole if entry not in told]:
        yield f"a reader of run {reading.run_id} was never told {missing}"


def _thread_readings(history: History, facts: Facts) -> Iterator[str]:
    for reading in history.thread_readings:
        if reading.ids != sorted(set(reading.ids)):
            yield f"a reader of thread {reading.thread_id} saw events repeated or out of order"
        if not reading.ids:
            continue
        between = [n for n in facts.thread_events.get(reading.thread_id, []) if reading.ids[0] <= n <= reading.ids[-1]]
        if missed := sorted(set(between) - set(reading.ids)):
            yield f"a reader of thread {reading.thread_id} missed events {missed}"


def _temporary(facts: Facts) -> Iterator[str]:
    """7: nothing is left of a temporary thread."""
    for thread in facts.threads:
        if thread.temporary:
            yield f"the temporary thread {thread.thread_id} is still there"
    for thread_id in facts.orphans:
        yield f"checkpoints are left of thread {thread_id}, which is gone"


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 300 else f"{text[:150]} ... {text[-150:]}"
