// The Prometheus text format 0.0.4, and what counters say by their differences over a while. Keeps
// the scrapes of that while and nothing else.

const SPAN = 10000; // ms

const escapes = { n: "\n", '"': '"', "\\": "\\" };

function parseLabels(text) {
  const labels = {};
  for (const [, name, value] of text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g))
    labels[name] = value.replace(/\\(.)/g, (_, letter) => escapes[letter] ?? letter);
  return labels;
}

const parseValue = (text) => (text === "+Inf" ? Infinity : text === "-Inf" ? -Infinity : Number(text));

// The samples by name: for each name a Map from the sample's own text to {labels, value}.
export function parse(text) {
  const names = new Map();
  for (const line of text.split("\n")) {
    const [, name, inner, value] = line.match(/^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/) ?? [];
    if (!name) continue;
    if (!names.has(name)) names.set(name, new Map());
    names.get(name).set(inner, { labels: parseLabels(inner ?? ""), value: parseValue(value) });
  }
  return names;
}

const matches = (labels, wanted) => Object.entries(wanted).every(([name, value]) => labels[name] === value);

export class Metrics {
  #scrapes = []; // {at, names}, the oldest first

  // Takes a scrape; `at` in ms. A counter that went back is another process's: what was before is
  // forgotten.
  take(text, at) {
    const names = parse(text);
    if (this.#hasGoneBack(names)) this.#scrapes = [];
    this.#scrapes.push({ at, names });
    while (this.#scrapes.length > 2 && this.#scrapes[0].at < at - SPAN) this.#scrapes.shift();
  }

  #hasGoneBack(names) {
    for (const [key, { value }] of names.get("weir_reactor_turns_total") ?? [])
      if (value < this.#last("weir_reactor_turns_total").get(key)?.value) return true;
    return false;
  }

  #last(name) {
    return this.#scrapes.at(-1)?.names.get(name) ?? new Map();
  }

  // The label sets that there are under this name.
  labels(name, wanted = {}) {
    return [...this.#last(name).values()]
      .map((sample) => sample.labels)
      .filter((labels) => matches(labels, wanted));
  }

  // The sum of the matching samples as they are now. undefined: there are none.
  value(name, wanted = {}) {
    let sum;
    for (const { labels, value } of this.#last(name).values())
      if (matches(labels, wanted)) sum = (sum ?? 0) + value;
    return sum;
  }

  // What each matching sample has grown by, as [labels, amount].
  #growth(name, wanted) {
    const before = this.#scrapes.length > 1 ? this.#scrapes[0].names.get(name) : undefined;
    const grown = [];
    for (const [key, { labels, value }] of this.#last(name))
      if (before?.has(key) && matches(labels, wanted)) grown.push([labels, value - before.get(key).value]);
    return grown;
  }

  // Their sum. undefined: there are none, or nothing to compare with yet.
  growth(name, wanted = {}) {
    const grown = this.#growth(name, wanted);
    return grown.length ? grown.reduce((sum, [, amount]) => sum + amount, 0) : undefined;
  }

  // The same in a second.
  rate(name, wanted = {}) {
    const growth = this.growth(name, wanted);
    return growth === undefined
      ? undefined
      : (growth * 1000) / (this.#scrapes.at(-1).at - this.#scrapes[0].at);
  }

  // The bound below which this share of what was observed in that while lies: of the bucket, so
  // right to a factor of two. undefined: nothing was observed.
  quantile(name, share, wanted = {}) {
    const counts = new Map();
    for (const [labels, amount] of this.#growth(`${name}_bucket`, wanted)) {
      const bound = parseValue(labels.le);
      counts.set(bound, (counts.get(bound) ?? 0) + amount);
    }
    const total = counts.get(Infinity);
    if (!total) return undefined;
    return [...counts.keys()].sort((a, b) => a - b).find((bound) => counts.get(bound) >= share * total);
  }
}
