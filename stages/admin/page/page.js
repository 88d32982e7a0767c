// The page of one process: once a second it reads /metrics and /readyz, and shows them. Whatever
// comes from there is set as text, never as markup. What it keeps does not grow with time.

import { Drawing, setText } from "./drawing.js";
import { Metrics } from "./metrics.js";
import { atMost, bytes, count, duration, isKnown, of, perSecond, share } from "./numbers.js";

const PERIOD = 1000; // ms, from one answer to the next question
const PATIENCE = 5000; // ms

const fronts = { "http-frontend": "http", "resp-frontend": "resp", admin: "admin" }; // kind -> in the metrics
const metrics = new Metrics();
const drawing = new Drawing(document.getElementById("drawing"));
const wide = matchMedia("(min-width: 64rem)");

// ---- what there is ----

const stages = (...kinds) => metrics.labels("weir_stage_info").filter(({ kind }) => kinds.includes(kind));

// Links by which stages ask; those to control.0, … are how this page gets its numbers.
function links() {
  return metrics.labels("weir_link_away").filter(({ link }) => !/^control\.\d+$/.test(link));
}

const hitRatio = (wanted) =>
  share(metrics.growth("weir_cache_hits_total", wanted), metrics.growth("weir_cache_lookups_total", wanted));

// What came over the addresses that others may ask at, beyond what this process asked there itself.
function askedFromElsewhere(stage) {
  const addresses = metrics
    .labels("weir_link_records_received_total", { stage })
    .filter(({ link }) => /^(ipc|tcp):/.test(link));
  if (!addresses.length) return undefined;
  const received = addresses.reduce(
    (sum, { link }) => sum + metrics.rate("weir_link_records_received_total", { stage, link }),
    0,
  );
  return {
    flow: Math.max(received - (metrics.rate("weir_link_records_sent_total", { link: stage }) ?? 0), 0),
  };
}

// ---- the drawing ----

function figureOf({ stage, kind }) {
  if (kind === "cache") return `${hitRatio({ stage })} hits`;
  if (kind === "redis-fetcher")
    return `${of(metrics.value("weir_redis_connections_up", { stage }), metrics.value("weir_redis_connections", { stage }))} up`;
  return `${count(metrics.value(`weir_${fronts[kind]}_connections`, { stage }))} connected`;
}

// "http · reactor 0"
const placeOf = ({ kind, reactor }) => `${kind.split("-")[0]} · ${reactor.replace(".", " ")}`;

function nodesAndEdges() {
  const infos = metrics.labels("weir_stage_info");
  const nodes = infos.map((info) => ({
    id: info.stage,
    kind: info.kind,
    title: info.stage,
    place: placeOf(info),
    figure: figureOf(info),
  }));
  const edges = [];
  const known = new Set(nodes.map(({ id }) => id));
  const outside = (id, title, place, figure = "") => {
    if (!known.has(id)) nodes.push({ id, kind: "outside", title, place, figure });
    known.add(id);
  };
  const connect = (from, to, flow, isAway = false) =>
    edges.push({ from, to, flow, isAway, label: isAway ? "away" : perSecond(flow) });

  for (const { stage, kind } of infos) {
    if (fronts[kind]) {
      outside("clients of this process", "clients", "outside weir");
      connect(
        "clients of this process",
        stage,
        metrics.rate(`weir_${fronts[kind]}_requests_received_total`, { stage }),
      );
    }
    const elsewhere = askedFromElsewhere(stage);
    if (elsewhere) {
      outside("stages of other processes", "other processes", "who ask here");
      connect("stages of other processes", stage, elsewhere.flow);
    }
  }
  for (const { stage, link } of links()) {
    if (!known.has(stage)) continue;
    outside(link, link, "in another process");
    connect(
      stage,
      link,
      metrics.rate("weir_link_records_sent_total", { stage, link }),
      metrics.value("weir_link_away", { stage, link }) === 1,
    );
  }
  for (const { stage } of stages("redis-fetcher")) {
    const up = metrics.value("weir_redis_connections_up", { stage });
    outside("the Redis instance", "Redis", up ? "answers" : "does not answer", "");
    connect(stage, "the Redis instance", metrics.rate("weir_redis_fetches_total", { stage }), up === 0);
  }
  return { nodes, edges };
}

function draw() {
  const { nodes, edges } = nodesAndEdges();
  if (nodes.length) drawing.show(nodes, edges, wide.matches);
}

// ---- figures and tables ----

const sumOf = (names) => (ask) =>
  names.map(ask).reduce((sum, part) => (isKnown(part) ? (sum ?? 0) + part : sum), undefined);
const served = sumOf(["http", "resp"]); // what clients come for; the admin stage is not

// Of front ends of both kinds, the slower.
function slowest(quantile) {
  return ["http", "resp"]
    .map((front) => metrics.quantile(`weir_${front}_request_duration_seconds`, quantile))
    .filter(isKnown)
    .sort((a, b) => b - a)[0];
}

