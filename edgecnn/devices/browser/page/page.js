// Asks for one task after the other and sends its result back. LiteRT.js runs in a frame, a new one for each start of it.

const $ = id => document.getElementById(id);
const TOLD_EVERY_MS = 500;
let frame, toldAt = 0;

const post = (path, value) => fetch(path, {
  method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(value),
});

function show(text, state = '') {
  $('state').textContent = text;
  $('state').dataset.state = state;
}

// How long the clock stands still: 0.005 ms where the page is cross-origin isolated, 0.1 ms or 1 ms elsewhere.
function clockStep() {
  let step = Infinity;
  for (let found = 0, before = performance.now(); found < 20;) {
    const now = performance.now();
    if (now > before) { step = Math.min(step, now - before); before = now; found++; }
  }
  return step;
}

// Of the proposal "relaxed SIMD", without which LiteRT.js has no threads: a module with `i8x16.relaxed_swizzle`.
const RELAXED = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2, 253, 15, 253,
  128, 2, 11,
]);

async function describe() {
  const hints = ['architecture', 'model', 'platformVersion'];
  const told = await navigator.userAgentData?.getHighEntropyValues(hints).catch(() => null);
  return {
    user_agent: navigator.userAgent,
    cores: navigator.hardwareConcurrency || 1,
    isolated: globalThis.crossOriginIsolated === true,
    relaxed_simd: WebAssembly.validate(RELAXED),
    clock_step_ms: clockStep(),
    platform: told?.platform || null,
    platform_version: told?.platformVersion || null,
    model: told?.model || null,
    architecture: told?.architecture || null,
  };
}

async function load(task, tell) {
  frame?.remove();
  frame = document.createElement('iframe');
  const loaded = new Promise(done => frame.addEventListener('load', done, { once: true }));
  frame.src = 'frame.html';
  document.body.append(frame);
  await loaded;
  if (!frame.contentWindow.runtime) throw new Error('this browser is too old for LiteRT.js');
  return frame.contentWindow.runtime.load(task, tell);
}

function perform(task) {
  const tell = (stage, done, total) => {
    show(stage);
    $('progress').value = total ? done / total : 0;
    if (performance.now() - toldAt < TOLD_EVERY_MS) return;
    toldAt = performance.now();
    post(`progress/${task.number}`, { stage, done, total }).catch(lost);
  };
  if (task.job === 'end') return finish(task.lines);
  if (task.job === 'describe') return describe();
  if (task.job === 'load') return load(task, tell);
  return frame.contentWindow.runtime[task.job](task, tell);
}

function finish(lines) {
  frame?.remove();
  $('progress').hidden = true;
  show('Done. This page can be closed.', 'good');
  $('results').replaceChildren(...lines.map(text => Object.assign(document.createElement('li'), { textContent: text })));
  return true;
}

async function work() {
  navigator.wakeLock?.request('screen').catch(() => {});
  for (let after = 0;;) {
    const task = await (await fetch(`next?after=${after}`)).json();
    if (!task) continue;
    after = task.number;
    let answer;
    try {
      answer = { value: await perform(task) };
    } catch (error) {
      answer = { error: String(error?.message ?? error) };
    }
    await post(`answer/${task.number}`, answer);
    if (task.job === 'end') return;
  }
}

function lost() {
  show('edgecnn has ended, or the connection was lost. Run the command again.', 'bad');
  if (location.hash === '#alone') window.close(); // nobody sees it, and the browser ends with its last page
}

work().catch(lost);
