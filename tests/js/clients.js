/** Clients of the server under test, what they say to its graphs (tests/clients/graphs), and how its answers read. */

import { randomUUID } from "node:crypto";
import { existsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Client } from "@langchain/langgraph-sdk";

const { ALLOGRAPH_URL, ALLOGRAPH_UNRELIABLE_URL } = process.env;
if (!ALLOGRAPH_URL) throw new Error("ALLOGRAPH_URL is not set: run these tests with `make test-clients`");

export const WORDS = ["one ", "two ", "three ", "four ", "five ", "six ", "seven: "];
export const MODES = ["messages-tuple", "values", "updates"];

/** A client with connections and requests of its own; `requests` are the methods and paths that it asked for. */
export function client({ apiUrl = ALLOGRAPH_URL, answered } = {}) {
  const requests = [];
  const fetching = async (url, init) => {
    requests.push(`${init?.method ?? "GET"} ${new URL(url).pathname}`);
    const response = await fetch(url, init);
    answered?.();
    return response;
  };
  const made = new Client({ apiUrl, apiKey: null, callerOptions: { fetch: fetching, maxRetries: 0 } });
  return Object.assign(made, { requests });
}

/** A client on whose connections streams break off, again and again. */
export const unreliableClient = () => client({ apiUrl: ALLOGRAPH_UNRELIABLE_URL });

/** A file that is not there yet: runs that are given it wait for it behind their second word. */
export function newGate() {
  const path = join(tmpdir(), `allograph-gate-${randomUUID()}`);
  return { path, open: (step = "") => writeFileSync(path + step, ""), isOpen: () => existsSync(path) };
}

export const said = (text, gate) => ({ messages: [{ role: "user", content: text }], gate: gate?.path ?? "" });
export const answer = (text) => WORDS.join("") + text;
export const texts = (values) => values.messages.map((message) => message.content);

/** The words in parts of a stream of mode messages-tuple. */
export const words = (parts) =>
  parts
    .filter((part) => part.event === "messages")
    .map((part) => part.data[0].content)
    .filter((content) => content);

/** The names of the parts, a row of messages counted once. */
export const events = (parts) =>
  parts.map((part) => part.event).filter((name, n, all) => name !== "messages" || all[n - 1] !== name);

export async function collect(stream, seen = () => {}) {
  const parts = [];
  for await (const part of stream) {
    parts.push(part);
    await seen(parts, part);
  }
  return parts;
}

export const hasSaid = (parts, count) => words(parts).length === count && parts.at(-1).event === "messages";

export async function eventually(condition, seconds = 10) {
  const deadline = Date.now() + seconds * 1000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`not within ${seconds} s: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
