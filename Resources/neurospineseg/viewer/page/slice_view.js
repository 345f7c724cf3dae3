// One of the three slice views: canvas, slider, letters, and what the mouse does on it.

import { getBytes } from "./server.js";
import { SliceImage } from "./slice_image.js";
import { linesOf } from "./state.js";
import { drawLines, drawOutlines } from "./slice_marks.js";

const KEPT_PIXELS = 2.4e7;

export class SliceView {
  constructor(element, state, number, plane, aborted) {
    Object.assign(this, { element, state, number, plane, aborted });
    this.images = new Map();
    this.zoom = 1;
    this.moved = [0, 0];
    this.grayCanvas = document.createElement("canvas");
    this.fillCanvas = document.createElement("canvas");
    this.#build();
    this.slice = plane.sliceOf(state.point);
    state.listen((changes) => this.#changed(changes));
    new ResizeObserver(() => this.draw()).observe(this.stage);
    this.#show(this.slice);
  }

  #build() {
    const { letters, size } = this.plane;
    this.element.innerHTML = `<div class="stage"><canvas></canvas><div class="words top-left"></div><div class="words bottom-left"></div>
      ${["left", "right", "top", "bottom"].map((side, at) => `<div class="words letter ${side}">${letters[at]}</div>`).join("")}</div>
      <input type="range" min="0" max="${size[2] - 1}" step="1" aria-label="${this.plane.name} slice">`;
    this.stage = this.element.querySelector(".stage");
    this.canvas = this.element.querySelector("canvas");
    this.slider = this.element.querySelector("input");
    this.words = this.element.querySelector(".top-left");
    this.under = this.element.querySelector(".bottom-left");
    this.slider.oninput = () => this.go(Number(this.slider.value));
    this.#listen();
  }

