// The page of a running job: asks once a second, and shows. Whatever a name or a message says becomes text,
// never markup: nodes are made, and their textContent set.
"use strict";

const SVG = "http://www.w3.org/2000/svg";
let before = null;

function element(name, attributes, text) {
  const made = name === "svg" || attributes?.svg ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) if (key !== "svg") made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

const count = (n) => (n === null ? "–" : n.toLocaleString("en").replaceAll(",", " "));
const bytes = (n) => {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (n >= 1000 && unit + 1 < units.length) { n /= 1000; unit += 1; }
  return `${unit ? n.toFixed(1) : n} ${units[unit]}`;
};
const seconds = (ms) => `${(ms / 1000).toFixed(ms < 10000 ? 2 : 0)} s`;
const moment = (ms) => (ms === null ? "–" : new Date(ms).toISOString().replace("T", " ").slice(0, 23));

// How much a count has grown per second since the last answer.
function rate(now, list, row, key) {
  const was = before?.[list].find((other) => other.uid === row.uid && other.table === row.table);
  const time = before ? (now.now - before.now) / 1000 : 0;
  return was && time > 0 && row[key] >= was[key] ? count(Math.round((row[key] - was[key]) / time)) : "–";
}

function table(id, heads, rows) {
  const head = element("tr");
  head.append(...heads.map((text) => element("th", { scope: "col" }, text)));
  const body = rows.map((cells) => {
    const line = element("tr");
    line.append(...cells.map((cell) => {
      const [text, warn] = Array.isArray(cell) ? cell : [cell, false];
      return element("td", warn ? { class: "warn" } : {}, text);
    }));
    return line;
  });
  document.getElementById(id).replaceChildren(head, ...body);
}

// The graph in columns: an operator stands one to the right of the last of its inputs.
function graph(status) {
  const nodes = status.graph.map((node) => ({ ...node, column: 0 }));
  for (const node of nodes) node.column = Math.max(-1, ...node.inputs.map((input) => nodes[input].column)) + 1;
  for (const output of status.outputs) {
    const from = nodes.findIndex((node) => node.uid === output.uid);
    if (from >= 0) nodes.push({ uid: `→ ${output.table}`, text: "", inputs: [from], column: nodes[from].column + 1 });
  }
  const [width, height, gap] = [250, 44, 36];
  const filled = [];
  for (const node of nodes) {
    filled[node.column] = (filled[node.column] ?? -1) + 1;
    node.x = node.column * (width + gap) + 1;
    node.y = filled[node.column] * (height + 12) + 1;
  }
  const drawing = document.getElementById("graph");
  const columns = Math.max(0, ...nodes.map((node) => node.column)) + 1;
  const size = [columns * (width + gap), Math.max(0, ...nodes.map((node) => node.y)) + height + 2];
  drawing.setAttribute("width", size[0]);
  drawing.setAttribute("height", size[1]);
  const short = (text) => (text.length > 32 ? `${text.slice(0, 31)}…` : text);
  const parts = [];
  for (const node of nodes) {
    for (const input of node.inputs.map((index) => nodes[index])) {
      const [x, y, to] = [input.x + width, input.y + height / 2, node.y + height / 2];
      const middle = x + gap / 2;
      parts.push(element("path", { svg: 1, d: `M${x} ${y}C${middle} ${y} ${middle} ${to} ${node.x} ${to}` }));
    }
    const box = element("g", { svg: 1 });
    box.append(
      element("title", { svg: 1 }, `${node.uid} ${node.text}`),
      element("rect", { svg: 1, x: node.x, y: node.y, width, height, rx: 4 }),
      element("text", { svg: 1, x: node.x + 8, y: node.y + 18 }, short(node.uid)),
      element("text", { svg: 1, x: node.x + 8, y: node.y + 34, opacity: 0.7 }, short(node.text)),
    );
    parts.push(box);
  }
  drawing.replaceChildren(...parts);
}

function show(status) {
  document.title = `${status.name} – Millstream`;
  document.getElementById("name").textContent = status.name;
  const newest = status.checkpoints[0];
  const age = newest ? `, checkpoint ${status.epoch} ${seconds(status.now - newest.at)} ago` : "";
  const state = document.getElementById("state");
  state.textContent = `${status.ready ? "running" : "not running"}${age}, ${count(status.restarts)} restarts`;
  state.className = status.ready ? "" : "bad";
  graph(status);
  table("sources", ["table", "records", "per s", "bytes", "lag", "bad", "watermark", "held back", ""], status.sources.map((s) => [
    s.table, count(s.records), rate(status, "sources", s, "records"), bytes(s.bytes), count(s.lag),
    [count(s.bad), s.bad > 0], moment(s.watermark), seconds(s.held), [s.stalled ?? "", true],
  ]));
  table("operators", ["operator", "rows in", "per s", "rows out", "late", "state", "on disk", "watermark"], status.operators.map((o) => [
    o.uid, count(o.in), rate(status, "operators", o, "in"), count(o.out), [count(o.late), o.late > 0], bytes(o.state), bytes(o.spilled), moment(o.watermark),
  ]));
  table("outputs", ["table", "rows", "per s", "busy for"], status.outputs.map((o) => [
    o.table, count(o.rows), rate(status, "outputs", o, "rows"), o.blocked === null ? "–" : seconds(Math.max(0, status.now - o.blocked)),
  ]));
  table("checkpoints", ["epoch", "decided", "took", "size"], status.checkpoints.map((c) => [
    count(c.epoch), moment(c.at), seconds(c.took), bytes(c.bytes),
  ]));
  before = status;
}

async function ask() {
  try {
    const answer = await fetch("status.json", { cache: "no-store" });
    show(await answer.json());
  } catch (error) {
    const state = document.getElementById("state");
    state.textContent = "the job does not answer";
    state.className = "bad";
  }
  setTimeout(ask, 1000);
}

ask();
