"""The checker reports what is wrong with a history that is doctored, and nothing about one that is not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from allograph.store.run_events import END, NUMBERS_OF_ATTEMPT
from tests.chaos.checker import violations
from tests.chaos.history import (
    Cancel,
    CheckpointRow,
    Facts,
    History,
    Reading,
    RunRow,
    Sent,
    ThreadReading,
    ThreadRow,
    block,
    quiz_block,
)

THREAD, CONVERSATION = "thread-1", "thread-2"
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
    return history, facts


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


@pytest.mark.parametrize(("sentence", "doctor"), DOCTORED, ids=[sentence for sentence, _ in DOCTORED])
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
