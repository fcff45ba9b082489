// Worlds that are hard to solve or to refute, as records and requests: pigeonholes, Latin squares, parity, colouring, 3-SAT, diamonds.
const range = (n) => Array.from({ length: n }, (_, i) => i);

function record(name, version, depends = [], constrains = []) {
  const [build, subdir] = ["0", "linux-64"];
  const fn = `${name}-${version}-0.conda`;
  return { name, version: String(version), build, build_number: 0, subdir, depends, constrains, fn };
}

function numbers(seed) {
  let state = (seed * 2654435761 + 12345) >>> 0;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

/** A package for each node, a version for each colour; `neighbours[node]` may not have the same version. */
function colouring(neighbours, colours, how) {
  return neighbours.flatMap((others, node) =>
    range(colours).map((colour) => {
      const list = others.map((other) => `n${other} !=${colour + 1}`);
      return how === "depends"
        ? record(`n${node}`, colour + 1, list)
        : record(`n${node}`, colour + 1, [], list);
    }),
  );
}

const clique = (n) => range(n).map((i) => range(n).filter((j) => j !== i));
const all = (n, name = "n") => range(n).map((i) => `${name}${i}`);

function graph(nodes, edges, seed) {
  const next = numbers(seed);
  const neighbours = range(nodes).map(() => new Set());
  for (let left = edges; left > 0; ) {
    const [a, b] = [next(nodes), next(nodes)];
    if (a >= b || neighbours[a].has(b)) continue;
    neighbours[a].add(b);
    neighbours[b].add(a);
    left--;
  }
  return neighbours.map((set) => [...set]);
}

function latin(clues, how) {
  const box = (cell) => Math.floor(cell / 27) * 3 + Math.floor((cell % 9) / 3);
  const sees = (a, b) =>
    a !== b && (a % 9 === b % 9 || Math.floor(a / 9) === Math.floor(b / 9) || box(a) === box(b));
  const neighbours = range(81).map((a) => range(81).filter((b) => sees(a, b)));
  const specs = range(81).map((cell) => (clues[cell] === "." ? `n${cell}` : `n${cell} ==${clues[cell]}`));
  return { records: colouring(neighbours, 9, how), specs };
}

/** Pigeons that need a hole of their own: `hole` is another package, whose version is the pigeon in it. */
function pigeons(holes) {
  const nests = range(holes + 1).flatMap((p) =>
    range(holes).map((h) => record(`pigeon${p}`, h + 1, [`hole${h} ${p}.*`])),
  );
  const owners = range(holes).flatMap((h) => range(holes + 1).map((p) => record(`hole${h}`, `${p}.0`)));
  return { records: [...nests, ...owners], specs: all(holes + 1, "pigeon") };
}

/** Edges of a random cubic graph are bits, each node asks for an even sum but the first for an odd one. */
function parity(nodes, seed) {
  const next = numbers(seed);
  let edges;
  do {
    const ends = range(nodes).flatMap((v) => [v, v, v]);
    const take = () => ends.splice(next(ends.length), 1)[0];
    edges = range((nodes * 3) / 2).map(() => [take(), take()]);
  } while (edges.some(([a, b]) => a === b));
  const at = range(nodes).map((v) => range(edges.length).filter((e) => edges[e].includes(v)));
  const sum = (mask) => [0, 1, 2].reduce((total, bit) => total ^ ((mask >> bit) & 1), 0);
  const checks = range(nodes).flatMap((v) =>
    range(8)
      .filter((mask) => sum(mask) === (v === 0 ? 1 : 0))
      .map((mask) =>
        record(
          `v${v}`,
          mask + 1,
          at[v].map((e, bit) => `e${e} ${((mask >> bit) & 1) + 1}`),
        ),
      ),
  );
  return {
    records: [...edges.flatMap((_, e) => [record(`e${e}`, 1), record(`e${e}`, 2)]), ...checks],
    specs: all(nodes, "v"),
  };
}

function sat(variables, clauses, seed) {
  const next = numbers(seed);
  const literals = range(clauses).flatMap((c) => {
    const chosen = new Set();
    while (chosen.size < 3) chosen.add(next(variables));
    return [...chosen].map((x, i) => record(`c${c}`, i + 1, [`x${x} ${next(2) + 1}`]));
  });
  return {
    records: [...range(variables).flatMap((x) => [record(`x${x}`, 1), record(`x${x}`, 2)]), ...literals],
    specs: all(clauses, "c"),
  };
}

/** Layers of packages, each version wants near versions of three in the next layer; the last layer wants its own version of one. */
function diamonds(depth, width, versions, seed) {
  const next = numbers(seed);
  const wants = (layer, w, v) => {
    if (layer + 1 === depth) return [`base ==${1 + ((v + w) % versions)}`];
    return [...new Set([next(width), next(width), next(width)])].map((other) => {
      const low = Math.max(1, v + 1 - next(2));
      return `l${layer + 1}w${other} >=${low},<=${Math.min(versions, v + 1 + next(2))}`;
    });
  };
  const records = range(depth).flatMap((layer) =>
    range(width).flatMap((w) =>
      range(versions).map((v) => record(`l${layer}w${w}`, v + 1, wants(layer, w, v))),
    ),
  );
  return {
    records: [...records, ...range(versions).map((v) => record("base", v + 1))],
    specs: all(width, "l0w"),
  };
}

const EMPTY = ".".repeat(81);
const HARD = "8..........36......7..9.2...5...7.......457.....1...3...1....68..85...1..9....4..";
const FEW = "..............3.85..1.2.......5.7.....4...1...9.......5......73..2.1........4...9";
const pigeonhole = (n, holes, how, asked = n) => ({
  records: colouring(clique(n), holes, how),
  specs: all(asked),
});
const colours = (nodes, k, edges, seed, how = "constrains") => ({
  records: colouring(graph(nodes, edges, seed), k, how),
  specs: all(nodes),
});

/** Name and world. */
export const WORLDS = [
  ["15 values out of 9, one requested", () => pigeonhole(15, 9, "depends", 1)],
  ["15 values out of 9 by depends", () => pigeonhole(15, 9, "depends")],
  ["15 values out of 9 by constrains", () => pigeonhole(15, 9, "constrains")],
  ["30 values out of 9 by depends", () => pigeonhole(30, 9, "depends")],
  ["12 values out of 11 by depends", () => pigeonhole(12, 11, "depends")],
  ["12 values out of 11 by constrains", () => pigeonhole(12, 11, "constrains")],
  ["20 values out of 20 (has an answer)", () => pigeonhole(20, 20, "depends")],
  ["9 pigeons, 8 holes", () => pigeons(8)],
  ["11 pigeons, 10 holes", () => pigeons(10)],
  ["sudoku, empty, by depends", () => latin(EMPTY, "depends")],
  ["sudoku, hard, by depends", () => latin(HARD, "depends")],
  ["sudoku, hard, by constrains", () => latin(HARD, "constrains")],
  ["sudoku, 17 clues, by depends", () => latin(FEW, "depends")],
  ["parity, 24 nodes", () => parity(24, 2)],
  ["parity, 30 nodes", () => parity(30, 3)],
  ["parity, 36 nodes", () => parity(36, 4)],
  ["100 nodes, 230 edges, 3 colours", () => colours(100, 3, 230, 2)],
  ["100 nodes, 450 edges, 4 colours", () => colours(100, 4, 450, 4)],
  ["60 nodes, 400 edges, 5 colours", () => colours(60, 5, 400, 6)],
  ["120 nodes, 560 edges, 4 colours", () => colours(120, 4, 560, 7)],
  ["150 nodes, 350 edges, 3 colours, by depends", () => colours(150, 3, 350, 5, "depends")],
  ["3-SAT, 100 variables, 426 clauses", () => sat(100, 426, 1)],
  ["3-SAT, 100 variables, 440 clauses", () => sat(100, 440, 2)],
  ["3-SAT, 150 variables, 640 clauses", () => sat(150, 640, 3)],
  ["3-SAT, 150 variables, 660 clauses", () => sat(150, 660, 4)],
  ["diamonds, 8 layers of 6", () => diamonds(8, 6, 5, 1)],
  ["diamonds, 12 layers of 10", () => diamonds(12, 10, 6, 2)],
  ["diamonds, 30 layers of 12", () => diamonds(30, 12, 10, 4)],
];
