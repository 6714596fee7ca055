// From pixels to the model's input, by the rules of edgecnn's runtime: OpenCV's area and nearest filters to the last bit,
// its bilinear and bicubic filters to 1 level. Pixels are Uint8Array, red, green, blue, row by row.

export function roundEven(value) {
  const low = Math.floor(value), rest = value - low;
  return rest < 0.5 || (rest === 0.5 && low % 2 === 0) ? low : low + 1;
}

const byte = value => Math.max(0, Math.min(255, roundEven(value)));

// The picture as the contract fits it to the input: {height, width, color, resize, fit, crop} -> height * width * channels.
export function fit(pixels, rows, columns, how) {
  let picture = { pixels, rows, columns };
  if (how.fit === 'crop') picture = window(picture, how);
  let [high, wide] = [how.height, how.width];
  if (how.fit === 'pad') {
    const scale = Math.min(how.height / picture.rows, how.width / picture.columns);
    high = Math.max(1, roundEven(picture.rows * scale));
    wide = Math.max(1, roundEven(picture.columns * scale));
  }
  return colored(padded(resize(picture, high, wide, how.resize), how), how.color);
}

function window({ pixels, rows, columns }, how) {
  const scale = Math.min(rows / how.height, columns / how.width) * how.crop;
  const high = Math.max(1, roundEven(how.height * scale)), wide = Math.max(1, roundEven(how.width * scale));
  const top = Math.floor((rows - high) / 2), left = Math.floor((columns - wide) / 2);
  const part = new Uint8Array(high * wide * 3);
  for (let row = 0; row < high; row++) {
    const start = ((top + row) * columns + left) * 3;
    part.set(pixels.subarray(start, start + wide * 3), row * wide * 3);
  }
  return { pixels: part, rows: high, columns: wide };
}

function resize(picture, rows, columns, how) {
  if (picture.rows === rows && picture.columns === columns) return picture;
  const shrinks = picture.rows >= rows && picture.columns >= columns;
  const halves = picture.rows === 2 * rows && picture.columns === 2 * columns;
  const areal = how === 'area' ? shrinks : how === 'bilinear' && halves;
  const filter = areal ? area : how === 'nearest' ? nearest : how === 'bilinear' ? bilinear : bicubic;
  return { pixels: filter(picture, rows, columns), rows, columns };
}

function area({ pixels, rows, columns }, high, wide) {
  const down = rows / high, across = columns / wide;
  return Number.isInteger(down) && Number.isInteger(across)
    ? wholeArea(pixels, columns, high, wide, down, across)
    : fractionalArea(pixels, columns, high, wide, cells(rows, high), cells(columns, wide));
}

function wholeArea(pixels, columns, high, wide, down, across) {
  const result = new Uint8Array(high * wide * 3), share = Math.fround(1 / (down * across));
  for (let place = 0; place < result.length; place++) {
    const channel = place % 3, column = (place - channel) / 3 % wide, row = Math.floor(place / 3 / wide);
    let sum = 0;
    for (let y = row * down; y < (row + 1) * down; y++)
      for (let x = column * across; x < (column + 1) * across; x++) sum += pixels[(y * columns + x) * 3 + channel];
    result[place] = down === 2 && across === 2 ? (sum + 2) >> 2 : byte(Math.fround(sum * share));
  }
  return result;
}

// Which old places a new one covers, with their shares as 32-bit floats: [new, old, share] each.
function cells(before, after) {
  const scale = before / after, entries = [];
  for (let index = 0; index < after; index++) {
    const start = index * scale, end = start + scale, size = Math.min(scale, before - start);
    const to = Math.min(Math.floor(end), before - 1), from = Math.min(Math.ceil(start), to);
    if (from - start > 1e-3) entries.push([index, from - 1, Math.fround((from - start) / size)]);
    for (let old = from; old < to; old++) entries.push([index, old, Math.fround(1 / size)]);
    if (end - to > 1e-3) entries.push([index, to, Math.fround(Math.min(end - to, 1, size) / size)]);
  }
  return entries;
}

// In OpenCV's order of additions, each rounded to 32 bits as there: other orders round other pixels.
function fractionalArea(pixels, columns, high, wide, down, across) {
  const result = new Uint8Array(high * wide * 3), line = new Float32Array(wide * 3), sum = new Float32Array(wide * 3);
  const store = row => { for (let i = 0; i < line.length; i++) result[row * wide * 3 + i] = byte(sum[i]); };
  let row = 0;
  for (const [index, old, share] of down) {
    line.fill(0);
    for (const [place, source, part] of across)
      for (let c = 0; c < 3; c++)
        line[place * 3 + c] += Math.fround(pixels[(old * columns + source) * 3 + c] * part);
    if (index !== row) { store(row); sum.fill(0); row = index; }
    for (let i = 0; i < line.length; i++) sum[i] += Math.fround(share * line[i]);
  }
  store(row);
  return result;
}

