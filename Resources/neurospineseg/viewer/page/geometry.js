// Points in RAS millimeters and where they lie in a slice. A plane's matrix takes (x, y, slice), counted at pixel centers, to RAS.

export const add = (a, b) => a.map((part, axis) => part + b[axis]);
export const minus = (a, b) => a.map((part, axis) => part - b[axis]);
export const times = (a, factor) => a.map((part) => part * factor);
export const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
export const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
export const long = (a) => Math.hypot(...a);
export const middle = (points) => times(points.reduce(add), 1 / points.length);

export class Plane {
  constructor({ name, size, toRas, letters }) {
    Object.assign(this, { name, size, letters });
    [this.right, this.down, this.next, this.origin] = [0, 1, 2, 3].map((column) => toRas.slice(0, 3).map((row) => row[column]));
    const volume = dot(this.right, cross(this.down, this.next));
    this.rows = [cross(this.down, this.next), cross(this.next, this.right), cross(this.right, this.down)].map((row) => times(row, 1 / volume));
    // In the picture x runs along `right`; y is at right angles to it, also where the grid is sheared.
    const width = long(this.right);
    const lean = dot(this.down, this.right) / width;
    this.metric = { width, lean, height: Math.sqrt(Math.max(1e-12, dot(this.down, this.down) - lean * lean)) };
  }

  ras([x, y, slice]) {
    return add(this.origin, add(times(this.right, x), add(times(this.down, y), times(this.next, slice))));
  }

  place(ras) {
    const from = minus(ras, this.origin);
    return this.rows.map((row) => dot(row, from));
  }

  // The nearest slice to a point, within the scan.
  sliceOf(ras) {
    return Math.min(this.size[2] - 1, Math.max(0, Math.round(this.place(ras)[2])));
  }

  // Along which patient axis the slices follow each other, for the words in the corner.
  position(slice) {
    const axis = [0, 1, 2].reduce((best, each) => (Math.abs(this.next[each]) > Math.abs(this.next[best]) ? each : best), 0);
    const at = this.ras([(this.size[0] - 1) / 2, (this.size[1] - 1) / 2, slice])[axis];
    return `${"RAS"[axis]} ${at < -0.05 ? "\u2212" : "+"}${Math.abs(at).toFixed(1)} mm`;
  }
}
