// Files that are dropped: taken to the server, matched with a task's scans, segmented or looked at.

import { getJson, post, put } from "./server.js";

const MOST_FILES = 5000;
const OWN_JOB = "job";
const MOST_SHOWN = 8;
const panel = () => document.getElementById("job");

export function listenForDrops(tasks, open) {
  const over = document.getElementById("over");
  let inside = 0;
  const files = (event) => event.dataTransfer && [...event.dataTransfer.types].includes("Files");
  addEventListener("dragenter", (event) => { if (files(event)) { inside++; over.hidden = false; } });
  addEventListener("dragleave", (event) => { if (files(event) && --inside <= 0) { inside = 0; over.hidden = true; } });
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", async (event) => {
    event.preventDefault();
    inside = 0;
    over.hidden = true;
    take(await dropped(event.dataTransfer), tasks, open);
  });
  for (const id of ["files", "folder"]) {
    const chooser = document.getElementById(id);
    chooser.onchange = () => {
      const chosen = [...chooser.files].map((file) => ({ file, name: file.webkitRelativePath || file.name }));
      chooser.value = "";
      take(chosen, tasks, open);
    };
  }
}

// Files and what is in folders, each with its path.
async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry && item.webkitGetAsEntry()).filter(Boolean);
  if (!entries.length) return [...transfer.files].map((file) => ({ file, name: file.name }));
  const found = [];
  const walk = async (entry, before) => {
    const name = before + entry.name;
    if (found.length > MOST_FILES) return;
    if (entry.isFile) return void found.push({ file: await new Promise((done, failed) => entry.file(done, failed)), name });
    const reader = entry.createReader();
    for (let some = [0]; some.length; ) {
      some = await new Promise((done, failed) => reader.readEntries(done, failed));
      for (const inner of some) await walk(inner, `${name}/`);
    }
  };
  for (const entry of entries) await walk(entry, "");
  return found;
}

async function take(files, tasks, open) {
  const shown = files.filter(({ name }) => !name.split("/").some((part) => part.startsWith(".")));
  if (!shown.length) return;
  if (busy) return say("Another drop is being worked on; wait for it or cancel it.", true);
  busy = true;
  try {
    if (shown.length > MOST_FILES) throw new Error(`More than ${MOST_FILES} files were dropped at once; use the shell for that.`);
    const { drop } = await post("drops");
    await upload(drop, shown);
    const contents = await getJson(`drops/${drop}`);
    if (contents.masks.length && !contents.scans.length) throw new Error("Drop the scan together with its mask.");
    if (contents.masks.length) await look(contents, open);
    else if (!contents.scans.length) throw new Error("None of these files is a scan that can be read: NIfTI, NRRD, MHA, Analyze or DICOM.");
    else await chooseTask(contents, tasks, open);
  } catch (error) {
    say(error.message, true);
  } finally {
    busy = false;
  }
}

let busy = false;

async function upload(drop, files) {
  const total = files.reduce((sum, { file }) => sum + file.size, 0) || 1;
  let [before, request] = [0, null];
  const bar = progress("Taking the files", () => request && request.abort());
  for (const { file, name } of files) {
    const path = `drops/${drop}/files?name=${encodeURIComponent(name)}`;
    await put(path, file, (loaded) => bar((before + loaded) / total), (begun) => { request = begun; });
    before += file.size;
  }
}

// Those scans first whose names the mask's begins with: on the grid of the first slices are shown.
async function look({ drop, scans, masks: [mask] }, open) {
  say("Opening...");
  const first = scans.filter((scan) => mask.startsWith(scan.split(".")[0]));
  const ordered = [...first, ...scans.filter((scan) => !first.includes(scan))].slice(0, MOST_SHOWN);
  const { case: number } = await post(`drops/${drop}/look`, { scans: ordered, mask });
  await open(number);
  clear();
}

function chooseTask(contents, tasks, open) {
  return new Promise((resolve, reject) => {
    const box = block();
    const task = select([["", "Choose..."], ...tasks.map((each) => [each.name, each.title])], contents.task || "");
    const rest = document.createElement("div");
    const shown = async () => {
      try {
        go.hidden = !task.value;
        const chosen = await showMatches(contents, task.value, rest);
        go.onclick = () => start(chosen());
      } catch (error) {
        rest.textContent = error.message;
      }
    };
    const start = async (scans) => {
      try {
        await segment(contents, task.value, scans, open);
        resolve();
      } catch (error) {
        reject(error);
      }
    };
    task.onchange = shown;
    const go = Object.assign(document.createElement("button"), { type: "button", className: "main", textContent: "Segment" });
    const others = buttons([
      ["Only look", "", () => post(`drops/${contents.drop}/look`, { scans: contents.scans.slice(0, MOST_SHOWN) }).then(({ case: number }) => open(number)).then(clear).then(resolve, reject)],
      ["Cancel", "", () => { clear(); resolve(); }],
    ]);
    others.prepend(go);
    box.append(line("Segment", task), rest, others);
    shown();
  });
}

