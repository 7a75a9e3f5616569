// A page in headless Chromium, driven by the DevTools protocol over a pipe
// (--remote-debugging-pipe: file descriptors 3 and 4, messages end with a NUL).
// https://chromedevtools.github.io/devtools-protocol/ names the methods.

import { spawn } from "node:child_process";
import { once } from "node:events";

const patience = 20_000; // milliseconds, for one answer

// launch starts Chromium with an empty profile in the folder profile.
export async function launch(command, profile) {
  const flags = [
    "--headless", "--remote-debugging-pipe", `--user-data-dir=${profile}`, "--no-first-run", "--disable-gpu",
    "--disable-dev-shm-usage", "--disable-extensions", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--hide-scrollbars", "--force-color-profile=srgb",
  ];
  if (process.getuid() === 0) flags.push("--no-sandbox"); // its sandbox refuses root
  const child = spawn(command, [...flags, "about:blank"], { stdio: ["ignore", "ignore", "pipe", "pipe", "pipe"] });
  let said = "";
  child.stderr.on("data", (d) => (said = (said + d).slice(-4000)));

  let last = 0;
  const waiting = new Map(); // by number of the message
  const listeners = new Set();
  const fail = (why) => {
    for (const { reject } of waiting.values()) reject(new Error(`${command}: ${why}\n${said}`));
    waiting.clear();
  };
  child.on("error", (e) => fail(e.message));
  child.on("exit", (code) => fail(`ended with exit code ${code}`));
  child.stdio[3].on("error", () => {}); // what matters is told by exit

  let rest = Buffer.alloc(0);
  child.stdio[4].on("data", (data) => {
    rest = Buffer.concat([rest, data]);
    for (let end; (end = rest.indexOf(0)) >= 0; rest = rest.subarray(end + 1)) {
      const message = JSON.parse(rest.subarray(0, end).toString());
      const asked = waiting.get(message.id);
      if (!asked) {
        for (const listen of listeners) listen(message);
        continue;
      }
      waiting.delete(message.id);
      if (message.error) asked.reject(new Error(`${asked.method}: ${message.error.message}`));
      else asked.resolve(message.result);
    }
  });

  const send = (method, params = {}, sessionId = undefined) =>
    new Promise((resolve, reject) => {
      const id = ++last;
      const timer = setTimeout(() => {
        waiting.delete(id);
        reject(new Error(`${method}: no answer in ${patience / 1000} seconds\n${said}`));
      }, patience);
      const settle = (f) => (v) => (clearTimeout(timer), f(v));
      waiting.set(id, { method, resolve: settle(resolve), reject: settle(reject) });
      child.stdio[3].write(JSON.stringify({ id, method, params, sessionId }) + "\0");
    });

  return {
    page: () => open(send, listeners),
    close: async () => {
      const ended = child.exitCode === null ? once(child, "exit") : null;
      await send("Browser.close").catch(() => child.kill());
      await ended;
    },
  };
}

// open makes a tab. Its requests are the addresses that it asked for since the
// last visit, whether or not they were answered.
async function open(send, listeners) {
  const { targetId } = await send("Target.createTarget", { url: "about:blank" });
  const { sessionId } = await send("Target.attachToTarget", { targetId, flatten: true });
  const call = (method, params) => send(method, params, sessionId);
  const page = { call, requests: [] };
  let loaded = () => {};
  listeners.add((m) => {
    if (m.sessionId !== sessionId) return;
    if (m.method === "Network.requestWillBeSent") page.requests.push(m.params.request.url);
    if (m.method === "Network.webSocketCreated") page.requests.push(m.params.url);
    if (m.method === "Page.loadEventFired") loaded();
  });
  await call("Page.enable");
  await call("Network.enable");

  // visit loads an address as a reader with these wishes would see it.
  page.visit = async (url, { width = 1200, scheme = "light", media = "", scripts = true } = {}) => {
    page.requests = [];
    await call("Emulation.setDeviceMetricsOverride", { width, height: 900, deviceScaleFactor: 1, mobile: false });
    await call("Emulation.setEmulatedMedia", { media, features: [{ name: "prefers-color-scheme", value: scheme }] });
    await call("Emulation.setScriptExecutionDisabled", { value: !scripts });
    const done = new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${url} did not load in ${patience / 1000} seconds`)), patience);
      loaded = () => (clearTimeout(timer), resolve());
    });
    const { errorText } = await call("Page.navigate", { url });
    if (errorText) throw new Error(`${url}: ${errorText}`);
    await done;
  };

  // evaluate runs an expression as the debugger does, past the page's own
  // Content Security Policy, and returns what it comes to.
  page.evaluate = async (expression) => {
    const { result, exceptionDetails: e } = await call("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    if (e) throw new Error(e.exception?.description ?? e.text);
    return result.value;
  };
  page.screenshot = async () => (await call("Page.captureScreenshot", { captureBeyondViewport: true })).data;
  return page;
}
