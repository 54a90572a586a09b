/** `client.threads.stream`: the thread-centric protocol over server-sent events and over a WebSocket. */

import assert from "node:assert/strict";
import { test } from "node:test";

import WebSocket from "ws";

import { answer, client, eventually, newGate, said, WORDS } from "./clients.js";

const SAID = { messages: [{ role: "user", content: "hello" }] };
const TRANSPORTS = {
  sse: { transport: "sse" },
  websocket: { transport: "websocket", webSocketFactory: (url) => new WebSocket(url) },
};
const open = (assistantId, options, threadId) => {
  const { threads } = client();
  return threadId ? threads.stream(threadId, { assistantId, ...options }) : threads.stream({ assistantId, ...options });
};

/** The words of each message, as they come. */
function listen(messages) {
  const heard = [];
  const done = (async () => {
    for await (const message of messages) {
      const words = [];
      heard.push(words);
      (async () => {
        for await (const word of message.text) words.push(word);
      })();
    }
  })();
  return { heard, done };
}

for (const [name, options] of Object.entries(TRANSPORTS)) {
  test(`${name}: a conversation, and a reload in its middle`, async () => {
    const [gate, thread] = [newGate(), open("talk", options)];
    const { heard } = listen(thread.messages);
    await thread.run.start({ input: said("hello", gate) });
    await eventually(() => heard[0]?.length === 2);
    assert.deepEqual(heard[0], WORDS.slice(0, 2));
    const again = open("talk", options, thread.threadId);
    const reloaded = listen(again.messages).heard;
    await eventually(() => reloaded[0]?.length === 2);
    gate.open();
    const values = await thread.output;
    assert.deepEqual(values.messages.map((message) => message.text), ["hello", answer("hello")]);
    await eventually(() => heard[0].join("") === answer("hello") && reloaded[0].join("") === answer("hello"));
    await Promise.all([thread.close(), again.close()]);
  });

  test(`${name}: tools`, async () => {
    const thread = open("adder", options);
    const calls = [];
    (async () => {
      for await (const call of thread.toolCalls) calls.push([call.name, call.input, await call.output]);
    })();
    await thread.run.start({ input: SAID });
    const values = await thread.output;
    assert.equal(values.messages.at(-1).text.trim(), "It is 42");
    await eventually(() => calls.length > 0);
    assert.deepEqual(calls[0], ["add", { a: 20, b: 22 }, "42"]);
    await thread.close();
  });

  test(`${name}: a deep agent with a subagent`, async () => {
    const [gate, thread] = [newGate(), open("team", options)];
    const subagents = [];
    (async () => {
      for await (const subagent of thread.subagents) subagents.push({ name: subagent.name, ...listen(subagent.messages) });
    })();
    await thread.run.start({ input: { messages: [{ role: "user", content: gate.path }] } });
    gate.open(".asked");
    await eventually(() => subagents.length === 1);
    assert.equal(subagents[0].name, "researcher");
    gate.open();
    const values = await thread.output;
    assert.equal(values.messages.at(-1).text.trim(), "The team says found 3");
    await eventually(() => subagents[0].heard.map((words) => words.join("").trim()).includes("found 3"));
    await thread.close();
  });

  test(`${name}: interrupts, one after the other and both at once`, async () => {
    const thread = open("both", options);
    await thread.run.start({ input: { answers: [] } });
    await eventually(() => thread.interrupts.length === 2);
    assert.ok(thread.interrupted);
    const responses = thread.interrupts.map((one) => ({
      namespace: one.namespace, interrupt_id: one.interruptId, response: `yes, ${one.payload}`,
    }));
    await thread.input.respond({ responses });
    await eventually(async () => (await thread.agent.getTree()).tree.status === "completed");
    const { values } = await thread.state.get({ namespace: [] });
    assert.deepEqual(values.answers, ["one: yes, first?", "two: yes, second?"]);
    await assert.rejects(thread.input.respond(responses[0]), { code: "no_such_interrupt" });
    const { checkpoints } = await thread.state.listCheckpoints({ limit: 100 });
    const forked = await thread.state.fork({ checkpoint_id: checkpoints.at(-1).id, input: { answers: ["again"] } });
    assert.equal(forked.thread_id, thread.threadId);
    await thread.close();
  });

  test(`${name}: an error`, async () => {
    const thread = open("failing", options);
    const failed = [];
    thread.onEvent((event) => event.method === "lifecycle" && failed.push(event.params.data));
    await thread.run.start({ input: { answers: [] } });
    await eventually(() => failed.at(-1)?.event === "failed");
    assert.equal(failed.at(-1).error, "exploded on purpose");
    await thread.close();
  });
}
