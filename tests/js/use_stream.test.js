/** `useStream` of @langchain/react: what a chat page does. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { mount } from "./react.js";
import { answer, client, eventually, newGate, said, WORDS } from "./clients.js";

const { useMessageMetadata, useMessages } = await import("@langchain/react");
const sdk = client();

/** A mounted chat page; `options` go to `useStream`. */
async function page(assistantId, options = {}, also = undefined) {
  const shown = mount({ client: sdk, assistantId, ...options }, also);
  await eventually(() => shown.stream && !shown.stream.isThreadLoading);
  return shown;
}

const texts = (shown) => shown.stream.messages.map((message) => message.text);
const idle = (shown) => eventually(() => !shown.stream.isLoading);
const SAID = { messages: [{ type: "human", content: "hello" }] };

test("text as it comes, a reload in the middle, a second turn", async () => {
  const gate = newGate();
  const first = await page("talk");
  first.stream.submit(said("hello", gate));
  await eventually(() => texts(first).at(-1) === WORDS.slice(0, 2).join(""));
  assert.ok(first.stream.isLoading);
  const second = await page("talk", { threadId: first.stream.threadId });
  await eventually(() => texts(second).at(-1) === WORDS.slice(0, 2).join("") && second.stream.isLoading);
  gate.open();
  for (const shown of [first, second]) {
    await idle(shown);
    await eventually(() => shown.element.textContent === ["hello", answer("hello")].join("\n"));
  }
  await second.stream.submit(said("more"));
  const all = ["hello", answer("hello"), "more", answer("more")];
  for (const shown of [first, second]) await eventually(() => texts(shown).join() === all.join());
  const later = await page("talk", { threadId: first.stream.threadId });
  assert.deepEqual(texts(later), all);
  for (const shown of [first, second, later]) shown.unmount();
});

test("stop ends the run", async () => {
  const shown = await page("talk");
  let runId;
  shown.stream.submit(said("hello", newGate()), { onError: assert.fail }).catch(assert.fail);
  await eventually(() => texts(shown).at(-1) === WORDS.slice(0, 2).join(""));
  [{ run_id: runId }] = await sdk.runs.list(shown.stream.threadId);
  await shown.stream.stop();
  assert.ok(!shown.stream.isLoading || (await idle(shown)) === undefined);
  await eventually(async () => (await sdk.runs.get(shown.stream.threadId, runId)).status === "interrupted");
  await shown.stream.submit(said("again"));
  await eventually(() => texts(shown).at(-1) === answer("again"));
  shown.unmount();
});

test("an edited message forks the thread from where it came in", async () => {
  const shown = await page("talk", {}, (stream) => useMessageMetadata(stream, stream.messages[2]?.id));
  await shown.stream.submit(said("hello"));
  await shown.stream.submit(said("more"));
  await eventually(() => texts(shown).length === 4 && shown.more?.parentCheckpointId);
  await shown.stream.submit(said("else"), { forkFrom: shown.more.parentCheckpointId });
  await eventually(() => texts(shown).join() === ["hello", answer("hello"), "else", answer("else")].join());
  const { values } = await sdk.threads.getState(shown.stream.threadId);
  assert.deepEqual(values.messages.filter((message) => message.type === "human").map((message) => message.content), ["hello", "else"]);
  shown.unmount();
});

for (const queue of ["local", "server"]) {
  test(`what is said meanwhile waits in the ${queue} queue`, async () => {
    const gate = newGate();
    const shown = await page("talk", queue === "server" ? { queue } : {});
    shown.stream.submit(said("one", gate));
    await eventually(() => texts(shown).at(-1) === WORDS.slice(0, 2).join(""));
    for (const text of ["two", "three"]) await shown.stream.submit(said(text), { multitaskStrategy: "enqueue" });
    gate.open();
    const all = ["one", "two", "three"].flatMap((text) => [text, answer(text)]);
    await eventually(() => texts(shown).join() === all.join());
    await idle(shown);
    shown.unmount();
  });
}

test("a question, and the answer", async () => {
  const shown = await page("ask");
  await shown.stream.submit({ messages: [{ type: "human", content: "well?" }] });
  await eventually(() => shown.stream.interrupt);
  assert.deepEqual(shown.stream.interrupt.value, { question: "go?", choices: ["yes", "no"] });
  const reloaded = await page("ask", { threadId: shown.stream.threadId });
  await eventually(() => reloaded.stream.interrupt?.id === shown.stream.interrupt.id);
  await reloaded.stream.respond("yes", { interruptId: shown.stream.interrupt.id });
  for (const one of [shown, reloaded]) {
    await eventually(() => texts(one).at(-1) === "You decided: yes." && one.stream.interrupts.length === 0);
    one.unmount();
  }
});

test("questions at once and in a subgraph", async () => {
  const both = await page("both");
  await both.stream.submit({ answers: [] });
  await eventually(() => both.stream.interrupts.length === 2);
  await both.stream.respondAll(Object.fromEntries(both.stream.interrupts.map((one) => [one.id, `yes, ${one.value}`])));
  await eventually(() => both.stream.values.answers?.join() === "one: yes, first?,two: yes, second?");
  both.unmount();
  const outer = await page("outer");
  await outer.stream.submit({ answers: [] });
  await eventually(() => outer.stream.interrupts.length === 1);
  await outer.stream.respond("yes");
  await eventually(() => outer.stream.values.answers?.join() === "one: yes");
  outer.unmount();
});

test("tools, and a subagent with messages of its own", async () => {
  const adder = await page("adder");
  await adder.stream.submit(SAID);
  await eventually(() => texts(adder).at(-1)?.trim() === "It is 42");
  assert.deepEqual(adder.stream.toolCalls.map((call) => [call.name, call.status]), [["add", "finished"]]);
  adder.unmount();
  const gate = newGate();
  const team = await page("team");
  team.stream.submit({ messages: [{ type: "human", content: gate.path }] });
  await eventually(() => texts(team).at(-1)?.trim() === "Asking");
  gate.open(".asked");
  await eventually(() => [...team.stream.subagents.values()][0]?.status === "running");
  gate.open();
  await eventually(() => texts(team).at(-1)?.trim() === "The team says found 3");
  await eventually(() => [...team.stream.subagents.values()][0].status === "complete");
  await idle(team);
  // A page that is opened when the run is over: only then the client reads a subagent's messages from the history. Opened a moment
  // before, it follows the stream, and stops at the end of the run with what it has handled by then.
  const subagentOf = (stream) => [...stream.subagents.values()][0];
  const later = await page("team", { threadId: team.stream.threadId }, (stream) => useMessages(stream, subagentOf(stream)));
  await eventually(() => later.more.at(-1)?.text.trim() === "found 3");
  const { name, taskInput } = subagentOf(later.stream);
  assert.deepEqual([name, taskInput], ["researcher", gate.path]);
  assert.deepEqual(texts(later).map((text) => text.trim()), [gate.path, "Asking", "found 3", "The team says found 3"]);
  later.unmount();
  team.unmount();
});

test("an error is shown", async () => {
  const shown = await page("failing");
  await shown.stream.submit({ answers: [] });
  await eventually(() => shown.stream.error);
  assert.match(String(shown.stream.error), /exploded on purpose/);
  assert.ok(!shown.stream.isLoading);
  shown.unmount();
});
