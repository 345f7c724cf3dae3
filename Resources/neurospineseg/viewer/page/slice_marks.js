// Outlines of segments and marks of measurements on a slice; `turned` takes pixels of the slice to those of the canvas.

export function drawOutlines(context, [a, , c, d, e, f], image, colors, ratio) {
  const matrix = new DOMMatrix([a, 0, c, d, e, f]);
  context.lineWidth = 1.5 * ratio;
  context.lineCap = "round";
  for (const [label, path] of image.outlines()) {
    const color = colors.get(label);
    if (!color) continue;
    const turned = new Path2D();
    turned.addPath(path, matrix);
    context.strokeStyle = `rgb(${color.join(" ")})`;
    context.stroke(turned);
  }
}

// Lines in RAS; dashed where they do not lie in the slice.
export function drawLines(context, [a, , c, d, e, f], plane, slice, lines, mark, ratio) {
  if (!mark) return;
  const onCanvas = ([x, y]) => [a * x + c * y + e, d * y + f];
  context.strokeStyle = context.fillStyle = "#ffe45c";
  context.lineWidth = 2 * ratio;
  for (const ends of lines) {
    const places = ends.map((end) => plane.place(end));
    const inSlice = places.every((place) => Math.abs(place[2] - slice) < 1);
    context.globalAlpha = inSlice ? 1 : 0.45;
    context.setLineDash(inSlice ? [] : [5 * ratio, 5 * ratio]);
    context.beginPath();
    context.moveTo(...onCanvas(places[0]));
    context.lineTo(...onCanvas(places[1]));
    context.stroke();
  }
  context.setLineDash([]);
  for (const point of mark.shape === "plane" ? [] : mark.points) {
    const place = plane.place(point);
    context.globalAlpha = Math.abs(place[2] - slice) < 1 ? 1 : 0.45;
    context.beginPath();
    context.arc(...onCanvas(place), 3 * ratio, 0, 7);
    context.fill();
  }
  context.globalAlpha = 1;
}
