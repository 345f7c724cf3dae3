// The 3D view: surfaces of the segments that are shown, by WebGL2, seen along parallel lines.

import { whenDone } from "./server.js";
import { add, cross, dot, middle, minus, times } from "./geometry.js";
import { linesOf } from "./state.js";
import { LINES, SURFACES, TEXTURES, program } from "./shaders.js";

const FROM = { yaw: -0.5, pitch: 0.25, zoom: 1 };

export class SurfaceView {
  constructor(element, state, sliceViews, aborted, nested) {
    Object.assign(this, { element, state, sliceViews, aborted, nested, meshes: new Map(), textures: new Map() }, FROM);
    element.innerHTML = `<div class="stage"><canvas></canvas><div class="words top-left">3D</div><div class="words center" hidden></div></div>`;
    this.stage = element.querySelector(".stage");
    this.canvas = element.querySelector("canvas");
    this.words = element.querySelector(".top-left");
    this.sentence = element.querySelector(".center");
    this.letters = ["R", "L", "A", "P", "S", "I"].map((letter, at) => this.#letter(letter, at));
    this.gl = this.canvas.getContext("webgl2", { antialias: true, preserveDrawingBuffer: true });
    if (!this.gl) return this.#say("This browser shows no 3D (WebGL2 is off).");
    this.#prepare();
    state.listen(() => this.draw());
    new ResizeObserver(() => this.draw()).observe(this.stage);
    this.#listen();
    this.#load();
  }

  #letter(letter, at) {
    const words = document.createElement("div");
    words.className = "words letter";
    words.textContent = letter;
    this.stage.append(words);
    const direction = [0, 0, 0];
    direction[at >> 1] = at % 2 ? -1 : 1;
    return { words, direction };
  }