function nearest({ pixels, rows, columns }, high, wide) {
  const result = new Uint8Array(high * wide * 3), down = 1 / (high / rows), across = 1 / (wide / columns);
  for (let y = 0; y < high; y++)
    for (let x = 0; x < wide; x++) {
      const row = Math.min(Math.floor(y * down), rows - 1), column = Math.min(Math.floor(x * across), columns - 1);
      for (let c = 0; c < 3; c++) result[(y * wide + x) * 3 + c] = pixels[(row * columns + column) * 3 + c];
    }
  return result;
}

// For each new place: the first old place, and how far the new one lies behind it (0 to 1).
function centers(before, after) {
  const step = 1 / (after / before);
  return Array.from({ length: after }, (_, index) => {
    const place = (index + 0.5) * step - 0.5, first = Math.floor(place);
    return [first, place - first];
  });
}

// Fixed point with 11 bits, as OpenCV has it for bytes.
function bilinear({ pixels, rows, columns }, high, wide) {
  const taps = (before, after) => centers(before, after).map(([first, rest]) => {
    const inside = first >= 0 && first < before - 1, at = Math.max(0, Math.min(before - 1, first));
    const far = inside ? roundEven(Math.fround(rest) * 2048) : 0;
    const near = inside ? roundEven(Math.fround(1 - Math.fround(rest)) * 2048) : 2048;
    return [at, Math.min(at + 1, before - 1), near, far];
  });
  const across = taps(columns, wide), result = new Uint8Array(high * wide * 3);
  const mixed = row => Int32Array.from({ length: wide * 3 }, (_, place) => {
    const c = place % 3, [left, right, near, far] = across[(place - c) / 3];
    return pixels[(row * columns + left) * 3 + c] * near + pixels[(row * columns + right) * 3 + c] * far;
  });
  taps(rows, high).forEach(([top, bottom, near, far], y) => {
    const above = mixed(top), below = mixed(bottom);
    for (let i = 0; i < wide * 3; i++)
      result[y * wide * 3 + i] = (((near * (above[i] >> 4)) >> 16) + ((far * (below[i] >> 4)) >> 16) + 2) >> 2;
  });
  return result;
}

function bicubic({ pixels, rows, columns }, high, wide) {
  const weight = d => d <= 1 ? (1.25 * d - 2.25) * d * d + 1 : ((-0.75 * d + 3.75) * d - 6) * d + 3;
  const taps = (before, after) => centers(before, after).map(([first, rest]) =>
    [-1, 0, 1, 2].map(k => [Math.max(0, Math.min(before - 1, first + k)), weight(Math.abs(rest - k))]));
  const across = taps(columns, wide), lines = new Map(), result = new Uint8Array(high * wide * 3);
  const line = row => {
    if (!lines.has(row)) lines.set(row, Float64Array.from({ length: wide * 3 }, (_, place) => {
      const c = place % 3;
      return across[(place - c) / 3].reduce((sum, [at, w]) => sum + w * pixels[(row * columns + at) * 3 + c], 0);
    }));
    return lines.get(row);
  };
  taps(rows, high).forEach((four, y) => {
    for (let i = 0; i < wide * 3; i++)
      result[y * wide * 3 + i] = byte(four.reduce((sum, [row, w]) => sum + w * line(row)[i], 0));
  });
  return result;
}

function padded({ pixels, rows, columns }, { height, width }) {
  if (rows === height && columns === width) return pixels;
  const result = new Uint8Array(height * width * 3);
  const top = Math.floor((height - rows) / 2), left = Math.floor((width - columns) / 2);
  for (let row = 0; row < rows; row++)
    result.set(pixels.subarray(row * columns * 3, (row + 1) * columns * 3), ((top + row) * width + left) * 3);
  return result;
}

function colored(pixels, color) {
  if (color === 'rgb') return pixels;
  if (color === 'bgr') return pixels.map((_, i) => pixels[i - i % 3 + 2 - i % 3]);
  return Uint8Array.from({ length: pixels.length / 3 }, (_, i) =>
    (9798 * pixels[3 * i] + 19235 * pixels[3 * i + 1] + 3735 * pixels[3 * i + 2] + (1 << 14)) >> 15);
}
