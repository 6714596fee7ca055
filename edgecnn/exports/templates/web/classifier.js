// The model behind its contract (model.json): what goes in, what comes out, and whether it computes what the host computed.

import { loadAndCompile, loadLiteRt, Tensor } from '@litertjs/core';
import { decoded, picture } from './golden.js';
import { fit } from './preprocess.js';

const ARRAYS = { uint8: Uint8Array, float32: Float32Array };
const highest = values => values.reduce((a, b) => Math.max(a, b));
const sigmoid = x => 1 / (1 + Math.exp(-x));
const softmax = scores => {
  const top = highest(scores), powers = scores.map(x => Math.exp(x - top));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map(x => x / sum);
};
const TO_PROBABILITIES = {
  logits: softmax,
  probabilities: x => x,
  independent_logits: scores => scores.map(sigmoid),
  independent_probabilities: x => x,
  binary_logit: ([x]) => [sigmoid(-x), sigmoid(x)],
  binary_probability: ([x]) => [1 - x, x],
};

export class Classifier {
  static async open() {
    const model = await (await fetch('./model.json')).json();
    await loadLiteRt('./runtime/wasm/');
    return new Classifier(model, await loadAndCompile('./model.tflite', { accelerator: 'wasm' }));
  }

  constructor(model, compiled) {
    Object.assign(this, { model, compiled, how: model.preprocessing });
    this.channels = this.how.color === 'gray' ? 1 : 3;
  }

  // The raw output for an image that has the input's size: height * width * channels bytes.
  async run(fitted) {
    const { height, width } = this.how, table = this.model.input.table, channels = this.channels;
    const values = new ARRAYS[this.model.input.type](fitted.length);
    for (let i = 0; i < fitted.length; i++) values[i] = table[fitted[i]][i % channels];
    const tensor = new Tensor(values, [1, height, width, channels]);
    const outputs = await this.compiled.run(tensor);
    const raw = (await outputs[0].data()).slice();
    tensor.delete();
    outputs.forEach(output => output.delete());
    return raw;
  }

  // Red, green, blue bytes, row by row -> the probabilities.
  async probabilities(pixels, rows, columns) {
    return (await this.look(pixels, rows, columns)).probabilities;
  }

  // The same, and whether the image is one of the classes; otherwise the answer is "none of these".
  async look(pixels, rows, columns) {
    const { scale, zero_point } = this.model.output_tensor;
    const raw = await this.run(fit(pixels, rows, columns, this.how));
    const real = Array.from(raw, code => scale ? Math.fround(scale * (code - zero_point)) : code);
    const { rejection } = this.model;
    const scaled = rejection ? real.map(x => x / rejection.temperature) : real;
    const probabilities = TO_PROBABILITIES[this.model.output](scaled);
    return { probabilities, known: !rejection || this.isKnown(real, probabilities, rejection) };
  }

  isKnown(real, probabilities, { score, threshold, temperature, background }) {
    if (background.includes(this.best(probabilities, 1)[0].label)) return false;
    const top = highest(real);
    const found = score === 'probability' ? highest(probabilities) : score === 'max_logit' ? top
      : top + temperature * Math.log(real.reduce((sum, x) => sum + Math.exp((x - top) / temperature), 0));
    return threshold === null || found >= threshold;
  }

  // What `look` found, best first; "none of these" has no probability, and the best classes behind it.
  answers({ probabilities, known }, count = 5) {
    const none = { index: -1, probability: null, label: 'none of these' };
    return [...(known ? [] : [none]), ...this.best(probabilities, count)];
  }

  // The best classes, best first; a tie goes to the lower index.
  best(probabilities, count = 5) {
    return probabilities.map((probability, index) => ({ index, probability, label: this.label(index) }))
      .sort((a, b) => b.probability - a.probability || a.index - b.index).slice(0, count);
  }

  label(index) {
    return this.model.labels[index] ?? String(index);
  }

  // The golden vectors of the contract: how many there are, and how many give the same bytes as on the host.
  async replay() {
    const { seed, outputs } = this.model.golden, { height, width } = this.how;
    let identical = 0;
    for (let index = 0; index < outputs.length; index++) {
      const raw = await this.run(picture(seed, index, height, width, this.channels));
      const found = new Uint8Array(raw.buffer, raw.byteOffset, raw.byteLength), expected = decoded(outputs[index]);
      identical += found.length === expected.length && found.every((value, place) => value === expected[place]);
    }
    return { count: outputs.length, identical };
  }
}

// What is drawn -> {pixels, rows, columns}; transparency over white.
const canvas = document.createElement('canvas');
const context = canvas.getContext('2d', { willReadFrequently: true });
export function pixelsOf(source, columns, rows) {
  Object.assign(canvas, { width: columns, height: rows });
  context.fillStyle = '#fff';
  context.fillRect(0, 0, columns, rows);
  context.drawImage(source, 0, 0);
  const colors = context.getImageData(0, 0, columns, rows).data, pixels = new Uint8Array(columns * rows * 3);
  for (let from = 0, to = 0; from < colors.length; from += 4) {
    pixels[to++] = colors[from];
    pixels[to++] = colors[from + 1];
    pixels[to++] = colors[from + 2];
  }
  return { pixels, rows, columns };
}
