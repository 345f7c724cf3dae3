// Pictures of one slice from its gray and label values (16 bits each, row by row).

export class SliceImage {
  constructor(bytes, [columns, rows]) {
    Object.assign(this, { columns, rows });
    this.gray = new Uint16Array(bytes, 0, columns * rows);
    this.labels = new Uint16Array(bytes, 2 * columns * rows, columns * rows);
  }

  // The gray picture for a table of 65536 gray levels.
  drawGray(canvas, table) {
    const image = this.#blank(canvas);
    const pixels = new Uint32Array(image.data.buffer);
    for (let at = 0; at < pixels.length; at++) pixels[at] = table[this.gray[at]];
    canvas.getContext("2d").putImageData(image, 0, 0);
  }

  // What is inside segments, in their colors; `colors` holds [red, green, blue] of those that are shown.
  drawFill(canvas, colors) {
    const image = this.#blank(canvas);
    for (let at = 0; at < this.labels.length; at++) {
      const color = this.labels[at] && colors.get(this.labels[at]);
      if (color) image.data.set([...color, 255], 4 * at);
    }
    canvas.getContext("2d").putImageData(image, 0, 0);
  }

  // The borders of each segment along pixel edges, by label; a pixel's center is a whole number.
  outlines() {
    if (this.paths) return this.paths;
    this.paths = new Map();
    const { columns, rows, labels } = this;
    const line = (label, x0, y0, x1, y1) => {
      if (!this.paths.has(label)) this.paths.set(label, new Path2D());
      const path = this.paths.get(label);
      path.moveTo(x0, y0);
      path.lineTo(x1, y1);
    };
    const at = (x, y) => (x < 0 || y < 0 || x >= columns || y >= rows ? 0 : labels[y * columns + x]);
    for (let y = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++) {
        const label = labels[y * columns + x];
        if (!label) continue;
        if (at(x - 1, y) !== label) line(label, x - 0.5, y - 0.5, x - 0.5, y + 0.5);
        if (at(x + 1, y) !== label) line(label, x + 0.5, y - 0.5, x + 0.5, y + 0.5);
        if (at(x, y - 1) !== label) line(label, x - 0.5, y - 0.5, x + 0.5, y - 0.5);
        if (at(x, y + 1) !== label) line(label, x - 0.5, y + 0.5, x + 0.5, y + 0.5);
      }
    }
    return this.paths;
  }

  #blank(canvas) {
    canvas.width = this.columns;
    canvas.height = this.rows;
    return new ImageData(this.columns, this.rows);
  }
}

// Gray levels for 16-bit numbers between a black and a white one, as pixels.
export function grayTable(black, white) {
  const table = new Uint32Array(65536);
  for (let number = 0; number < 65536; number++) {
    const gray = Math.min(255, Math.max(0, Math.round((255 * (number - black)) / (white - black))));
    table[number] = 0xff000000 | (gray << 16) | (gray << 8) | gray;
  }
  return table;
}
