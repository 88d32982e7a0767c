// Draws who asks whom: a box for each node, a column (narrow: a row) for each step towards Redis, an
// arrow for each link. What does not move is built once; afterwards only texts and widths change.

const BOX = { width: 146, height: 64 };
const GAP = { along: 106, across: 12 }; // between steps, and between the boxes of one
const LONGEST = 20; // characters that fit a box
const LABEL = { width: 48, height: 14 }; // of a link's number

function element(name, attributes, parent) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  parent.append(made);
  return made;
}

const shorten = (text) => (text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text);

export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// How many links lie between a node and the clients, at most. Links in a circle end the count.
function findSteps(nodes, edges) {
  const steps = new Map(nodes.map((node) => [node.id, 0]));
  for (let round = 1; round < nodes.length; round++)
    for (const { from, to } of edges)
      if (steps.get(to) <= steps.get(from)) steps.set(to, Math.min(steps.get(from) + 1, nodes.length));
  return steps;
}

// The place of each node, its upper left corner, and the size of the whole.
function layOut(nodes, edges, isWide) {
  const steps = findSteps(nodes, edges);
  const columns = [];
  for (const node of nodes) (columns[steps.get(node.id)] ??= []).push(node.id);
  const filled = columns.filter(Boolean);
  const along = (isWide ? BOX.width : BOX.height) + GAP.along;
  const across = (isWide ? BOX.height : BOX.width) + GAP.across;
  const most = Math.max(...filled.map((column) => column.length));
  const places = new Map();
  filled.forEach((column, i) =>
    column.forEach((id, k) => {
      const side = (k + (isWide ? (most - column.length) / 2 : 0)) * across; // narrow: what is first is in sight
      places.set(id, isWide ? { x: i * along, y: side } : { x: side, y: i * along });
    }),
  );
  const length = filled.length * along - GAP.along;
  const breadth = most * across - GAP.across;
  return { places, width: isWide ? length : breadth, height: isWide ? breadth : length };
}

// The four points of a link's curve.
function curve(from, to, isWide) {
  const middle = { x: BOX.width / 2, y: BOX.height / 2 };
  const start = isWide
    ? { x: from.x + BOX.width, y: from.y + middle.y }
    : { x: from.x + middle.x, y: from.y + BOX.height };
  const end = isWide ? { x: to.x - 7, y: to.y + middle.y } : { x: to.x + middle.x, y: to.y - 7 };
  const bend = isWide ? { x: (end.x - start.x) / 3, y: 0 } : { x: 0, y: (end.y - start.y) / 3 };
  return [start, { x: start.x + bend.x, y: start.y + bend.y }, { x: end.x - bend.x, y: end.y - bend.y }, end];
}

function pointOf([a, b, c, d], share) {
  const rest = 1 - share;
  const mix = (axis) =>
    rest ** 3 * a[axis] +
    3 * rest ** 2 * share * b[axis] +
    3 * rest * share ** 2 * c[axis] +
    share ** 3 * d[axis];
  return { x: mix("x"), y: mix("y") };
}

// Where on its curve a link's number overlaps no other, or little; it joins `taken`.
function placeLabel(points, taken) {
  const overlap = ({ x, y }) =>
    taken.reduce(
      (sum, other) =>
        sum +
        Math.max(LABEL.width - Math.abs(x - other.x), 0) * Math.max(LABEL.height - Math.abs(y - other.y), 0),
      0,
    );
  let best,
    least = Infinity;
  for (const share of [0.5, 0.4, 0.6, 0.3, 0.7, 0.25, 0.75, 0.2, 0.8]) {
    const point = pointOf(points, share);
    if (overlap(point) < least) ((best = point), (least = overlap(point)));
  }
  taken.push(best);
  return best;
}

export class Drawing {
  #svg;
  #shape = ""; // of what is drawn
  #texts = new Map(); // node id -> its elements
  #links = [];

  constructor(svg) {
    this.#svg = svg;
  }

  // nodes: {id, kind, title, place, figure}; edges: {from, to, flow, label, isAway}, of known ids.
  show(nodes, edges, isWide) {
    const shape = JSON.stringify([
      isWide,
      nodes.map((n) => [n.id, n.kind, n.title]),
      edges.map((e) => [e.from, e.to]),
    ]);
    if (shape !== this.#shape) this.#build(nodes, edges, isWide);
    this.#shape = shape;
    for (const node of nodes) {
      const { place, figure } = this.#texts.get(node.id);
      setText(place, shorten(node.place));
      setText(figure, shorten(node.figure));
    }
    edges.forEach((edge, i) => {
      const { path, label } = this.#links[i];
      setText(label, edge.label);
      path.setAttribute("class", edge.isAway ? "link away" : "link");
      label.setAttribute("class", edge.isAway ? "flow away" : "flow");
      path.setAttribute(
        "stroke-width",
        edge.flow > 0 ? Math.min(1.5 + Math.log10(1 + edge.flow), 7).toFixed(1) : "1",
      );
    });
  }

  #build(nodes, edges, isWide) {
    const { places, width, height } = layOut(nodes, edges, isWide);
    this.#svg.replaceChildren();
    for (const [name, value] of [
      ["width", width + 2],
      ["height", height + 2],
      ["viewBox", `-1 -1 ${width + 2} ${height + 2}`],
    ])
      this.#svg.setAttribute(name, value);
    const marker = element(
      "marker",
      {
        id: "arrow",
        viewBox: "0 0 8 8",
        refX: 1,
        refY: 4,
        markerWidth: 8,
        markerHeight: 8,
        markerUnits: "userSpaceOnUse",
        orient: "auto",
      },
      this.#svg,
    );
    element("path", { d: "M0 0 8 4 0 8z" }, marker);
    this.#texts = new Map(nodes.map((node) => [node.id, this.#buildNode(node, places.get(node.id))]));
    const taken = [];
    this.#links = edges.map((edge) => this.#buildLink(edge, places, taken, isWide));
    this.#svg.append(...this.#links.map(({ label }) => label)); // above all lines
  }

  #buildNode(node, { x, y }) {
    const group = element("g", { class: `node ${node.kind}`, transform: `translate(${x} ${y})` }, this.#svg);
    element("title", {}, group).textContent = node.id;
    element("rect", { width: BOX.width, height: BOX.height, rx: 8 }, group);
    const line = (y, name) => element("text", { x: 12, y, class: name }, group);
    line(21, "name").textContent = shorten(node.title);
    return { place: line(38, "place"), figure: line(55, "figure") };
  }

  #buildLink(edge, places, taken, isWide) {
    const points = curve(places.get(edge.from), places.get(edge.to), isWide);
    const [a, b, c, d] = points.map(({ x, y }) => `${x} ${y}`);
    const { x, y } = placeLabel(points, taken);
    return {
      path: element("path", { d: `M${a}C${b} ${c} ${d}`, "marker-end": "url(#arrow)" }, this.#svg),
      label: element("text", { x, y: y + 4 }, this.#svg),
    };
  }
}
