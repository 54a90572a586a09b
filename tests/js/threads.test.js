import assert from "node:assert/strict";
import { test } from "node:test";

import { answer, client, said, texts } from "./clients.js";

test("pages of threads", async () => {
  const sdk = client();
  const topic = crypto.randomUUID();
  const made = [];
  for (let n = 0; n < 5; n += 1) made.push((await sdk.threads.create({ metadata: { topic, n } })).thread_id);
  const pages = [];
  for (const offset of [0, 2, 4, 6]) {
    const page = await sdk.threads.search({ metadata: { topic }, limit: 2, offset, sortBy: "created_at", sortOrder: "asc" });
    pages.push(page.map((thread) => thread.thread_id));
  }
  assert.deepEqual(pages, [made.slice(0, 2), made.slice(2, 4), made.slice(4), []]);
  assert.equal(await sdk.threads.count({ metadata: { topic } }), 5);
  const selected = await sdk.threads.search({ metadata: { topic, n: 3 }, select: ["thread_id", "status"] });
  assert.deepEqual(selected, [{ thread_id: made[3], status: "idle" }]);
});

test("pages of assistants, with the header that names the next one", async () => {
  const sdk = client();
  const topic = crypto.randomUUID();
  const made = [];
  for (let n = 0; n < 5; n += 1) {
    made.push((await sdk.assistants.create({ graphId: "talk", name: `a${n}`, metadata: { topic } })).assistant_id);
  }
  const [found, nexts] = [[], []];
  do {
    const query = { metadata: { topic }, limit: 2, offset: Number(nexts.at(-1) ?? 0), sortBy: "name", sortOrder: "asc" };
    const page = await sdk.assistants.search({ ...query, includePagination: true });
    found.push(...page.assistants.map((assistant) => assistant.assistant_id));
    nexts.push(page.next);
  } while (nexts.at(-1));
  assert.deepEqual(found, made);
  assert.deepEqual(nexts, ["2", "4", null]);
});

test("history, and states made by hand", async () => {
  const sdk = client();
  const { thread_id } = await sdk.threads.create();
  for (const text of ["one", "two"]) await sdk.runs.wait(thread_id, "talk", { input: said(text) });
  const history = await sdk.threads.getHistory(thread_id, { limit: 100 });
  assert.deepEqual(history.map((state) => state.values.messages?.length ?? 0), [4, 3, 2, 2, 1, 0]);
  const pages = [];
  for (let page = history.slice(0, 0), first = true; first || page.length; first = false) {
    page = await sdk.threads.getHistory(thread_id, { limit: 2, before: pages.at(-1) && { configurable: pages.at(-1).checkpoint } });
    pages.push(...page);
  }
  assert.deepEqual(pages, history);

  const byHand = { messages: [{ role: "user", content: "by hand" }] };
  const updated = await sdk.threads.updateState(thread_id, { values: byHand, asNode: "__start__" });
  const state = await sdk.threads.getState(thread_id);
  assert.equal(state.checkpoint.checkpoint_id, (updated.configurable ?? updated.checkpoint).checkpoint_id);
  assert.equal(texts(state.values).at(-1), "by hand");
  const wentOn = await sdk.runs.wait(thread_id, "talk", { input: null });
  assert.deepEqual(texts(wentOn).slice(-2), ["by hand", answer("by hand")]);

  const early = history.find((one) => one.values.messages?.length === 2 && !one.next.length);
  assert.deepEqual((await sdk.threads.getState(thread_id, early.checkpoint)).values, early.values);
  const forked = await sdk.runs.wait(thread_id, "talk", { input: said("other"), checkpointId: early.checkpoint.checkpoint_id });
  assert.deepEqual(texts(forked), ["one", answer("one"), "other", answer("other")]);
});

test("a copy lives on when its original is deleted; refusals come with a status", async () => {
  const sdk = client();
  const { thread_id } = await sdk.threads.create();
  await sdk.runs.wait(thread_id, "talk", { input: said("hello") });
  const copy = await sdk.threads.copy(thread_id);
  await sdk.threads.delete(thread_id);
  assert.deepEqual(texts((await sdk.threads.getState(copy.thread_id)).values), ["hello", answer("hello")]);
  await assert.rejects(sdk.threads.get(thread_id), { status: 404 });
  await assert.rejects(sdk.runs.create(copy.thread_id, "nothing-like-that", { input: {} }), { status: 422 });
});