const figures = [
  [
    "Requests",
    () => perSecond(served((front) => metrics.rate(`weir_${front}_requests_received_total`))),
    () => `${count(served((front) => metrics.value(`weir_${front}_in_progress`)))} in progress`,
  ],
  ["Hit ratio", () => hitRatio({}), () => `misses: ${perSecond(metrics.rate("weir_cache_misses_total"))}`],
  ["Median latency", () => atMost(slowest(0.5)), () => "of the requests"],
  ["99th percentile", () => atMost(slowest(0.99)), () => "of the requests"],
  [
    "Keys held",
    () => count(metrics.value("weir_cache_entries")),
    () => `of ${count(metrics.value("weir_cache_capacity_entries"))}`,
  ],
  [
    "Memory held",
    () => bytes(metrics.value("weir_cache_bytes")),
    () => `of ${bytes(metrics.value("weir_cache_max_bytes"))}`,
  ],
  [
    "Redis up",
    () => of(metrics.value("weir_redis_connections_up"), metrics.value("weir_redis_connections")),
    () => `errors: ${perSecond(metrics.rate("weir_redis_errors_total"))}`,
  ],
  [
    "Redis, 99th p.",
    () => atMost(metrics.quantile("weir_redis_fetch_duration_seconds", 0.99)),
    () => `GETs: ${perSecond(metrics.rate("weir_redis_fetches_total"))}`,
  ],
];

// Widths are fixed, in rem, so that nothing moves when a number grows.
const column = (title, cell, { width = 6.5, isBad = () => false } = {}) => ({ title, cell, width, isBad });
const NAME_WIDTH = 8.5;
const TWO_NAMES_WIDTH = 11;
const frontRate =
  (name) =>
  ({ stage, kind }) =>
    perSecond(metrics.rate(`weir_${fronts[kind]}_${name}`, { stage }));
const frontCount =
  (name) =>
  ({ stage, kind }) =>
    count(metrics.value(`weir_${fronts[kind]}_${name}`, { stage }));
const frontLatency =
  (quantile) =>
  ({ stage, kind }) =>
    atMost(metrics.quantile(`weir_${fronts[kind]}_request_duration_seconds`, quantile, { stage }));
const rate = (name) => (wanted) => perSecond(metrics.rate(name, wanted));
const latency =
  (name, quantile) =>
  ({ stage }) =>
    atMost(metrics.quantile(name, quantile, { stage }));
const value =
  (name, format = count) =>
  (wanted) =>
    format(metrics.value(name, wanted));
const fill = (part, whole, format) => (wanted) =>
  of(metrics.value(part, wanted), metrics.value(whole, wanted), format);
const isAway = ({ stage, link }) => metrics.value("weir_link_away", { stage, link }) === 1;
const stagesIn = ({ stage: reactor }) =>
  metrics
    .labels("weir_stage_info", { reactor })
    .map(({ stage }) => stage)
    .join(", ");
const onlyStage =
  (cell) =>
  ({ stage }) =>
    cell({ stage });

// Each: its title, its rows as labels, the text that heads a row, its columns.
const tables = [
  [
    "Front ends",
    () => stages("http-frontend", "resp-frontend", "admin"),
    ({ stage }) => stage,
    [
      column("requests", frontRate("requests_received_total")),
      column("median", frontLatency(0.5)),
      column("99th percentile", frontLatency(0.99)),
      column("connections", frontCount("connections")),
      column("in progress", frontCount("in_progress")),
      column("waiting", frontCount("waiting")),
      column("refused", frontRate("refused_total")),
      column("abandoned", frontRate("requests_abandoned_total")),
    ],
  ],
  [
    "Caches",
    () => stages("cache"),
    ({ stage }) => stage,
    [
      column("lookups", onlyStage(rate("weir_cache_lookups_total"))),
      column("hit ratio", ({ stage }) => hitRatio({ stage })),
      column("keys", onlyStage(fill("weir_cache_entries", "weir_cache_capacity_entries")), { width: 8 }),
      column("memory", onlyStage(fill("weir_cache_bytes", "weir_cache_max_bytes", bytes)), { width: 10 }),
      column("evictions", onlyStage(rate("weir_cache_evictions_total"))),
      column("expirations", onlyStage(rate("weir_cache_expirations_total"))),
      column("invalidations", onlyStage(rate("weir_cache_invalidations_total"))),
      column("stale", onlyStage(rate("weir_cache_stale_total"))),
      column("99th p. of fetches", latency("weir_cache_fetch_duration_seconds", 0.99)),
    ],
  ],
  [
    "Redis",
    () => stages("redis-fetcher"),
    ({ stage }) => stage,
    [
      column("connections up", onlyStage(fill("weir_redis_connections_up", "weir_redis_connections")), {
        isBad: ({ stage }) =>
          metrics.value("weir_redis_connections_up", { stage }) <
          metrics.value("weir_redis_connections", { stage }),
      }),
      column("GETs", onlyStage(rate("weir_redis_fetches_total"))),
      column("median", latency("weir_redis_fetch_duration_seconds", 0.5)),
      column("99th percentile", latency("weir_redis_fetch_duration_seconds", 0.99)),
      column("errors", onlyStage(rate("weir_redis_errors_total"))),
      column("timeouts", onlyStage(rate("weir_redis_timeouts_total"))),
      column("reconnects", onlyStage(value("weir_redis_reconnects_total"))),
      column("changes announced", onlyStage(rate("weir_redis_invalidations_total"))),
      column("proof age", onlyStage(value("weir_redis_proof_age_seconds", duration))),
    ],
  ],
  [
    "Links",
    links,
    ({ stage, link }) => `${stage} → ${link}`,
    [
      column("state", (wanted) => (isAway(wanted) ? "away" : "up"), { isBad: isAway }),
      column("sent", rate("weir_link_records_sent_total")),
      column("received", rate("weir_link_records_received_total")),
      column("notices", rate("weir_link_notices_received_total")),
      column("outstanding", fill("weir_link_credit_used", "weir_link_credit"), { width: 8 }),
      column("refused", rate("weir_link_refused_busy_total")),
      column("sessions lost", value("weir_link_sessions_lost_total")),
    ],
  ],
  [
    "Reactors",
    () => metrics.labels("weir_reactor_turns_total"),
    ({ stage }) => stage,
    [
      column("turns", onlyStage(rate("weir_reactor_turns_total"))),
      column("longest turn", onlyStage(value("weir_reactor_longest_turn_seconds", duration))),
      column("stages", stagesIn, { width: 26 }),
    ],
  ],
];

