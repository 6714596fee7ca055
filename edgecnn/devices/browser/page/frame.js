// LiteRT.js and the models that it has loaded: timed, or run on tensors that the host has prepared.

import { getGlobalLiteRt, loadAndCompile, loadLiteRt, Tensor } from '@litertjs/core';

const ARRAYS = { uint8: Uint8Array, float32: Float32Array, int32: Int32Array };
const MIN_RUNS = 5; // whatever the time limit says
const MIN_STEPS = 50; // of the clock in what is timed: 2 %
const BLOCK = 5; // inferences before the other model's turn; one before them refills the caches
const MIN_ROUNDS = 20;
const YIELD_EVERY_MS = 100;
const models = [], complaints = [];

// LiteRT.js 2.5 says here only that it can't run a model, and answers zeros.
const before = console.error;
console.error = (...words) => {
  const text = words.map(String).join(' ');
  if (text.startsWith('ERROR:')) complaints.push(text.slice(6).trim());
  before.apply(console, words);
};

// A turn of the event loop, which timers would delay in a page that is not in front.
const channel = new MessageChannel();
let yieldedAt = performance.now(), goOn;
channel.port1.onmessage = () => goOn();
async function breathe() {
  if (performance.now() - yieldedAt < YIELD_EVERY_MS) return;
  await new Promise(done => { goOn = done; channel.port2.postMessage(null); });
  yieldedAt = performance.now();
}

const memory = () => getGlobalLiteRt().liteRtWasm.HEAPU8.length;
const median = values => {
  const sorted = [...values].sort((a, b) => a - b), half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
};
const forms = details => details.map(({ name, dtype, shape }) => ({ name, dtype, shape: Array.from(shape) }));

async function explained(work) {
  complaints.length = 0;
  let value, text = '';
  try {
    value = await work();
  } catch (error) {
    text = error?.message ?? 'it threw an exception of its own';
  }
  if (text || complaints.length) throw new Error(complaints[0] ?? text);
  return value;
}

async function compiled(bytes, threads) {
  const model = await loadAndCompile(bytes, { accelerator: 'wasm', ...(threads > 1 && { cpuOptions: { numThreads: threads } }) });
  const inputs = model.getInputDetails().map(({ dtype, shape }) => ({ dtype, shape: Array.from(shape) }));
  return { model, inputs };
}

// Bytes of the tensors of `count` inferences, one inference after the other -> a list of typed arrays for each.
async function fetched(path, { inputs }, count = 1) {
  const bytes = await (await fetch(path)).arrayBuffer();
  let place = 0;
  return Array.from({ length: count }, () => inputs.map(({ dtype, shape }) => {
    const size = shape.reduce((a, b) => a * b, 1) * ARRAYS[dtype].BYTES_PER_ELEMENT;
    place += size;
    return new ARRAYS[dtype](bytes.slice(place - size, place));
  }));
}

async function once({ model, inputs }, arrays) {
  const tensors = arrays.map((array, index) => new Tensor(array, inputs[index].shape));
  const outputs = await model.run(tensors), values = [];
  for (const output of outputs) values.push(await output.data());
  for (const tensor of [...tensors, ...outputs]) tensor.delete();
  return values;
}

async function timed(which, arrays, times = 1) {
  const start = performance.now();
  for (let i = 0; i < times; i++) await once(which, arrays);
  return (performance.now() - start) / times;
}

// Milliseconds of up to `runs` samples, ending early when the time is used up.
async function samples(which, arrays, { runs, budgetMs, times = 1, least = MIN_RUNS }, tell = () => {}) {
  const found = [], end = performance.now() + budgetMs;
  while (found.length < runs) {
    found.push(await timed(which, arrays, times));
    if (performance.now() > end && found.length >= least) break;
    tell(found.length);
    await breathe();
  }
  return found;
}

// How many inferences one sample is the mean of, so that the clock's steps don't show.
const enough = (milliseconds, clockStepMs) =>
  Math.min(1000, Math.max(1, Math.ceil(MIN_STEPS * clockStepMs / Math.max(milliseconds, clockStepMs / 10))));

async function load({ models: names, threads }) {
  return explained(async () => {
    let start = performance.now();
    await loadLiteRt('./runtime/wasm/', { threads: threads > 1 });
    const runtimeMs = performance.now() - start, memoryBefore = memory();
    let readMs = 0, initMs = 0;
    for (const name of names) {
      start = performance.now();
      const bytes = new Uint8Array(await (await fetch(`model/${name}`)).arrayBuffer());
      readMs += performance.now() - start;
      start = performance.now();
      const made = await compiled(bytes, threads);
      initMs += performance.now() - start;
      models.push({ ...made, bytes, threads });
    }
    return {
      runtime_ms: runtimeMs, read_ms: readMs, init_ms: initMs, memory_before_bytes: memoryBefore,
      inputs: models.map(({ model }) => forms(model.getInputDetails())),
      outputs: models.map(({ model }) => forms(model.getOutputDetails())),
    };
  });
}

