// What the page asks of its server. Addresses are relative, so that the token in the page's own goes before each of them.

async function answered(response) {
  if (response.ok) return response;
  let sentence = "The program does not answer.";
  try {
    sentence = (await response.json()).error || sentence;
  } catch { /* no JSON: the sentence stays */ }
  throw Object.assign(new Error(sentence), { status: response.status });
}

export async function getJson(path) {
  return (await answered(await fetch(path))).json();
}

export async function getBytes(path, signal) {
  return (await answered(await fetch(path, { signal }))).arrayBuffer();
}

export async function post(path, said = {}) {
  return (await answered(await fetch(path, { method: "POST", body: JSON.stringify(said) }))).json();
}

// What is worked out beside the server: asks again until it is there, or until `wanted` says no.
export async function whenDone(path, wanted = () => true) {
  for (let pause = 100; wanted(); pause = Math.min(1000, pause * 1.5)) {
    const response = await answered(await fetch(path));
    if (response.status !== 202) return response;
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
  return null;
}

// Uploads a file; fetch tells nothing of how far it is.
export function put(path, file, told, begun) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.upload.onprogress = (event) => told(event.loaded);
    request.onload = () => {
      if (request.status < 300) return resolve();
      let sentence = "A file could not be taken.";
      try {
        sentence = JSON.parse(request.responseText).error;
      } catch { /* no JSON: the sentence stays */ }
      reject(new Error(sentence));
    };
    request.onerror = () => reject(new Error("A file could not be taken; it may be too large."));
    request.onabort = () => reject(new Error("Canceled; nothing was kept."));
    request.open("PUT", path);
    request.send(file);
    begun(request);
  });
}
