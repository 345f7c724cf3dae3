// The list of segments: on and off, names, colors and volumes; a click on a name goes there, Alt and a click shows it alone.

const volume = (ml) => (ml >= 10 ? ml.toFixed(1) : ml >= 1 ? ml.toFixed(2) : ml.toFixed(3));

export function showSegments(state) {
  const list = document.getElementById("segments");
  const { segments } = state.facts;
  document.getElementById("segmented").hidden = segments.length === 0;
  list.replaceChildren(...segments.map((segment) => row(state, segment)));
  document.getElementById("all").onclick = () => state.hide([]);
  document.getElementById("none").onclick = () => state.hide(segments.map((each) => each.label));
  const save = document.getElementById("save");
  save.hidden = !state.facts.mask;
  save.href = `cases/${state.number}/mask`;
  state.listen((changes) => {
    if (!("hidden" in changes)) return;
    for (const item of list.children) {
      const off = state.hidden.has(Number(item.dataset.label));
      item.classList.toggle("off", off);
      item.querySelector("input").checked = !off;
    }
  });
}

function row(state, { label, name, color, mL, middle }) {
  const item = document.createElement("li");
  item.dataset.label = label;
  const check = Object.assign(document.createElement("input"), { type: "checkbox", checked: true });
  check.setAttribute("aria-label", `Show ${name}`);
  const swatch = Object.assign(document.createElement("span"), { className: "swatch" });
  swatch.style.background = color;
  const words = Object.assign(document.createElement("button"), { type: "button", className: "name", textContent: name, title: name });
  const size = Object.assign(document.createElement("span"), { className: "number", textContent: `${volume(mL)} mL` });
  check.onchange = () => {
    const hidden = new Set(state.hidden);
    hidden[check.checked ? "delete" : "add"](label);
    state.hide(hidden);
  };
  words.onclick = (event) => {
    if (event.altKey) state.hide(state.facts.segments.map((each) => each.label).filter((each) => each !== label));
    if (middle) state.set({ point: middle, mark: null });
  };
  item.append(check, swatch, words, size);
  return item;
}