async function measure({ number, name, runs, warmup, budget_s: budget, clock_step_ms: step }, tell) {
  return explained(async () => {
    const [which] = models, [arrays] = await fetched(`content/${number}`, which);
    const start = performance.now(), first = await once(which, arrays), firstMs = performance.now() - start;
    const warm = await samples(which, arrays, { runs: warmup, budgetMs: budget * 250, least: 0 });
    const times = enough(Math.min(firstMs, ...warm), step);
    const told = done => tell(`Measuring ${name}`, done, runs);
    const found = await samples(which, arrays, { runs, budgetMs: budget * 1000, times }, told);
    const again = performance.now(), other = await compiled(which.bytes, which.threads);
    await once(other, arrays);
    const warmStartMs = performance.now() - again;
    other.model.delete();
    return {
      first_ms: firstMs, warmup_runs: warm.length, samples_ms: found, inferences_per_sample: times,
      warm_start_ms: warmStartMs, memory_bytes: memory(),
      not_finite: first.flatMap(values => Array.from(values)).filter(value => !Number.isFinite(value)).length,
    };
  });
}

// Two models in the order A B, B A, A B, ... which cancels a steady drift.
async function compare({ number, names, runs, warmup, budget_s: budget, clock_step_ms: step }, tell) {
  return explained(async () => {
    const arrays = [];
    for (const [index, which] of models.entries()) arrays.push((await fetched(`content/${number}-${index}`, which))[0]);
    let times = 1;
    for (const [index, which] of models.entries()) {
      const firstMs = await timed(which, arrays[index]);
      const warm = await samples(which, arrays[index], { runs: warmup, budgetMs: budget * 250, least: 0 });
      times = Math.max(times, enough(Math.min(firstMs, ...warm), step));
    }
    const rounds = [], count = Math.max(MIN_ROUNDS, Math.floor(runs / BLOCK)), end = performance.now() + budget * 1000;
    for (let turn = 0; turn < count; turn++) {
      const round = [0, 0];
      for (const index of turn % 2 ? [1, 0] : [0, 1]) {
        await once(models[index], arrays[index]);
        const block = [];
        for (let i = 0; i < BLOCK; i++) block.push(await timed(models[index], arrays[index], times));
        round[index] = median(block);
        await breathe();
      }
      rounds.push(round);
      tell(`Comparing ${names.join(' and ')}`, turn + 1, count);
      if (performance.now() > end && rounds.length >= MIN_ROUNDS / 2) break;
    }
    return { rounds };
  });
}

// Inference after inference for some time, summed up in windows.
async function sustain({ number, name, seconds, window_s: length, warmup, clock_step_ms: step }, tell) {
  return explained(async () => {
    const [which] = models, [arrays] = await fetched(`content/${number}`, which);
    const warm = await samples(which, arrays, { runs: warmup + 1, budgetMs: 1e4, least: 1 });
    const times = enough(Math.min(...warm), step), start = performance.now(), windows = [];
    for (let begin = start; begin - start < seconds * 1000; begin = performance.now()) {
      const found = [];
      while (performance.now() - begin < length * 1000) {
        found.push(await timed(which, arrays, times));
        await breathe();
      }
      const end = performance.now(), sorted = [...found].sort((a, b) => a - b);
      windows.push({
        end_s: (end - start) / 1000, fps: found.length * times * 1000 / (end - begin), median_ms: median(found),
        p95_ms: sorted[Math.ceil(0.95 * sorted.length) - 1],
      });
      tell(`Running ${name} without a pause, seconds`, Math.floor((end - start) / 1000), seconds);
    }
    return { windows };
  });
}

// The outputs for tensors of `count` inferences: their bytes, one output after the other, in base64.
async function run({ number, count, order }, tell) {
  return explained(async () => {
    const [which] = models, parts = [];
    for (const [index, arrays] of (await fetched(`content/${number}`, which, count)).entries()) {
      const values = await once(which, arrays);
      for (const place of order) {
        const { buffer, byteOffset, byteLength } = values[place];
        parts.push(new Uint8Array(buffer, byteOffset, byteLength));
      }
      tell('Running the model on images', index + 1, count);
      await breathe();
    }
    return { outputs: await base64(new Blob(parts)) };
  });
}

const base64 = blob => new Promise((done, fail) => {
  const reader = new FileReader();
  reader.onload = () => done(reader.result.slice(reader.result.indexOf(',') + 1));
  reader.onerror = () => fail(reader.error);
  reader.readAsDataURL(blob);
});

window.runtime = { load, measure, compare, sustain, run };
