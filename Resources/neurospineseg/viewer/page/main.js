// Begins the page: asks what there is to show and opens it.

import { Plane } from "./geometry.js";
import { showMeasurements } from "./measurement_list.js";
import { showSegments } from "./segment_list.js";
import { getJson } from "./server.js";
import { SliceView } from "./slice_view.js";
import { State } from "./state.js";
import { SurfaceView } from "./surface_view.js";
import { goOn, listenForDrops } from "./drop_panel.js";

const ALIVE_MS = 60000;
const get = (id) => document.getElementById(id);
let aborted = new AbortController();
let state = null;

async function open(number) {
  const facts = await getJson(`cases/${number}`);
  aborted.abort();
  aborted = new AbortController();
  for (const id of ["axial", "coronal", "sagittal", "surfaces"]) get(id).replaceWith(Object.assign(document.createElement("section"), { id, className: "view" }));
  document.body.classList.remove("empty");
  state = new State(number, facts);
  history.replaceState(null, "", `#${number}`);
  get("title").textContent = facts.title;
  get("views").hidden = get("looking").hidden = false;
  get("notes").hidden = facts.notes.length === 0;
  get("notes").replaceChildren(...facts.notes.map((note) => Object.assign(document.createElement("li"), { textContent: note })));
  const planes = facts.planes.map((plane) => new Plane(plane));
  const slices = planes.map((plane, at) => new SliceView(get(["axial", "coronal", "sagittal"][at]), state, at, plane, aborted));
  new SurfaceView(get("surfaces"), state, slices, aborted, seeThrough);
  showControls(facts);
  showSegments(state);
  showMeasurements(state, aborted);
}

// Where segments lie within each other 3D begins half transparent, until the user chooses.
function seeThrough() {
  if (get("solid").value !== "100") return;
  get("solid").value = 60;
  state.set({ solid: 0.6 });
}

function showControls(facts) {
  get("scans").hidden = facts.scans.length < 2;
  get("scan").replaceChildren(...facts.scans.map(({ name }, at) => new Option(name, at)));
  get("scan").onchange = () => state.set({ scan: Number(get("scan").value), windows: state.windows });
  const follow = (id, change) => { get(id).oninput = () => state.set(change(get(id))); state.set(change(get(id))); };
  follow("fill", ({ value }) => ({ fill: value / 100 }));
  follow("solid", ({ value }) => ({ solid: value / 100 }));
  follow("outlines", ({ checked }) => ({ outlines: checked }));
  follow("cross", ({ checked }) => ({ cross: checked }));
  follow("planes", ({ checked }) => ({ planes: checked }));
  get("window").onclick = () => state.resetWindow();
}

addEventListener("keydown", (event) => {
  const steps = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 10, PageDown: -10 }[event.key];
  const view = SliceView.current;
  if (!steps || !view || view.state !== state || event.target.closest("input, select, button, tr")) return;
  event.preventDefault();
  view.go(view.slice + steps);
});

async function begin() {
  document.body.classList.add("empty");
  try {
    const { given, tasks, job } = await getJson("greeting");
    listenForDrops(tasks, open);
    const wanted = location.hash.slice(1);
    if (wanted) await open(wanted).catch(() => given !== null && open(given));
    else if (given !== null) await open(given);
    if (job) goOn(job, open);
  } catch {
    get("ended").hidden = false;
  }
  setInterval(() => getJson("greeting").then(() => { get("ended").hidden = true; }, () => { get("ended").hidden = false; }), ALIVE_MS);
}

begin();