  #say(sentence) {
    this.sentence.textContent = sentence;
    this.sentence.hidden = !sentence;
  }

  #prepare() {
    const { gl } = this;
    this.programs = { surfaces: program(gl, SURFACES), lines: program(gl, LINES), textures: program(gl, TEXTURES) };
    this.buffer = gl.createBuffer();
    const corners = this.state.facts.corners;
    const [low, high] = [Math.min, Math.max].map((pick) => [0, 1, 2].map((axis) => pick(...corners.map((corner) => corner[axis]))));
    Object.assign(this, { low, high, scan: { low, high } });
    this.canvas.addEventListener("webglcontextlost", () => this.#say("The browser gave up 3D; load the page again."));
  }

  // One segment after the other; the largest is not waited for.
  async #load() {
    const segments = this.state.facts.segments.filter((each) => each.mL > 0);
    for (const [number, { label }] of segments.entries()) {
      this.words.textContent = `3D  ${number}/${segments.length}`;
      try {
        const response = await whenDone(`cases/${this.state.number}/surfaces/${label}`, () => !this.aborted.signal.aborted);
        if (!response) return;
        this.meshes.set(label, this.#mesh(await response.arrayBuffer()));
        this.#frame();
      } catch (error) {
        if (this.aborted.signal.aborted) return;
        if (number === 0) return this.#say(error.message);
      }
    }
    this.words.textContent = "3D";
    if (this.#hasNested()) this.nested();
    this.element.dataset.drawn = this.meshes.size;
    if (!segments.length) this.#say("No segment to show");
    this.draw();
  }

  // Whether a segment may lie within another, where it could not be seen.
  #hasNested() {
    const boxes = [...this.meshes.values()];
    const holds = (outer, inner) => outer !== inner && [0, 1, 2].every((axis) => outer.low[axis] < inner.low[axis] && inner.high[axis] < outer.high[axis]);
    return boxes.some((outer) => boxes.some((inner) => holds(outer, inner)));
  }

  #mesh(bytes) {
    const { gl } = this;
    const [points, faces] = new Uint32Array(bytes, 0, 2);
    const positions = new Float32Array(bytes, 8, 3 * points);
    const array = gl.createVertexArray();
    gl.bindVertexArray(array);
    for (const [place, values] of [[0, positions], [1, new Float32Array(bytes, 8 + 12 * points, 3 * points)]]) {
      gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
      gl.bufferData(gl.ARRAY_BUFFER, values, gl.STATIC_DRAW);
      gl.enableVertexAttribArray(place);
      gl.vertexAttribPointer(place, 3, gl.FLOAT, false, 0, 0);
    }
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, new Uint32Array(bytes, 8 + 24 * points, 3 * faces), gl.STATIC_DRAW);
    gl.bindVertexArray(null);
    const [low, high] = [[Infinity, Infinity, Infinity], [-Infinity, -Infinity, -Infinity]];
    for (let at = 0; at < positions.length; at++) {
      low[at % 3] = Math.min(low[at % 3], positions[at]);
      high[at % 3] = Math.max(high[at % 3], positions[at]);
    }
    return { array, count: 3 * faces, low, high };
  }

  #frame() {
    const boxes = [...this.meshes.values()];
    this.low = [0, 1, 2].map((axis) => Math.min(...boxes.map((box) => box.low[axis])));
    this.high = [0, 1, 2].map((axis) => Math.max(...boxes.map((box) => box.high[axis])));
    this.draw();
  }

  // Toward the viewer, to the right and up, as unit vectors in RAS; without turning, the patient faces the viewer.
  #axes() {
    const [sy, cy, sp, cp] = [Math.sin(this.yaw), Math.cos(this.yaw), Math.sin(this.pitch), Math.cos(this.pitch)];
    const toward = [sy * cp, cy * cp, sp];
    const up = [-sy * sp, -cy * sp, cp];
    return { toward, up, right: cross(up, toward) };
  }

  // Column by column; also half of what is seen from top to bottom, in mm.
  #view() {
    const { toward, up, right } = this.#axes();
    const { low, high } = this.state.planes ? this.scan : this;
    const center = this.center || middle([low, high]);
    const radius = Math.max(1, 0.5 * Math.hypot(...minus(high, low)));
    const aspect = this.canvas.width / this.canvas.height;
    const half = radius / this.zoom / Math.min(1, aspect);
    const deep = 4 * radius + 400;
    const rows = [times(right, 1 / (half * aspect)), times(up, 1 / half), times(toward, -1 / deep)];
    const offsets = rows.map((row) => -dot(row, center));
    const matrix = new Float32Array([0, 1, 2].flatMap((axis) => [...rows.map((row) => row[axis]), 0]).concat([...offsets, 1]));
    return { matrix, toward, center, half, rows, offsets };
  }

  draw() {
    if (this.gl && !this.asked) this.asked = requestAnimationFrame(() => { this.asked = 0; this.#paint(); });
  }

  #paint() {
    const { gl } = this;
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [this.stage.clientWidth, this.stage.clientHeight].map((side) => Math.max(1, Math.round(side * ratio)));
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    gl.viewport(0, 0, width, height);
    gl.clearColor(0.035, 0.045, 0.05, 1);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.enable(gl.DEPTH_TEST);
    gl.depthFunc(gl.LEQUAL);
    const view = this.#view();
    if (this.state.planes) this.#paintSlices(view);
    this.#paintSurfaces(view);
    this.#paintLines(view);
    this.#placeLetters(view);
  }

  // From far to near, so that what lies inside is seen through what is around it.
  #paintSurfaces({ matrix, toward }) {
    const { gl, state } = this;
    const use = this.programs.surfaces;
    gl.useProgram(use.program);
    gl.uniformMatrix4fv(use.at("view"), false, matrix);
    gl.uniform3fv(use.at("toward"), toward);
    const nearest = ({ low, high }) => [0, 1, 2].reduce((sum, axis) => sum + Math.max(low[axis] * toward[axis], high[axis] * toward[axis]), 0);
    const shown = [...this.meshes].filter(([label]) => !state.hidden.has(label)).sort((a, b) => nearest(a[1]) - nearest(b[1]));
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA);
    for (const [label, mesh] of shown) {
      gl.bindVertexArray(mesh.array);
      gl.uniform4fv(use.at("color"), [...times(state.colors.get(label), 1 / 255), state.solid]);
      if (state.solid < 1) {
        gl.colorMask(false, false, false, false);
        gl.drawElements(gl.TRIANGLES, mesh.count, gl.UNSIGNED_INT, 0);
        gl.colorMask(true, true, true, true);
      }
      gl.drawElements(gl.TRIANGLES, mesh.count, gl.UNSIGNED_INT, 0);
    }
    gl.bindVertexArray(null);
    gl.disable(gl.BLEND);
  }

  #corners({ plane, slice }) {
    const [columns, rows] = plane.size;
    return [[-0.5, -0.5], [columns - 0.5, -0.5], [-0.5, rows - 0.5], [columns - 0.5, rows - 0.5]].map(([x, y]) => plane.ras([x, y, slice]));
  }

  #paintSlices({ matrix }) {
    const { gl } = this;
    const use = this.programs.textures;
    gl.useProgram(use.program);
    gl.uniformMatrix4fv(use.at("view"), false, matrix);
    for (const view of this.sliceViews) {
      if (!view.grayed) continue;
      if (!this.textures.has(view)) this.textures.set(view, gl.createTexture());
      gl.bindTexture(gl.TEXTURE_2D, this.textures.get(view));
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, view.grayCanvas);
      for (const [name, value] of [["MIN_FILTER", "LINEAR"], ["MAG_FILTER", "LINEAR"], ["WRAP_S", "CLAMP_TO_EDGE"], ["WRAP_T", "CLAMP_TO_EDGE"]]) {
        gl.texParameteri(gl.TEXTURE_2D, gl[`TEXTURE_${name}`], gl[value]);
      }
      const [a, b, c, d] = this.#corners(view);
      const values = [[a, 0, 0], [b, 1, 0], [c, 0, 1], [d, 1, 1]].flatMap(([place, x, y]) => [...place, x, y]);
      this.#stream(values, [3, 2]);
      gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
    }
  }

  #paintLines({ matrix }) {
    const { gl } = this;
    const use = this.programs.lines;
    gl.useProgram(use.program);
    gl.uniformMatrix4fv(use.at("view"), false, matrix);
    if (this.state.planes) {
      gl.uniform4fv(use.at("color"), [0.36, 0.77, 0.75, 1]);
      for (const view of this.sliceViews) {
        const [a, b, c, d] = this.#corners(view);
        this.#stream([a, b, d, c].flat(), [3]);
        gl.drawArrays(gl.LINE_LOOP, 0, 4);
      }
    }
    const marks = linesOf(this.state.mark).flat();
    if (!marks.length) return;
    gl.disable(gl.DEPTH_TEST);
    gl.uniform4fv(use.at("color"), [1, 0.89, 0.36, 1]);
    this.#stream(marks.flat(), [3]);
    gl.drawArrays(gl.LINES, 0, marks.length);
  }

  #stream(values, parts) {
    const { gl } = this;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffer);
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array(values), gl.STREAM_DRAW);
    const stride = 4 * parts.reduce((sum, part) => sum + part, 0);
    gl.disableVertexAttribArray(1);
    parts.reduce((offset, part, place) => {
      gl.enableVertexAttribArray(place);
      gl.vertexAttribPointer(place, part, gl.FLOAT, false, stride, offset);
      return offset + 4 * part;
    }, 0);
  }

  // At the ends of a small cross in the corner.
  #placeLetters({ toward }) {
    const { right, up } = this.#axes();
    const [width, height] = [this.stage.clientWidth, this.stage.clientHeight];
    for (const { words, direction } of this.letters) {
      const [x, y] = [dot(direction, right), dot(direction, up)];
      words.style.left = `${width - 46 + 30 * x - 5}px`;
      words.style.top = `${height - 46 - 30 * y - 10}px`;
      words.style.opacity = dot(direction, toward) < -0.4 || Math.hypot(x, y) < 0.3 ? 0.15 : 1;
    }
  }

  #listen() {
    let dragged = null;
    this.canvas.onpointerdown = (event) => {
      this.canvas.setPointerCapture(event.pointerId);
      dragged = { x: event.clientX, y: event.clientY, yaw: this.yaw, pitch: this.pitch, moves: event.button !== 0, ...this.#view() };
    };
    this.canvas.onpointermove = (event) => {
      if (!dragged) return;
      const [right, down] = [event.clientX - dragged.x, event.clientY - dragged.y];
      if (dragged.moves) {
        const mm = (2 * dragged.half) / this.stage.clientHeight;
        const axes = this.#axes();
        this.center = add(dragged.center, add(times(axes.right, -right * mm), times(axes.up, down * mm)));
      } else {
        this.yaw = dragged.yaw + right / 150;
        this.pitch = Math.min(1.55, Math.max(-1.55, dragged.pitch + down / 150));
      }
      this.draw();
    };
    this.canvas.onpointerup = this.canvas.onpointercancel = () => { dragged = null; };
    this.canvas.oncontextmenu = (event) => event.preventDefault();
    this.canvas.ondblclick = () => { Object.assign(this, FROM, { center: null }); this.draw(); };
    this.canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom = Math.min(30, Math.max(0.2, this.zoom * Math.exp(-event.deltaY / 500)));
      this.draw();
    }, { passive: false });
  }
}
