import assert from "node:assert/strict";
import { test } from "node:test";

import { StreamOrchestrator } from "@langchain/langgraph-sdk/ui";

import { answer, client, collect, eventually, hasSaid, MODES, newGate, said, texts, unreliableClient, words, WORDS } from "./clients.js";

const runIsDone = (part) => part.event === "metadata" && part.data.status === "run_done";

test("a second client joins in the middle: what was sent before is not sent again, what comes is not missed", async () => {
  const gate = newGate();
  const [sdk, second] = [client(), client({ answered: gate.open })];
  const { thread_id } = await sdk.threads.create();
  let joining;
  const stream = sdk.runs.stream(thread_id, "talk", { input: said("hello", gate), streamMode: MODES });
  const parts = await collect(stream, (sofar) => {
    if (hasSaid(sofar, 2)) joining ??= collect(second.runs.joinStream(thread_id, sofar[0].data.run_id));
  });
  const joined = await joining;
  assert.deepEqual(words(parts), [...WORDS, "hello"]);
  assert.deepEqual(words(joined), [...WORDS.slice(2), "hello"]);
  assert.deepEqual(joined.at(-1).data, parts.at(-1).data);
  assert.deepEqual(texts(await second.runs.join(thread_id, parts[0].data.run_id)), ["hello", answer("hello")]);
});

test("a resumable stream is joined from anywhere, and every event comes once", async () => {
  const gate = newGate();
  const [sdk, second] = [client(), client()];
  const { thread_id } = await sdk.threads.create();
  let run;
  let early;
  const stream = sdk.runs.stream(thread_id, "talk", {
    input: said("hello", gate),
    streamMode: MODES,
    streamResumable: true,
    onRunCreated: (created) => (run = created),
  });
  const parts = await collect(stream, async (sofar) => {
    if (!hasSaid(sofar, 2) || early) return;
    const joined = second.runs.joinStream(thread_id, run.run_id, { lastEventId: "-1" });
    early = await collect(joined, (again) => hasSaid(again, 2) && gate.open());
  });
  assert.deepEqual(words(parts), [...WORDS, "hello"]);
  assert.deepEqual(early, parts);
  assert.equal(new Set(parts.map((part) => part.id)).size, parts.length);
  for (const [position, { id }] of parts.entries()) {
    const rest = await collect(second.runs.joinStream(thread_id, run.run_id, { lastEventId: id }));
    assert.deepEqual(rest, parts.slice(position + 1));
  }
  const only = await collect(second.runs.joinStream(thread_id, run.run_id, { lastEventId: "-1", streamMode: ["updates"] }));
  assert.deepEqual(only, parts.filter((part) => part.event === "updates"));
});

test("connections that break: the SDK reconnects, and every event arrives once, in order", async () => {
  const [sdk, unreliable] = [client(), unreliableClient()];
  const { thread_id } = await sdk.threads.create();
  const options = { input: said("hello"), streamMode: MODES, streamResumable: true };
  const parts = await collect(unreliable.runs.stream(thread_id, "talk", options));
  const { run_id } = parts[0].data;
  const rejoined = unreliable.requests.filter((request) => request === `GET /threads/${thread_id}/runs/${run_id}/stream`);
  assert.ok(rejoined.length >= 2, `it reconnected ${rejoined.length} times`);
  assert.deepEqual(words(parts), [...WORDS, "hello"]);
  assert.deepEqual(parts, await collect(sdk.runs.joinStream(thread_id, run_id, { lastEventId: "-1" })));
  assert.equal((await sdk.runs.list(thread_id)).length, 1);
});

test("the stream of a thread shows the runs of other clients, one after the other", async () => {
  const gate = newGate();
  const [sdk, second] = [client(), client({ answered: gate.open })];
  const { thread_id } = await sdk.threads.create();
  const leaving = new AbortController();
  const seen = [];
  const watching = (async () => {
    for await (const part of second.threads.joinStream(thread_id, { signal: leaving.signal })) {
      seen.push(part);
      if (seen.filter(runIsDone).length === 2) break;
    }
  })();
  await eventually(gate.isOpen);
  const runs = [];
  for (const text of ["first", "other"]) {
    runs.push((await sdk.runs.create(thread_id, "talk", { input: said(text), streamMode: MODES })).run_id);
  }
  await watching;
  const named = seen.filter((part) => part.event === "metadata").map((part) => part.data.run_id);
  assert.deepEqual(named, [runs[0], runs[0], runs[1], runs[1]]);
  assert.deepEqual(words(seen), [...WORDS, "first", ...WORDS, "other"]);

  const again = [];
  for await (const part of second.threads.joinStream(thread_id, { lastEventId: seen[4].id })) {
    again.push(part);
    if (again.length === seen.length - 5) break;
  }
  assert.deepEqual(again, seen.slice(5));
});

test("a tab that is opened anew takes up the run of another (what useStream does)", async () => {
  globalThis.window = {}; // it asks whether it runs in a browser, before it asks for the storage
  const gate = newGate();
  const sdk = client();
  /** What a framework's useStream stands on; `noted` is its sessionStorage. */
  const tab = (threadId, noted) => {
    const storage = {
      getItem: (key) => noted.get(key) ?? null,
      setItem: (key, value) => noted.set(key, value),
      removeItem: (key) => noted.delete(key),
    };
    const made = new StreamOrchestrator(
      { reconnectOnMount: () => storage, fetchStateHistory: true },
      { getClient: () => sdk, getAssistantId: () => "talk", getMessagesKey: () => "messages" },
    );
    made.trackStreamMode("messages-tuple");
    made.initThreadId(threadId);
    return made;
  };
  const shows = (shown) => shown.messages.map((message) => message.content);

  const { thread_id } = await sdk.threads.create();
  const noted = new Map();
  const first = tab(thread_id, noted);
  const submitted = first.submitDirect(said("hello", gate));
  await eventually(() => shows(first).at(-1) === "one two ");

  const notedToo = new Map(noted);
  const second = tab(thread_id, notedToo);
  assert.ok(second.tryReconnect(), "the first tab noted its run");
  await eventually(() => shows(second).at(-1) === "one two ");
  assert.ok(first.isLoading && second.isLoading);
  gate.open();
  await submitted;
  await eventually(() => !second.isLoading);
  for (const shown of [first, second]) {
    assert.deepEqual(shows(shown), ["hello", answer("hello")]);
    assert.equal(shown.error, undefined);
  }
  assert.deepEqual([noted.size, notedToo.size], [0, 0]);
  assert.equal((await sdk.runs.list(thread_id)).length, 1);
});
