// The measurements beside the views, by group; a click on a row goes where it was taken and marks it.

import { middle } from "./geometry.js";
import { whenDone } from "./server.js";

export async function showMeasurements(state, aborted) {
  const [section, waiting, tables] = ["measured", "measuring", "tables"].map((id) => document.getElementById(id));
  tables.replaceChildren();
  section.hidden = state.facts.segments.length === 0;
  if (section.hidden) return;
  waiting.textContent = "Measuring...";
  waiting.hidden = false;
  try {
    const response = await whenDone(`cases/${state.number}/measurements`, () => !aborted.signal.aborted);
    if (!response) return;
    const { rows, notes } = await response.json();
    if (aborted.signal.aborted) return;
    waiting.textContent = "There is nothing to measure.";
    waiting.hidden = rows.length > 0;
    tables.replaceChildren(...grouped(rows).map(([group, items]) => table(state, group, items)), ...(notes.length ? [told(notes)] : []));
  } catch (error) {
    waiting.textContent = error.message;
  }
  section.dataset.drawn = "yes";
}

function told(notes) {
  const made = Object.assign(document.createElement("details"), { className: "soft", open: notes.join("").length < 300 });
  const list = document.createElement("ul");
  list.append(...notes.map((note) => Object.assign(document.createElement("li"), { textContent: note })));
  made.append(Object.assign(document.createElement("summary"), { textContent: "Notes" }), list);
  return made;
}

function grouped(rows) {
  const groups = new Map();
  for (const row of rows) {
    const name = row.group || "Measurements";
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name).push(row);
  }
  return [...groups];
}

function table(state, group, rows) {
  const made = document.createElement("table");
  made.createCaption().textContent = group;
  const body = made.createTBody();
  for (const row of rows) {
    const line = body.insertRow();
    line.className = "row";
    line.tabIndex = 0;
    cell(line, row.place_name && !row.name.includes(row.place_name) ? `${row.place_name}: ${row.name}` : row.name, row.flags.join(", "), "flag");
    cell(line, row.text, row.error, "soft").className = "number";
    line.onclick = () => choose(state, row, line);
    line.onkeydown = (event) => { if (event.key === "Enter") choose(state, row, line); };
  }
  return made;
}

function cell(line, words, more, kind) {
  const made = line.insertCell();
  made.textContent = words;
  if (more) made.append(Object.assign(document.createElement("span"), { className: kind, textContent: more }));
  return made;
}

function choose(state, row, line) {
  for (const other of document.querySelectorAll("tr.chosen")) other.classList.remove("chosen");
  line.classList.add("chosen");
  const at = row.points.length ? center(row) : place(state, row);
  state.set(at ? { point: at, mark: row } : { mark: null });
}

function center({ shape, points }) {
  return shape === "plane" ? middle(points.slice(1)) : middle(points);
}

// The middle of the segment that a number without points was read off.
function place(state, row) {
  const segment = state.facts.segments.find((each) => each.name === row.place_name);
  return segment && segment.middle;
}