  #changed(changes) {
    if ("point" in changes) this.#show(this.plane.sliceOf(this.state.point));
    else if ("scan" in changes) this.#show(this.slice);
    if ("hidden" in changes) this.filled = null;
    if ("windows" in changes) this.grayed = null;
    this.draw();
  }

  // Moves the shared point into another slice, straight along the slices' own direction.
  go(slice) {
    const [x, y] = this.plane.place(this.state.point);
    const wanted = Math.min(this.plane.size[2] - 1, Math.max(0, slice));
    this.state.set({ point: this.plane.ras([x, y, wanted]) });
  }

  #key(slice) {
    return `${this.state.scan}/${slice}`;
  }

  #show(slice) {
    this.slice = slice;
    this.slider.value = slice;
    this.#fetchWanted();
    this.draw();
  }

  // One request at a time; what was wanted meanwhile is asked for next, then the neighbors.
  async #fetchWanted() {
    if (this.fetching) return;
    this.fetching = true;
    try {
      for (let slice = this.#missing(); slice !== undefined && !this.aborted.signal.aborted; slice = this.#missing()) {
        const key = this.#key(slice);
        const path = `cases/${this.state.number}/slices/${this.number}/${slice}/${this.state.scan}`;
        this.images.set(key, new SliceImage(await getBytes(path, this.aborted.signal), this.plane.size));
        while (this.images.size > Math.max(8, KEPT_PIXELS / this.plane.size[0] / this.plane.size[1])) this.images.delete(this.images.keys().next().value);
        if (key === this.#key(this.slice)) this.draw();
      }
    } catch (error) {
      if (!this.aborted.signal.aborted) this.under.textContent = error.message;
    } finally {
      this.fetching = false;
    }
  }

  #missing() {
    const near = [this.slice, this.slice + 1, this.slice - 1, this.slice + 2, this.slice - 2];
    return near.find((slice) => slice >= 0 && slice < this.plane.size[2] && !this.images.has(this.#key(slice)));
  }

  get image() {
    return this.images.get(this.#key(this.slice));
  }

  // From pixels of the slice to those of the canvas: [a, 0, c, d, e, f] as setTransform takes it.
  transform() {
    const { width, lean, height } = this.plane.metric;
    const [columns, rows] = this.plane.size;
    const wide = columns * width + rows * Math.abs(lean);
    const tall = rows * height;
    const scale = this.zoom * Math.min(this.canvas.width / wide, this.canvas.height / tall);
    const [a, c, d] = [scale * width, scale * lean, scale * height];
    const center = [(columns - 1) / 2, (rows - 1) / 2];
    const ratio = window.devicePixelRatio || 1;
    const e = this.canvas.width / 2 + this.moved[0] * ratio - a * center[0] - c * center[1];
    const f = this.canvas.height / 2 + this.moved[1] * ratio - d * center[1];
    return [a, 0, c, d, e, f];
  }

  draw() {
    if (!this.asked) this.asked = requestAnimationFrame(() => { this.asked = 0; this.#paint(); });
  }

  #paint() {
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [this.stage.clientWidth, this.stage.clientHeight].map((side) => Math.max(1, Math.round(side * ratio)));
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    const context = this.canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
    this.words.textContent = `${this.plane.name}  ${this.slice + 1}/${this.plane.size[2]}\n${this.plane.position(this.slice)}`;
    if (!this.image) return;
    this.#paintImage(context);
    const turned = this.transform();
    if (this.state.outlines) drawOutlines(context, turned, this.image, this.state.shown, ratio);
    if (this.state.cross) this.#paintCross(context, turned, ratio);
    drawLines(context, turned, this.plane, this.slice, linesOf(this.state.mark), this.state.mark, ratio);
    this.element.dataset.drawn = this.#key(this.slice);
  }

  #paintImage(context) {
    if (this.grayed !== this.image) this.image.drawGray(this.grayCanvas, this.state.table);
    if (this.filled !== this.image) this.image.drawFill(this.fillCanvas, this.state.shown);
    this.grayed = this.filled = this.image;
    context.setTransform(...this.transform());
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "high";
    context.drawImage(this.grayCanvas, -0.5, -0.5);
    context.imageSmoothingEnabled = false;
    context.globalAlpha = this.state.fill;
    context.drawImage(this.fillCanvas, -0.5, -0.5);
    context.globalAlpha = 1;
    context.setTransform(1, 0, 0, 1, 0, 0);
  }

  #paintCross(context, [a, , c, d, e, f], ratio) {
    const [x, y] = this.plane.place(this.state.point);
    const [left, top] = [a * x + c * y + e, d * y + f];
    const gap = 9 * ratio;
    context.strokeStyle = "rgba(92, 196, 191, .75)";
    context.lineWidth = ratio;
    context.beginPath();
    for (const [x0, y0, x1, y1] of [[0, top, left - gap, top], [left + gap, top, this.canvas.width, top], [left, 0, left, top - gap], [left, top + gap, left, this.canvas.height]]) {
      context.moveTo(x0, y0);
      context.lineTo(x1, y1);
    }
    context.stroke();
  }

  // Where the mouse is, in pixels of the slice.
  #pixel(event) {
    const ratio = window.devicePixelRatio || 1;
    const box = this.canvas.getBoundingClientRect();
    const [a, , c, d, e, f] = this.transform();
    const y = ((event.clientY - box.top) * ratio - f) / d;
    return [((event.clientX - box.left) * ratio - e - c * y) / a, y];
  }

  #tell(event) {
    const [x, y] = this.#pixel(event).map(Math.round);
    const [columns, rows] = this.plane.size;
    if (!this.image || x < 0 || y < 0 || x >= columns || y >= rows) return void (this.under.textContent = "");
    const { low, step } = this.state.facts.scans[this.state.scan];
    const value = low + step * this.image.gray[y * columns + x];
    const label = this.image.labels[y * columns + x];
    this.under.textContent = `${step === 1 ? value : value.toPrecision(4)}  ${label ? this.state.names.get(label) || `Label ${label}` : ""}`;
  }

  #point(event) {
    const [x, y] = this.#pixel(event);
    const [columns, rows] = this.plane.size;
    const inside = [Math.min(columns - 1, Math.max(0, x)), Math.min(rows - 1, Math.max(0, y))];
    this.state.set({ point: this.plane.ras([...inside, this.slice]) });
  }

  #listen() {
    let dragged = null;
    this.canvas.onpointerdown = (event) => {
      this.canvas.setPointerCapture(event.pointerId);
      dragged = { button: event.button, x: event.clientX, y: event.clientY, moved: this.moved, window: this.state.windows[this.state.scan] };
      if (event.button === 0) this.#point(event);
      event.preventDefault();
    };
    this.canvas.onpointermove = (event) => {
      this.#tell(event);
      if (dragged) this.#drag(event, dragged);
    };
    this.canvas.onpointerup = this.canvas.onpointercancel = () => { dragged = null; };
    this.canvas.onpointerleave = () => { this.under.textContent = ""; };
    this.canvas.oncontextmenu = (event) => event.preventDefault();
    this.canvas.ondblclick = () => { this.zoom = 1; this.moved = [0, 0]; this.draw(); };
    this.element.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    this.element.onmouseenter = () => { SliceView.current = this; };
  }

  #drag(event, { button, x, y, moved, window: [black, white] }) {
    const [right, down] = [event.clientX - x, event.clientY - y];
    if (button === 0) this.#point(event);
    else if (button === 1) { this.moved = [moved[0] + right, moved[1] + down]; this.draw(); }
    else {
      const wide = (white - black) * Math.exp(right / 200);
      const center = (black + white) / 2 + (down / 250) * (white - black);
      this.state.setWindow(center - wide / 2, center + wide / 2);
    }
  }

  #wheel(event) {
    event.preventDefault();
    if (!event.ctrlKey) {
      this.rolled = (this.rolled || 0) + (event.deltaMode ? Math.sign(event.deltaY) * 40 : event.deltaY);
      const steps = Math.trunc(this.rolled / 40);
      this.rolled -= 40 * steps;
      if (steps) this.go(this.slice - Math.sign(steps) * Math.min(3, Math.abs(steps)));
      return;
    }
    const before = this.#pixel(event);
    this.zoom = Math.min(20, Math.max(0.5, this.zoom * Math.exp(-event.deltaY / 300)));
    const after = this.#pixel(event);
    const ratio = window.devicePixelRatio || 1;
    const [a, , c, d] = this.transform();
    this.moved = [this.moved[0] + (a * (after[0] - before[0]) + c * (after[1] - before[1])) / ratio, this.moved[1] + (d * (after[1] - before[1])) / ratio];
    this.draw();
  }
}
