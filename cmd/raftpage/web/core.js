// The library: compiled Go that is called with JSON.

let instance = 0;

// load starts the library, as it is or without a rule. The library before it is given up.
export async function load(without) {
  const go = new Go();
  const url = "core.wasm" + (without ? "?without=" + encodeURIComponent(without) : "");
  const response = await fetch(url);
  if (!response.ok) throw new Error(await response.text());
  const { instance: wasm } = await WebAssembly.instantiateStreaming(response, go.importObject);
  const mine = ++instance;
  delete globalThis.raftCore;
  go.run(wasm).then(() => {
    if (mine === instance) throw new Error("the library has ended");
  });
  call("without", without);
}

// call calls a method with a text. It returns what the library answers, an error included.
export function call(method, argument = "") {
  return JSON.parse(globalThis.raftCore(method, argument));
}