// For each scan of a task the file that it is, as the names tell it; may be changed by hand. Returns what tells the choice.
async function showMatches(contents, task, rest) {
  rest.replaceChildren();
  if (!task) return null;
  const found = await getJson(`drops/${contents.drop}/matches?task=${encodeURIComponent(task)}`);
  const cases = found.cases.length ? found.cases : [{ name: "", scans: {}, why: {}, problem: found.problem }];
  const choice = select(cases.map((each, at) => [String(at), each.name]), "0");
  const matched = document.createElement("div");
  let chosen = () => ({});
  const fill = () => {
    const { scans, why, problem } = cases[Number(choice.value)];
    const only = found.channels.length === 1 && found.files.length === 1 ? found.files[0] : "";
    const selects = found.channels.map(({ key }) => select([["", "\u2013"], ...found.files.map((file) => [file, file === "." ? "all files" : file])], scans[key] || only));
    chosen = () => Object.fromEntries(found.channels.map(({ key }, at) => [key, selects[at].value]).filter(([, file]) => file));
    matched.replaceChildren(
      ...(problem ? [sentence(problem, true)] : []),
      ...found.channels.flatMap(({ key, name }, at) => [line(name, selects[at]), ...(why[key] ? [Object.assign(document.createElement("p"), { className: "why", textContent: why[key] })] : [])]),
    );
  };
  choice.onchange = fill;
  rest.replaceChildren(...(cases.length > 1 ? [line("Case", choice)] : []), matched);
  fill();
  return () => chosen();
}

async function segment(contents, task, scans, open, force = false) {
  const begun = await post(`drops/${contents.drop}/segment`, { task, scans, force });
  sessionStorage.setItem(OWN_JOB, begun.number);
  const job = await watch(begun, open);
  if (!job.forcible) return;
  await new Promise((resolve, reject) => {
    const again = () => segment(contents, task, scans, open, true).then(resolve, reject);
    panel().firstChild.append(buttons([["Segment anyway", "", again], ["Leave it", "", () => { clear(); resolve(); }]]));
  });
}

// Goes on with a segmentation that was under way when the page was loaded; what another page began is offered, not opened.
export function goOn(job, open) {
  const own = sessionStorage.getItem(OWN_JOB) === job.number;
  watch(job, own ? open : (number) => offer(number, open)).catch((error) => say(error.message, true));
}

function offer(number, open) {
  return new Promise((resolve, reject) => {
    say("A segmentation is done.");
    panel().firstChild.append(buttons([["Show it", "main", () => open(number).then(resolve, reject)], ["Leave it", "", resolve]]));
  });
}

// Until a segmentation is over; opens what came of it.
async function watch(job, open) {
  const bar = progress("Starting", () => post(`jobs/${job.number}/cancel`));
  while (job.state === "running") {
    bar(job.fraction, `${job.stage} (${Math.round(job.seconds)} s)`);
    await new Promise((resolve) => setTimeout(resolve, 300));
    job = await getJson(`jobs/${job.number}`);
  }
  if (job.state === "done") {
    await open(job.case);
    clear();
  } else say(job.message, job.state !== "canceled");
  return job;
}

function block() {
  const box = document.createElement("div");
  panel().replaceChildren(box);
  panel().hidden = false;
  document.getElementById("invitation").hidden = true;
  return box;
}

function clear() {
  panel().replaceChildren();
  panel().hidden = true;
  document.getElementById("invitation").hidden = false;
}

function sentence(words, wrong) {
  return Object.assign(document.createElement("p"), { className: wrong ? "wrong" : "", textContent: words });
}

function say(words, wrong = false) {
  block().append(sentence(words, wrong));
  document.getElementById("invitation").hidden = busy && !wrong;
}

function line(words, control) {
  const made = Object.assign(document.createElement("div"), { className: "line" });
  made.append(Object.assign(document.createElement("label"), { textContent: words, title: words }), control);
  return made;
}

function select(options, value) {
  const made = document.createElement("select");
  made.append(...options.map(([key, words]) => new Option(words, key)));
  made.value = value;
  return made;
}

function buttons(all) {
  const made = Object.assign(document.createElement("p"), { className: "buttons" });
  made.append(...all.map(([words, kind, click]) => Object.assign(document.createElement("button"), { type: "button", textContent: words, className: kind, onclick: click })));
  return made;
}

// A bar with a sentence; returns what moves it.
function progress(words, cancel) {
  const box = block();
  const told = sentence(words);
  const bar = Object.assign(document.createElement("div"), { className: "bar" });
  const done = bar.appendChild(document.createElement("div"));
  box.append(told, bar, buttons([["Cancel", "", cancel]]));
  return (fraction, now) => {
    done.style.width = `${Math.round(100 * Math.min(1, fraction))}%`;
    if (now) told.textContent = now;
  };
}
