"""The checker reports what is wrong with a history that is doctored, and nothing about one that is not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from allograph.store.run_events import END, NUMBERS_OF_ATTEMPT
from tests.chaos.checker import violations
from tests.chaos.history import (
    Cancel,
    CheckpointRow,
    Cron,
    CronRun,
    Facts,
    History,
    Item,
    ProtocolReading,
    Reading,
    RunRow,
    Sent,
    ThreadEvent,
    ThreadReading,
    ThreadRow,
    Tick,
    block,
    quiz_block,
)

THREAD, CONVERSATION, CRON, PROTOCOL, INTERVIEW = "thread-1", "thread-2", "thread-3", "thread-4", "thread-5"
Doctored = Callable[[History, Facts], None]


def good() -> tuple[History, Facts]:
    """Two runs that succeeded, one that was interrupted in its second step, one that was rolled back, a stateless one, a quiz."""
    history, facts = History(), Facts()
    for number, (tag, strategy) in enumerate((("a", "enqueue"), ("b", "enqueue"), ("c", "enqueue"), ("gone", "rollback")), 1):
        history.sent.append(Sent(tag, 3, THREAD, strategy=strategy, status=200, run_id=f"run-{tag}"))
        if tag != "gone":
            facts.runs.append(RunRow(f"run-{tag}", THREAD, number, "success", 1, tag, 3))
    facts.runs[2].status = "interrupted"
    history.cancels += [Cancel("run-c", "interrupt", True, 200, "interrupted"), Cancel("run-gone", "rollback", False, 202)]
    history.sent[0].output = {"entries": block("a", 3)}
    history.sent.append(Sent("s", 2, None, temporary=True, status=200, run_id="run-s", output={"entries": block("s", 2)}))
    history.sent.append(Sent("lost answer", 1, THREAD))
    entries = [*block("a", 3), *block("b", 3), "c:in", "c:1"]
    facts.threads.append(ThreadRow(THREAD, "idle", 0, False, entries, list(entries)))
    ids = ["1", "2", "3", "4", "5", "6"]
    facts.checkpoints[THREAD] = [
        CheckpointRow(id, parent, f"run-{tag}") for id, parent, tag in zip(ids, [None, *ids], "aabbcc", strict=False)
    ]
    second = NUMBERS_OF_ATTEMPT + 1
    facts.events["run-a"] = [(1, "metadata"), (2, "custom"), (second, "metadata"), (second + 1, "custom"), (second + 2, "custom")]
    facts.events["run-a"] += [(second + 3, "custom"), (second + 4, END)]
    history.readings.append(
        Reading(
            "run-a", "a",
            [
                (1, "metadata", {}), (2, "custom", {"entry": "a:1"}), (3, "custom", {"entry": "a:2"}), (second, "metadata", {}),
                *((second + number, "custom", {"entry": f"a:{number}"}) for number in (1, 2, 3)),
            ],
            True, 3,
        )
    )  # fmt: skip
    facts.thread_events[THREAD] = [11, 12, 15]
    history.thread_readings.append(ThreadReading(THREAD, [11, 12, 15], 2))
    history.sent.append(Sent("q", 2, CONVERSATION, "quiz", status=200, run_id="run-q"))
    history.sent.append(Sent("", 0, CONVERSATION, "breakpoints", status=200, run_id="run-q2"))
    history.conversations[CONVERSATION] = ("quiz", "q", 2)
    facts.runs += [RunRow("run-q", CONVERSATION, 5, "success", 1, "q", 2), RunRow("run-q2", CONVERSATION, 6, "success", 1, "", 0)]
    facts.threads.append(ThreadRow(CONVERSATION, "idle", 0, False, quiz_block("q", 2), quiz_block("q", 2)))
    facts.checkpoints[CONVERSATION] = [CheckpointRow("1", None, "run-q"), CheckpointRow("2", "1", "run-q2")]
    add_crons(history, facts)
    history.items += [
        Item(["n"], "put", 3, read=[(1, 1), (None, None), (3, 3)]),
        Item(["n"], "deleted"),
        Item(["n"], "unsure", 5, [6]),
    ]
    facts.items = {"n.put": 3, "n.unsure": 6}
    add_protocol(history, facts)
    return history, facts


def add_crons(history: History, facts: Facts) -> None:
    """One that fired twice on its thread, was paused, and fired once more; one whose runs go with their threads."""
    history.crons += [Cron("c1", 1, "enqueue", CRON, cron_id="cron-1", quiet=[(21.0, 29.0)], gone=40.0)]
    history.crons += [Cron("c2", 1, deletes=True, cron_id="cron-2", gone=40.0), Cron("c3", 1)]
    for transaction, (cron, tick) in enumerate((("cron-1", 10.0), ("cron-1", 20.0), ("cron-1", 30.0), ("cron-2", 10.0)), 1):
        facts.ticks.append(Tick(cron, tick, tick + 10, tick + 0.5, transaction))
        run = f"{cron}-run-{transaction}"
        facts.cron_runs.append(CronRun(run, cron, transaction, "running" if cron == "cron-2" else None))
        if cron == "cron-1":
            facts.runs.append(RunRow(run, CRON, 10 + transaction, "success", 1, "c1", 1))
    entries = block("c1", 1) * 3
    facts.threads.append(ThreadRow(CRON, "idle", 0, False, entries, list(entries)))


def add_protocol(history: History, facts: Facts) -> None:
    """A run that was executed twice, one that was rolled back, and two of an interview; one reader came twice."""
    told = [
        ("p", 1, "lifecycle", "running"), ("p", 2, "custom", "p:1"), ("p", 3, "lifecycle", "running"), ("p", 4, "custom", "p:1"),
        ("p", 5, "values", ""), ("p", 6, "custom", "p:2"), ("p", 7, "lifecycle", "completed"),
        ("rolled", 8, "lifecycle", "running"), ("rolled", 9, "lifecycle", "interrupted"),
    ]  # fmt: skip
    facts.replays[PROTOCOL] = [shown(*one) for one in told]
    history.protocol_readings.append(ProtocolReading(PROTOCOL, [shown(*one) for one in told[:8]], 2))
    facts.runs.append(RunRow("p", PROTOCOL, 20, "success", 2, "p", 2))
    history.sent.append(Sent("p", 2, PROTOCOL, status=200, run_id="p"))
    facts.threads.append(ThreadRow(PROTOCOL, "idle", 0, False, block("p", 2), block("p", 2)))
    asked = [
        ("i1", 1, "lifecycle", "running"), ("i1", 2, "input.requested", "x"), ("i1", 3, "lifecycle", "interrupted"),
        ("i2", 4, "lifecycle", "running"), ("i2", 5, "lifecycle", "completed"), ("i3", 6, "lifecycle", "running"),
        ("i3", 7, "lifecycle", "failed"),
    ]  # fmt: skip
    facts.replays[INTERVIEW] = [shown(*one) for one in asked]
    history.conversations[INTERVIEW], history.responses[INTERVIEW] = ("interview", "i", 1), 2
    facts.runs += [RunRow("i1", INTERVIEW, 21, "success", 1, "i", 1), RunRow("i2", INTERVIEW, 22, "success", 1, "", 0)]
    facts.runs.append(RunRow("i3", INTERVIEW, 23, "error", 1, "", 0, refused=True))
    facts.threads.append(ThreadRow(INTERVIEW, "idle", 0, False, quiz_block("i", 1), quiz_block("i", 1)))


def shown(run: str, seq: int, method: str, about: str) -> ThreadEvent:
    return ThreadEvent(seq, f"synth:{run}:{seq}.0", method, about, at=float(seq), seen=float(seq))


def test_a_good_history_is_found_good() -> None:
    assert violations(*good()) == []


def entries(change: Callable[[list[str]], object]) -> Doctored:
    def doctor(history: History, facts: Facts) -> None:
        thread = facts.threads[0]
        change(thread.entries)
        thread.shown = list(thread.entries)

    return doctor


def setting(where: Callable[[History, Facts], object], **fields: object) -> Doctored:
    def doctor(history: History, facts: Facts) -> None:
        for name, value in fields.items():
            assert hasattr(where(history, facts), name)
            setattr(where(history, facts), name, value)

    return doctor


def swap(listed: list[str]) -> None:
    listed[:8] = listed[4:8] + listed[:4]


def lose(history: History, facts: Facts) -> None:
    del facts.runs[1]
    history.sent[3].strategy = "reject"
    entries(lambda listed: listed.__delitem__(slice(4, 8)))(history, facts)


def interrupt(history: History, facts: Facts) -> None:
    history.cancels.clear()
    history.sent[3].strategy = "reject"


def tell(place: int, number: int, name: str, entry: str = "") -> Doctored:
    """Another event in place of one that a reader saw."""
    return lambda history, _: history.readings[0].events.__setitem__(place, (number, name, {"entry": entry}))


def replay(change: Callable[[list[ThreadEvent]], object], thread: str = PROTOCOL) -> Doctored:
    return lambda _, facts: change(facts.replays[thread])


def read(change: Callable[[list[ThreadEvent]], object]) -> Doctored:
    return lambda history, _: change(history.protocol_readings[0].events)


def again(facts: Facts) -> None:
    """The first tick once more, with a run of its own."""
    facts.ticks.append(Tick("cron-1", 10.0, 20.0, 10.6, 9))
    facts.cron_runs.append(CronRun("another", "cron-1", 9))
    facts.runs.append(RunRow("another", CRON, 19, "success", 1, "c1", 1))
    for thread in facts.threads[2:3]:
        thread.entries += block("c1", 1)
        thread.shown = list(thread.entries)


OF_CRONS: list[tuple[str, Doctored]] = [
    ("the tick 10 of cron cron-1 was taken 2 times", lambda _, facts: again(facts)),
    ("did not move on from its tick 20: the next is 20.0", setting(lambda _, facts: facts.ticks[1], next_tick=20.0)),
    ("did not move on from its tick 20: the next is None", setting(lambda _, facts: facts.ticks[1], next_tick=None)),
    ("cron c1 fired while it was paused", setting(lambda _, facts: facts.ticks[1], fired=22.0)),
    ("cron c1 fired after it was deleted", setting(lambda _, facts: facts.ticks[2], fired=41.0)),
    ("cron-1 (c1) was deleted and is still there", lambda _, facts: facts.crons.append("cron-1")),
    ("cron cron-1 made a run without a tick", lambda _, facts: facts.cron_runs.append(CronRun("x", "cron-1", 8))),
    ("a tick of cron cron-1 made 2 runs", lambda _, facts: facts.cron_runs.append(CronRun("x", "cron-1", 1))),
    ("a tick of cron cron-1 made 0 runs", lambda _, facts: facts.cron_runs.__delitem__(0)),
    ("of cron c2 is lost: it was deleted when it was pending", setting(lambda _, facts: facts.cron_runs[3], deleted_as="pending")),
    ("of cron c1 is lost: it was deleted when it was None", lambda _, facts: facts.runs.__delitem__(5)),
    ("of cron c1 ended in timeout", setting(lambda _, facts: facts.runs[5], status="timeout")),
    ("of cron c1: entries repeated, lost or out of order", setting(lambda _, facts: facts.threads[2], entries=["c1:in", "c1:2"])),
    ("3 of 3 runs succeeded, and there are 2 blocks", setting(lambda _, facts: facts.threads[2], entries=block("c1", 1) * 2)),
    ("and there are 4 blocks", setting(lambda _, facts: facts.threads[2], entries=block("c1", 1) * 4)),
]  # fmt: skip

OF_ITEMS: list[tuple[str, Doctored]] = [
    ("item put is None at the end, and 3 was acknowledged", lambda _, facts: facts.items.pop("n.put")),
    ("item put is 1 at the end", lambda _, facts: facts.items.update({"n.put": 1})),
    ("item deleted is 2 at the end, and None was acknowledged", lambda _, facts: facts.items.update({"n.deleted": 2})),
    (
        "item unsure is 4 at the end, and 5 was acknowledged, or perhaps [6]",
        lambda _, facts: facts.items.update({"n.unsure": 4}),
    ),
    ("item put was read as 1, and None was acknowledged before", lambda history, _: history.items[0].read.append((None, 1))),
    ("was never put", lambda _, facts: facts.items.update({"n.other": 1})),
]

OF_PROTOCOL: list[tuple[str, Doctored]] = [
    ("thread-4 replays event 2 behind 2", replay(lambda events: events.insert(2, shown("p", 2, "values", "")))),
    ("thread-4 has no events between 4 and 6", replay(lambda events: events.__delitem__(4))),
    ("several events of the same id", replay(lambda events: events.insert(2, events[1]))),
    (
        "run p goes on among the events of other runs",
        replay(lambda events: events.append(shown("p", 10, "lifecycle", "completed"))),
    ),
    ("run p goes on after its end", replay(lambda events: events.__setitem__(4, shown("p", 5, "lifecycle", "interrupted")))),
    (
        "does not begin with running, but with values",
        replay(lambda events: events.__setitem__(7, shown("rolled", 8, "values", ""))),
    ),
    ("run rolled has no end", replay(lambda events: events.pop())),
    ("run p has no end", replay(lambda events: events.__setitem__(6, shown("p", 7, "values", "")))),
    ("run p is said to have failed", replay(lambda events: events.__setitem__(6, shown("p", 7, "lifecycle", "failed")))),
    ("run p told p:2 twice in one attempt", replay(lambda events: events.__setitem__(4, shown("p", 5, "custom", "p:2")))),
    ("run p never told ['p:2']", replay(lambda events: events.__setitem__(5, shown("p", 6, "values", "")))),
    ("reader of the protocol saw events of thread thread-4 repeated", read(lambda events: events.insert(3, events[2]))),
    ("reader of the protocol saw events of thread thread-4 repeated", read(lambda events: events.reverse())),
    ("reader of the protocol missed events [5]", read(lambda events: events.__delitem__(4))),
    (
        "saw 5 synth:p:99.0 of thread thread-4, which was not kept so",
        read(lambda events: setattr(events[4], "event_id", "synth:p:99.0")),
    ),
    ("2 questions were asked, expected 1", replay(lambda es: es.insert(2, shown("i1", 2, "input.requested", "y")), INTERVIEW)),
    ("4 commands were acknowledged, there are 3 runs", lambda history, _: history.responses.update({INTERVIEW: 4})),
    ("run i3 ended in error", setting(lambda _, facts: facts.runs[-1], refused=False)),
    ("interview i: the entries", setting(lambda _, facts: facts.threads[-1], entries=["i:in", "i:1=1", "i:1=1"])),
]

DOCTORED: list[tuple[str, Doctored]] = [
    ("duplicates in a: ['a:2']", entries(lambda listed: listed.insert(2, "a:2"))),
    ("duplicates in a: ['a:in']", entries(lambda listed: listed.insert(0, "a:in"))),
    ("lost of a: ['a:2']", entries(lambda listed: listed.remove("a:2"))),
    ("has left only ['b:in', 'b:1', 'b:2'] of 4", entries(lambda listed: listed.remove("b:3"))),
    ("out of order", entries(lambda listed: listed.__setitem__(slice(1, 3), ["a:2", "a:1"]))),
    ("torn apart", entries(lambda listed: listed.append("a:3"))),
    ("did not execute in the order", entries(swap)),
    ("entries of gone, a run that is gone", entries(lambda listed: listed.append("gone:in"))),
    ("its newest checkpoint has", setting(lambda _, facts: facts.threads[0], shown=[])),
    ("is stuck: busy at the end", setting(lambda _, facts: facts.threads[0], status="busy")),
    ("counts 1 active runs and has 0", setting(lambda _, facts: facts.threads[0], active_runs=1)),
    ("run-b (b) is running at the end", setting(lambda _, facts: facts.runs[1], status="running")),
    ("run-b (b) ended in error", setting(lambda _, facts: facts.runs[1], status="error")),
    ("run-b (b) was acknowledged and is lost", lose),
    ("is interrupted, and nobody asked for it", interrupt),
    ("stands behind 2, not behind the one before it, 3", setting(lambda _, facts: facts.checkpoints[THREAD][3], parent_id="2")),
    ("run run-a wrote checkpoints between", setting(lambda _, facts: facts.checkpoints[THREAD][3], run_id="run-a")),
    ("went on past its breakpoint", lambda _, facts: facts.checkpoints[CONVERSATION].append(CheckpointRow("3", "2", "run-q2"))),
    ("was accepted, and it ended in success", setting(lambda _, facts: facts.runs[2], status="success")),
    ("answered while it was running", setting(lambda history, _: history.cancels[0], status_after="running")),
    ("run run-c was to be rolled back, and is still there", setting(lambda history, _: history.cancels[0], action="rollback")),
    ("wait or join answered the entries ['a:in']", setting(lambda history, _: history.sent[0], output={"entries": ["a:in"]})),
    ("wait or join answered the entries []", setting(lambda history, _: history.sent[4], output={})),
    ("wait or join answered {'__error__'", setting(lambda history, _: history.sent[0], output={"__error__": {}})),
    ("saw events repeated or out of order", lambda history, _: history.readings[0].events.insert(1, (1, "metadata", {}))),
    ("run run-a missed events [2]", lambda history, _: history.readings[0].events.__delitem__(1)),
    ("events that were not kept", lambda history, _: history.readings[0].events.append((NUMBERS_OF_ATTEMPT + 9, "values", {}))),
    ("was told a:1 twice in one attempt", tell(2, 3, "custom", "a:1")),
    ("was never told ['a:3']", tell(6, NUMBERS_OF_ATTEMPT + 4, "values")),
    ("reader of thread thread-1 missed events [12]", setting(lambda history, _: history.thread_readings[0], ids=[11, 15])),
    ("reader of thread thread-1 saw events repeated", setting(lambda history, _: history.thread_readings[0], ids=[11, 11, 12, 15])),
    ("run run-a are stored out of order", lambda _, facts: facts.events["run-a"].reverse()),
    ("temporary thread thread-1 is still there", setting(lambda _, facts: facts.threads[0], temporary=True)),
    ("checkpoints are left of thread x", lambda _, facts: facts.orphans.append("x")),
    ("quiz q: the entries", setting(lambda _, facts: facts.threads[1], entries=["q:in", "q:1=1", "q:2=1"])),
    ("answered 500", lambda history, _: history.failures.append("GET / answered 500")),
]  # fmt: skip


ALL = [*DOCTORED, *OF_CRONS, *OF_ITEMS, *OF_PROTOCOL]


@pytest.mark.parametrize(("sentence", "doctor"), ALL, ids=[sentence for sentence, _ in ALL])
def test_what_is_wrong_is_said(sentence: str, doctor: Doctored) -> None:
    history, facts = good()
    doctor(history, facts)
    assert any(sentence in said for said in violations(history, facts)), violations(history, facts)


def test_events_that_the_database_lost_with_its_life_are_excused() -> None:
    history, facts = good()
    reading = history.readings[0]
    reading.events.append((NUMBERS_OF_ATTEMPT + 9, "values", {}))
    reading.began, reading.ended = 10.0, 20.0
    for death, excused in ((5.0, False), (15.0, True), (25.0, False)):
        history.database_deaths = [death]
        assert ("events that were not kept" in "\n".join(violations(history, facts))) is not excused


def test_numbers_that_the_database_lost_with_its_life_are_excused() -> None:
    """A reader saw event 5 right before Postgres died; afterwards another event has its number, and 7 was lost for good."""
    for death, excused in ((2.0, False), (5.5, True), (30.0, False)):
        history, facts = good()
        facts.replays[PROTOCOL][4] = ThreadEvent(5, "synth:p:another.0", "values", "", at=7.0)
        history.database_deaths = [death]
        assert ("which was not kept so" in "\n".join(violations(history, facts))) is not excused
    for death, excused in ((2.0, False), (5.5, True), (30.0, False)):
        history, facts = good()
        del facts.replays[PROTOCOL][4:6]
        history.protocol_readings.clear()
        history.database_deaths = [death]
        assert ("has no events between 4 and 7" in "\n".join(violations(history, facts))) is not excused


def test_an_interview_whose_first_answer_was_lost_is_no_violation_when_it_stands_still() -> None:
    history, facts = good()
    history.abandoned.add(INTERVIEW)
    del history.responses[INTERVIEW]
    facts.threads[-1].entries = facts.threads[-1].shown = ["i:in"]
    assert violations(history, facts) == []


@pytest.mark.parametrize("asked_for", [True, False])
def test_a_conversation_may_stand_still_where_somebody_cancelled_it(asked_for: bool) -> None:
    history, facts = good()
    [last] = [run for run in facts.runs if run.run_id == "run-q2"]
    last.status = "interrupted"
    if asked_for:
        history.cancels.append(Cancel("run-q2", "interrupt", False, 202))
    facts.threads[1].entries = facts.threads[1].shown = quiz_block("q", 2)[:2]
    assert any("quiz q: the entries" in said for said in violations(history, facts)) is not asked_for
