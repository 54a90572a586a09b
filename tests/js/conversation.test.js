import assert from "node:assert/strict";
import { test } from "node:test";

import { answer, client, collect, events, hasSaid, MODES, newGate, said, texts, words, WORDS } from "./clients.js";

test("a conversation, streamed a word at a time", async () => {
  const sdk = client();
  const { thread_id } = await sdk.threads.create({ metadata: { topic: "words" } });
  const gate = newGate();
  const created = [];
  const stream = sdk.runs.stream(thread_id, "talk", {
    input: said("hello", gate),
    streamMode: MODES,
    onRunCreated: (run) => created.push(run),
  });
  const parts = await collect(stream, async (sofar) => {
    if (!hasSaid(sofar, 2) || gate.isOpen()) return;
    assert.equal((await sdk.threads.get(thread_id)).status, "busy");
    gate.open();
  });
  assert.deepEqual(words(parts), [...WORDS, "hello"]);
  assert.deepEqual(events(parts), ["metadata", "values", "messages", "updates", "values"]);
  assert.deepEqual(texts(parts.at(-2).data.answer), [answer("hello")]);
  assert.deepEqual(texts(parts.at(-1).data), ["hello", answer("hello")]);
  const { run_id } = parts[0].data;
  assert.deepEqual(created, [{ run_id, thread_id }]);
  // The SDK asks whether a run whose stream has ended is over; would it not be, the SDK would join it again.
  assert.deepEqual(sdk.requests.slice(-1), [`GET /threads/${thread_id}/runs/${run_id}`]);
  assert.ok(!sdk.requests.includes(`GET /threads/${thread_id}/runs/${run_id}/stream`));

  const values = await sdk.runs.wait(thread_id, "talk", { input: said("more") });
  assert.deepEqual(texts(values), ["hello", answer("hello"), "more", answer("more")]);
  const runs = await sdk.runs.list(thread_id);
  assert.deepEqual(runs.map((run) => run.status), ["success", "success"]);
});

test("whole messages so far, in mode messages", async () => {
  const sdk = client();
  const { thread_id } = await sdk.threads.create();
  const parts = await collect(sdk.runs.stream(thread_id, "talk", { input: said("hello"), streamMode: ["messages"] }));
  const partial = parts.filter((part) => part.event === "messages/partial").map((part) => part.data[0].content);
  const growing = [...WORDS, "hello"].map((_, n, all) => all.slice(0, n + 1).join(""));
  assert.deepEqual([...new Set(partial)], growing);
});

test("a run without a thread leaves none", async () => {
  const sdk = client();
  const topic = crypto.randomUUID();
  const stream = sdk.runs.stream(null, "talk", { input: said("alone"), streamMode: MODES, metadata: { topic } });
  const parts = await collect(stream);
  assert.deepEqual(words(parts), [...WORDS, "alone"]);
  assert.deepEqual(texts(parts.at(-1).data), ["alone", answer("alone")]);
  assert.deepEqual(await sdk.threads.search({ metadata: { topic } }), []);
  assert.deepEqual(texts(await sdk.runs.wait(null, "talk", { input: said("again") })), ["again", answer("again")]);
});
