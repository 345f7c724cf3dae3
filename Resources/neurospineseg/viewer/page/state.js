// What is looked at: the case, the point that all views share, what is hidden. Views are told what changed.

import { grayTable } from "./slice_image.js";

export class State {
  #listeners = [];

  constructor(number, facts) {
    this.number = number;
    this.facts = facts;
    this.point = facts.start;
    this.scan = 0;
    this.windows = facts.scans.map((scan) => [...scan.window]);
    this.hidden = new Set();
    this.fill = 0.35;
    this.solid = 1;
    this.outlines = true;
    this.cross = true;
    this.planes = false;
    this.mark = null;
    this.colors = new Map(facts.segments.map((each) => [each.label, [1, 3, 5].map((from) => parseInt(each.color.slice(from, from + 2), 16))]));
    this.names = new Map(facts.segments.map((each) => [each.label, each.name]));
  }

  listen(listener) {
    this.#listeners.push(listener);
  }

  set(changes) {
    Object.assign(this, changes);
    for (const listener of this.#listeners) listener(changes);
  }

  hide(labels) {
    this.set({ hidden: new Set(labels) });
  }

  setWindow(black, white) {
    const least = 2 * this.facts.scans[this.scan].step;
    this.windows[this.scan] = [black, Math.max(white, black + least)];
    this.set({ windows: this.windows });
  }

  resetWindow() {
    this.setWindow(...this.facts.scans[this.scan].window);
  }

  get table() {
    const { low, step } = this.facts.scans[this.scan];
    const [black, white] = this.windows[this.scan];
    const key = `${this.scan} ${black} ${white}`;
    if (this.tableKey !== key) Object.assign(this, { tableKey: key, made: grayTable((black - low) / step, (white - low) / step) });
    return this.made;
  }

  // Colors of the segments that are shown.
  get shown() {
    return new Map([...this.colors].filter(([label]) => !this.hidden.has(label)));
  }
}

// The lines of a measurement, as pairs of points.
export function linesOf(mark) {
  const points = mark ? mark.points : [];
  if (points.length === 0) return [];
  if (mark.shape === "line") return [[points[0], points[1]]];
  if (mark.shape === "angle") return [[points[0], points[1]], [points[2], points[3]]];
  if (mark.shape === "plane") {
    const [corner, one, other] = points;
    const last = one.map((part, axis) => part + other[axis] - corner[axis]);
    return [[corner, one], [one, last], [last, other], [other, corner]];
  }
  return [];
}
