import assert from "node:assert/strict";
import { test } from "node:test";

import { answer, client, collect, eventually, events, hasSaid, MODES, newGate, said, texts, words, WORDS } from "./clients.js";

const QUESTION = { question: "go?", choices: ["yes", "no"] };

test("an interrupt, and a resume", async () => {
  const sdk = client();
  const { thread_id } = await sdk.threads.create();
  const asked = await collect(sdk.runs.stream(thread_id, "ask", { input: said("well?"), streamMode: ["values", "updates"] }));
  const interrupts = asked.filter((part) => part.event === "updates").flatMap((part) => part.data.__interrupt__ ?? []);
  assert.deepEqual(interrupts.map((one) => one.value), [QUESTION]);
  assert.deepEqual(asked.at(-1).data.__interrupt__.map((one) => one.value), [QUESTION]);
  const thread = await sdk.threads.get(thread_id);
  assert.equal(thread.status, "interrupted");
  assert.deepEqual(Object.values(thread.interrupts).flat().map((one) => one.value), [QUESTION]);
  const state = await sdk.threads.getState(thread_id);
  assert.deepEqual(state.next, ["decide"]);
  assert.equal(state.tasks[0].interrupts[0].id, interrupts[0].id);

  const command = { resume: { [interrupts[0].id]: "yes" } };
  const rest = await collect(sdk.runs.stream(thread_id, "ask", { command, streamMode: ["values", "updates"] }));
  assert.deepEqual(rest.filter((part) => part.event === "updates").map((part) => Object.keys(part.data)), [["decide"]]);
  assert.deepEqual(texts(rest.at(-1).data), ["well?", "I propose to go.", "You decided: yes."]);
  assert.equal((await sdk.threads.get(thread_id)).status, "idle");
});

test("a cancel ends the stream of the run", async () => {
  const [sdk, second] = [client(), client()];
  const { thread_id } = await sdk.threads.create();
  const stream = sdk.runs.stream(thread_id, "talk", { input: said("hello", newGate()), streamMode: MODES });
  const parts = await collect(stream, async (sofar) => {
    if (!hasSaid(sofar, 2)) return;
    const { run_id } = sofar[0].data;
    await second.runs.cancel(thread_id, run_id, true);
    assert.equal((await second.runs.get(thread_id, run_id)).status, "interrupted");
  });
  assert.deepEqual(words(parts), WORDS.slice(0, 2));
  assert.ok(!events(parts).includes("updates"));
  const values = await sdk.runs.wait(thread_id, "talk", { input: said("again") });
  assert.deepEqual(texts(values), ["hello", "again", answer("again")]);
});

test("a cancel with rollback leaves nothing of the run", async () => {
  const sdk = client();
  const { thread_id } = await sdk.threads.create();
  await sdk.runs.wait(thread_id, "talk", { input: said("first") });
  let run_id;
  await collect(sdk.runs.stream(thread_id, "talk", { input: said("second", newGate()), streamMode: MODES }), async (sofar) => {
    if (!hasSaid(sofar, 2)) return;
    run_id = sofar[0].data.run_id;
    await sdk.runs.cancel(thread_id, run_id, true, "rollback");
  });
  assert.deepEqual(texts((await sdk.threads.getState(thread_id)).values), ["first", answer("first")]);
  await assert.rejects(sdk.runs.get(thread_id, run_id), { status: 404 });
});

test("leaving cancels the run, when that was wished", async () => {
  const sdk = client();
  const { thread_id } = await sdk.threads.create();
  const leaving = new AbortController();
  const options = { input: said("hello", newGate()), streamMode: MODES, onDisconnect: "cancel", signal: leaving.signal };
  await collect(sdk.runs.stream(thread_id, "talk", options), (sofar) => hasSaid(sofar, 2) && leaving.abort()).catch((error) => {
    if (error.name !== "AbortError") throw error;
  });
  await eventually(async () => (await sdk.runs.list(thread_id))[0].status === "interrupted");
});
