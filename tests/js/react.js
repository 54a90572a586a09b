/** React components without a browser: what `useStream` of @langchain/react gives, rendered into a jsdom document. */

import { JSDOM } from "jsdom";

const { window } = new JSDOM("<!doctype html><body></body>", { url: "http://localhost/" });
for (const name of ["window", "document", "navigator", "HTMLElement", "Node", "Element"]) globalThis[name] ??= name === "window" ? window : window[name];

const { createElement } = await import("react");
const { createRoot } = await import("react-dom/client");
const { useStream } = await import("@langchain/react");

/**
 * A mounted component. `shown.stream` is what its last rendering got from `useStream`, `shown.more` what `also(stream)`, which may use
 * other hooks, gave beside it.
 */
export function mount(options, also = () => undefined) {
  const shown = {};
  function Component() {
    shown.stream = useStream(options);
    shown.more = also(shown.stream);
    return createElement("p", null, shown.stream.messages.map((message) => message.text).join("\n"));
  }
  const element = document.body.appendChild(document.createElement("div"));
  const root = createRoot(element);
  root.render(createElement(Component));
  return Object.assign(shown, { element, unmount: () => root.unmount() });
}
