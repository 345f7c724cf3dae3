// What the graphics card runs.

const HEAD = "#version 300 es\nprecision highp float;\n";

export const SURFACES = [
  `${HEAD}layout(location = 0) in vec3 place; layout(location = 1) in vec3 normal; uniform mat4 view; out vec3 facing;
  void main() { facing = normal; gl_Position = view * vec4(place, 1.0); }`,
  `${HEAD}in vec3 facing; uniform vec3 toward; uniform vec4 color; out vec4 pixel;
  void main() {
    float light = abs(dot(normalize(facing), toward));
    pixel = vec4(color.rgb * (0.22 + 0.78 * light) + 0.12 * pow(light, 24.0), color.a);
  }`,
];

export const LINES = [
  `${HEAD}layout(location = 0) in vec3 place; uniform mat4 view; void main() { gl_Position = view * vec4(place, 1.0); }`,
  `${HEAD}uniform vec4 color; out vec4 pixel; void main() { pixel = color; }`,
];

// Black is left out: air would hide what lies behind it.
export const TEXTURES = [
  `${HEAD}layout(location = 0) in vec3 place; layout(location = 1) in vec2 part; uniform mat4 view; out vec2 at;
  void main() { at = part; gl_Position = view * vec4(place, 1.0); }`,
  `${HEAD}in vec2 at; uniform sampler2D slice; out vec4 pixel; void main() { vec3 gray = texture(slice, at).rgb; if (gray.r < 0.05) discard; pixel = vec4(gray, 1.0); }`,
];

export function program(gl, sources) {
  const made = gl.createProgram();
  sources.forEach((source, at) => {
    const shader = gl.createShader(at ? gl.FRAGMENT_SHADER : gl.VERTEX_SHADER);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader));
    gl.attachShader(made, shader);
  });
  gl.linkProgram(made);
  const places = new Map();
  const at = (name) => {
    if (!places.has(name)) places.set(name, gl.getUniformLocation(made, name));
    return places.get(name);
  };
  return { program: made, at };
}
