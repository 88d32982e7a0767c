// The page of the admin stage in a real browser, before a weir with load and a Redis of its own:
//
//     headless Chromium ──▶ weir ──▶ redis-server
//
// WEIR_BINARY is the weir to test, CHROMIUM the browser; PICTURES, where given, is a folder for what it looked like.
"use strict";

const assert = require("node:assert");
const { spawn, spawnSync } = require("node:child_process");
const { mkdtempSync, rmSync } = require("node:fs");
const { tmpdir } = require("node:os");
const path = require("node:path");
const { after, before, test } = require("node:test");
const { setTimeout: sleep } = require("node:timers/promises");
const { Browser } = require("./browser.js");

const PATIENCE = 30000; // ms
const KEYS = 300;

const scratch = mkdtempSync(path.join(tmpdir(), "weir-page-"));
const socket = path.join(scratch, "redis.sock");
let redis, weir, browser, load;

// Until `look` answers with something true, which is returned.
async function await_(what, look) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const found = await look();
    if (found) return found;
    assert.ok(Date.now() < end, `never seen: ${what}`);
    await sleep(50);
  }
}

const end = (child, signal = "SIGTERM") =>
  new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode) return resolve();
    child.once("exit", resolve);
    child.kill(signal);
  });

// By the names that distributions give it.
function findBrowser() {
  return (
    process.env.CHROMIUM ??
    ["chromium", "chromium-browser"].find((name) => !spawnSync(name, ["--version"]).error)
  );
}

function startRedis() {
  return spawn("redis-server", ["--port", "0", "--unixsocket", socket, "--save", "", "--dir", scratch], {
    stdio: "ignore",
  });
}