function append(parent, name, attributes = {}, text = "") {
  const made = document.createElement(name);
  for (const [key, content] of Object.entries(attributes)) made.setAttribute(key, content);
  made.textContent = text;
  parent.append(made);
  return made;
}

function buildFigure([title]) {
  const box = append(document.getElementById("figures"), "div");
  append(box, "dt", {}, title);
  return [append(box, "dd", {}, "–"), append(box, "dd")];
}

function buildTable([title, , , columns], i) {
  const section = append(document.getElementById("tables"), "section", { "aria-labelledby": `table-${i}` });
  append(section, "h2", { id: `table-${i}` }, title);
  const frame = append(section, "div", {
    class: "scroll tables",
    tabindex: "0",
    role: "region",
    "aria-labelledby": `table-${i}`,
  });
  const table = append(frame, "table", { "aria-labelledby": `table-${i}` });
  const head = append(append(table, "thead"), "tr");
  let width = 0;
  for (const each of [
    { title: "name", width: title === "Links" ? TWO_NAMES_WIDTH : NAME_WIDTH },
    ...columns,
  ]) {
    append(head, "th", { scope: "col" }, each.title).style.width = `${each.width}rem`;
    width += each.width;
  }
  table.style.minWidth = `${width}rem`;
  return { section, body: append(table, "tbody") };
}

const figureBoxes = figures.map(buildFigure);
const tableParts = tables.map(buildTable);

function fillTable([, rowsOf, nameOf, columns], { section, body }) {
  const rows = rowsOf();
  section.hidden = rows.length === 0;
  while (body.rows.length > rows.length) body.lastElementChild.remove();
  while (body.rows.length < rows.length) {
    const row = append(body, "tr");
    append(row, "th", { scope: "row" });
    for (let i = 0; i < columns.length; i++) append(row, "td");
  }
  rows.forEach((labels, i) => {
    const [head, ...cells] = body.rows[i].cells;
    setText(head, nameOf(labels));
    head.title = nameOf(labels);
    columns.forEach(({ cell, isBad }, k) => {
      setText(cells[k], cell(labels));
      cells[k].className = isBad(labels) ? "bad" : "";
    });
  });
}

function show() {
  const info = metrics.labels("weir_stage_info")[0];
  setText(
    document.getElementById("version"),
    info ? `${info.version}${info.process === "weir" ? "" : `, process ${info.process}`}` : "",
  );
  figures.forEach(([, main, beside], i) => {
    setText(figureBoxes[i][0], main());
    setText(figureBoxes[i][1], beside());
  });
  tables.forEach((table, i) => fillTable(table, tableParts[i]));
  draw();
}

// ---- once a second ----

let away; // since when, as text; undefined: it answers

function tell(state, text) {
  document.body.dataset.state = state;
  setText(document.getElementById("state"), text);
}

const ask = (path) => fetch(path, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });

async function look() {
  const answer = await ask("metrics");
  if (!answer.ok) throw new Error(`it answers ${answer.status}`);
  metrics.take(await answer.text(), performance.now());
  const ready = await ask("readyz");
  const text = (await ready.text()).trim();
  away = undefined;
  tell(ready.ok ? "live" : "unready", ready.ok ? "live, ready" : `not ready: ${text}`);
  show();
}

async function turn() {
  if (!document.hidden)
    await look().catch((error) => {
      away ??= new Date().toLocaleTimeString();
      tell(
        "away",
        `not reachable since ${away}${error.message.startsWith("it answers") ? ` (${error.message})` : ""}; what is shown is from before`,
      );
    });
  setTimeout(turn, PERIOD);
}

wide.addEventListener("change", draw);
turn();
