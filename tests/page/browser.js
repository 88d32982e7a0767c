// A headless Chromium with one page, spoken to over a pipe in the DevTools protocol: JSON, a NUL
// behind each message. Whoever opens it closes it.
"use strict";

const { spawn } = require("node:child_process");
const { mkdtempSync, rmSync, writeFileSync } = require("node:fs");
const { tmpdir } = require("node:os");
const path = require("node:path");

class Browser {
  #process;
  #profile = mkdtempSync(path.join(tmpdir(), "weir-page-"));
  #waiting = new Map(); // id of a command -> {resolve, reject}
  #session;
  #lastId = 0;
  requests = []; // addresses that the page asked for
  complaints = []; // exceptions, and what the browser says about security

  static async open(binary) {
    const browser = new Browser();
    browser.#start(binary);
    const { targetId } = await browser.#send("Target.createTarget", { url: "about:blank" });
    browser.#session = (await browser.#send("Target.attachToTarget", { targetId, flatten: true })).sessionId;
    for (const domain of ["Page", "Runtime", "Network", "Log"]) await browser.#send(`${domain}.enable`);
    return browser;
  }

  #start(binary) {
    const options = [
      "--headless=new",
      "--remote-debugging-pipe",
      `--user-data-dir=${this.#profile}`,
      "--disable-gpu",
      "--disable-dev-shm-usage",
      "--disable-background-networking",
      "--disable-component-update",
      "--no-first-run",
    ];
    if (process.getuid() === 0) options.push("--no-sandbox"); // it refuses to have one as root
    this.#process = spawn(binary, options, { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
    this.#process.on("error", (error) => this.#fail(error));
    this.#process.on("exit", () => this.#fail(new Error("the browser has ended")));
    let text = "";
    this.#process.stdio[4].setEncoding("utf8").on("data", (more) => {
      const messages = (text + more).split("\0");
      text = messages.pop();
      messages.forEach((message) => this.#take(JSON.parse(message)));
    });
  }

  #fail(error) {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  #take({ id, result, error, method, params }) {
    if (id) {
      const { resolve, reject } = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error) reject(new Error(error.message));
      else resolve(result);
    } else if (method === "Network.requestWillBeSent") this.requests.push(params.request.url);
    else if (method === "Runtime.exceptionThrown")
      this.complaints.push(params.exceptionDetails.exception?.description);
    else if (method === "Log.entryAdded" && params.entry.source !== "network")
      this.complaints.push(params.entry.text);
  }

  #send(method, params = {}) {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#process.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId: this.#session })}\0`);
    });
  }

  show(url) {
    return this.#send("Page.navigate", { url });
  }

  // The value of an expression in the page; a promise is awaited.
  async evaluate(expression) {
    const { result, exceptionDetails } = await this.#send("Runtime.evaluate", {
      expression,
      returnByValue: true,
      awaitPromise: true,
    });
    if (exceptionDetails) throw new Error(exceptionDetails.exception.description);
    return result.value;
  }

  async look(width, scheme) {
    await this.#send("Emulation.setDeviceMetricsOverride", {
      width,
      height: 900,
      deviceScaleFactor: 1,
      mobile: false,
    });
    await this.#send("Emulation.setEmulatedMedia", {
      features: [{ name: "prefers-color-scheme", value: scheme }],
    });
  }

  async photograph(file) {
    const { data } = await this.#send("Page.captureScreenshot", { captureBeyondViewport: true });
    writeFileSync(file, Buffer.from(data, "base64"));
  }

  // Nodes and listeners that are alive, those without a place in the page included.
  async countLiving() {
    await this.#send("HeapProfiler.collectGarbage");
    const { nodes, jsEventListeners } = await this.#send("Memory.getDOMCounters");
    return nodes + jsEventListeners;
  }

  async close() {
    if (this.#process.exitCode === null && this.#process.pid) {
      const ended = new Promise((resolve) => this.#process.once("exit", resolve));
      this.#session = undefined;
      await this.#send("Browser.close"); // with its own processes, which write to the profile
      await ended;
    }
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 50, retryDelay: 20 });
  }
}

module.exports = { Browser };