// Its ports are free ones; the second time, those of the first.
async function startWeir(ports = { http: 0, admin: 0 }) {
  const started = spawn(
    process.env.WEIR_BINARY ?? "build/weir",
    [
      "--expiry",
      "1h", // longer than the tests
      "--topology",
      "tests/topologies/sharded.yml",
      "--http",
      `127.0.0.1:${ports.http}`,
      "--admin",
      `127.0.0.1:${ports.admin}`,
      "--redis",
      `redis+unix://${socket}?db=0`,
    ],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  let log = "";
  started.stderr.on("data", (more) => (log += more));
  const port = (stage) =>
    await_(
      `${stage} listens`,
      () => log.match(new RegExp(` ${stage}[.0-9]* listening address=127\\.0\\.0\\.1:(\\d+)`))?.[1],
    );
  return Object.assign(started, { http: await port("http"), admin: await port("admin") });
}

const admin = async (target) => fetch(`http://127.0.0.1:${weir.admin}${target}`);
const get = async (key) => (await fetch(`http://127.0.0.1:${weir.http}/${key}`)).arrayBuffer();

// Reads the keys in turn until it is told to end.
function startLoad() {
  let goesOn = true;
  const done = (async () => {
    for (let i = 0; goesOn; i++) await get(`key-${i % KEYS}`).catch(() => sleep(10));
  })();
  return { end: () => ((goesOn = false), done) };
}

const command = (...words) =>
  new Promise((resolve) =>
    spawn("redis-cli", ["-s", socket, ...words], { stdio: "ignore" }).on("exit", resolve),
  );

async function samples(name) {
  const text = await (await admin("/metrics")).text();
  return text
    .split("\n")
    .filter((line) => line.startsWith(`${name}{`))
    .map((line) => ({
      labels: Object.fromEntries([...line.matchAll(/(\w+)="([^"]*)"/g)].map(([, k, v]) => [k, v])),
      value: Number(line.split(" ").at(-1)),
    }));
}

const total = async (name) => (await samples(name)).reduce((sum, { value }) => sum + value, 0);

// What stands in the page.
const state = () => browser.evaluate("document.getElementById('state')?.textContent");
const figures = () =>
  browser.evaluate(
    "Object.fromEntries([...document.querySelectorAll('#figures div')].map(({children: [name, ...texts]}) => [name.textContent, texts.map((each) => each.textContent)]))",
  );
const figure = async (name) => (await figures())[name][0];
const rows = (title) =>
  browser.evaluate(
    `[...[...document.querySelectorAll('section')].find((each) => each.querySelector('h2').textContent === ${JSON.stringify(title)}).querySelectorAll('tbody tr')].map((row) => [...row.cells].map((cell) => cell.textContent))`,
  );
const isLive = async () => (await state()) === "live, ready";

before(async () => {
  redis = startRedis();
  await await_("Redis", async () => (await command("ping")) === 0);
  weir = await startWeir();
  await command("mset", ...Array.from({ length: KEYS }, (_, i) => [`key-${i}`, "here"]).flat());
  load = startLoad();
  browser = await Browser.open(findBrowser());
  await browser.look(1280, "light");
  await browser.show(`http://127.0.0.1:${weir.admin}/`);
  await await_("the page is live", isLive);
});

after(async () => {
  await load?.end();
  if (weir) await end(weir);
  if (redis) await end(redis);
  await browser?.close();
  rmSync(scratch, { recursive: true, force: true });
});

test("every stage is drawn, and an arrow for each link", async () => {
  const stages = (await samples("weir_stage_info")).map(({ labels }) => labels);
  const links = (await samples("weir_link_away"))
    .map(({ labels }) => labels)
    .filter(({ link }) => !link.startsWith("control."));
  const drawn = await browser.evaluate(
    "[...document.querySelectorAll('.node')].map((each) => each.querySelector('title').textContent)",
  );
  for (const { stage } of stages) assert.ok(drawn.includes(stage), stage);
  assert.strictEqual(drawn.length, stages.length + 2); // the clients, and Redis
  const clients = stages.filter(({ kind }) => /frontend|admin/.test(kind)).length;
  assert.strictEqual(
    await browser.evaluate("document.querySelectorAll('path.link').length"),
    links.length + clients + 1,
  );
  assert.deepStrictEqual(
    (await rows("Links")).map(([name]) => name).sort(),
    links.map(({ stage, link }) => `${stage} → ${link}`).sort(),
  );
});

test("what is shown is what /metrics says", async () => {
  await await_("all keys are held", async () => (await figure("Keys held")) === String(KEYS));
  assert.strictEqual(await total("weir_cache_entries"), KEYS);
  assert.strictEqual(await figure("Redis up"), "2 of 2");
  await await_("hits alone", async () => (await figure("Hit ratio")) === "100.0 %");
  const held = Object.fromEntries(
    (await samples("weir_cache_entries")).map(({ labels, value }) => [labels.stage, value]),
  );
  for (const [stage, , , keys] of await rows("Caches"))
    assert.strictEqual(keys.split(" ")[0], String(held[stage]));
  await await_("the rate of requests, within a quarter", async () => {
    const [begin, at] = [await total("weir_http_requests_total"), Date.now()];
    await sleep(2000);
    const rate = ((await total("weir_http_requests_total")) - begin) / ((Date.now() - at) / 1000);
    const [, number, unit] = (await figure("Requests")).match(/^([\d.]+)( k)?\/s$/) ?? [];
    return Math.abs((number * (unit ? 1000 : 1)) / rate - 1) < 0.25;
  });
  assert.match(await figure("Median latency"), /^≤ \d/);
});

test("it updates by itself, and nothing moves or gathers", async () => {
  await browser.evaluate(
    "new PerformanceObserver((list) => list.getEntries().forEach(({value}) => (window.shifts = (window.shifts ?? 0) + value))).observe({type: 'layout-shift'})",
  );
  const before = await browser.countLiving();
  const asked = browser.requests.length;
  for (let i = 0; i < 7; i++) await command("set", `new-${i}`, "here");
  for (let i = 0; i < 7; i++) await get(`new-${i}`);
  await await_("the new keys", async () => (await figure("Keys held")) === String(KEYS + 7));
  await await_("further questions", () => browser.requests.length > asked + 10);
  assert.ok((await browser.evaluate("window.shifts ?? 0")) < 0.01);
  await await_("nothing more than before is kept", async () => (await browser.countLiving()) <= before);
});

for (const scheme of ["light", "dark"])
  for (const width of [360, 1280])
    test(`${scheme}, ${width} px wide`, async () => {
      await browser.look(width, scheme);
      await await_("it fits", () =>
        browser.evaluate(`innerWidth === ${width} && document.documentElement.scrollWidth <= ${width}`),
      );
      // The brightness of text and of what it stands on (WCAG 2.2, 1.4.3).
      const contrasts = await browser.evaluate(`(() => {
        const brightness = (colour) => colour.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255)
          .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
          .reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0);
        const style = (selector) => getComputedStyle(document.querySelector(selector));
        return [['#state', 'color', 'body'], ['dt', 'color', '#figures div'], ['td', 'color', '.scroll'],
          ['thead th', 'color', '.scroll'], ['footer a', 'color', 'body'], ['h1', 'color', 'body'],
          ['.node .place', 'fill', 'body'], ['.flow', 'fill', '.scroll']].map(([text, property, ground]) => {
          const pair = [brightness(style(text)[property]), brightness(style(ground).backgroundColor)].sort();
          return [text, (pair[1] + 0.05) / (pair[0] + 0.05)];
        });
      })()`);
      for (const [what, contrast] of contrasts) assert.ok(contrast >= 4.5, `${what}: ${contrast}`);
      const isDark = await browser.evaluate(
        "parseInt(getComputedStyle(document.body).backgroundColor.slice(4)) < 128",
      );
      assert.strictEqual(isDark, scheme === "dark");
      if (process.env.PICTURES)
        await browser.photograph(path.join(process.env.PICTURES, `${scheme}-${width}.png`));
    });

test("it asks no other host, and nothing can be made to run in it", async () => {
  for (const url of browser.requests)
    assert.match(url, new RegExp(`^(data:|http://127\\.0\\.0\\.1:${weir.admin}/)`));
  await assert.rejects(browser.evaluate("document.body.innerHTML = '<b>markup</b>'"), /TrustedHTML/);
  assert.deepStrictEqual(
    browser.complaints.splice(0).filter((each) => !/TrustedHTML/.test(each)),
    [],
  );
  const labels = await browser.evaluate(
    `import('/metrics.js').then(({parse}) => [...parse('a{b="<i>\\\\"\\\\\\\\\\\\n",c="},{"} 1').get('a').values()][0].labels)`,
  );
  assert.deepStrictEqual(labels, { b: '<i>"\\\n', c: "},{" });
});

test("a Redis that is gone is shown, and that it is back", async () => {
  await end(redis, "SIGKILL");
  await await_("not ready", async () => /^not ready: .*redis/s.test(await state()));
  await await_("no connection", async () => (await figure("Redis up")) === "0 of 2");
  assert.ok(
    await browser.evaluate(
      "[...document.querySelectorAll('.flow.away')].some((each) => each.textContent === 'away')",
    ),
  );
  redis = startRedis();
  await await_("live again", isLive);
});

test("a weir that is stopped is shown, and that it is back", async () => {
  await end(weir);
  await await_("not reachable", async () => /^not reachable since \d/.test(await state()));
  const since = await state();
  const asked = browser.requests.length;
  await await_("further questions", () => browser.requests.length > asked + 2);
  assert.strictEqual(await state(), since); // the time of the first failure
  weir = await startWeir(weir);
  await await_("live again", isLive);
  await await_("the counters of the new one", async () => /^\d.*\/s$/.test(await figure("Requests")));
  assert.deepStrictEqual(browser.complaints, []);
});
