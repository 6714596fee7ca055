// Golden vectors: the test images that edgecnn makes on every device, byte by byte the same (splitmix64-blocks-1).

const MASK = (1n << 64n) - 1n;

function randomBytes(seed, count) {
  const start = BigInt(seed) << 32n, result = new Uint8Array(count);
  let state = (start * 0x9E3779B97F4A7C15n) & MASK;
  for (let i = 0; i < count; i++) {
    state = (state + 0x9E3779B97F4A7C15n) & MASK;
    let mixed = ((state ^ (state >> 30n)) * 0xBF58476D1CE4E5B9n) & MASK;
    mixed = ((mixed ^ (mixed >> 27n)) * 0x94D049BB133111EBn) & MASK;
    result[i] = Number((mixed ^ (mixed >> 31n)) >> 56n);
  }
  return result;
}

// Test image number `index`: height * width * channels bytes.
export function picture(seed, index, height, width, channels) {
  const side = Math.max(1, Math.floor(Math.max(height, width) / 4) >> index);
  const rows = Math.ceil(height / side), columns = Math.ceil(width / side);
  const blocks = randomBytes(seed + 2 * index, rows * columns * channels);
  const noise = randomBytes(seed + 2 * index + 1, height * width * channels);
  return noise.map((value, place) => {
    const channel = place % channels, column = (place - channel) / channels % width;
    const row = Math.floor(place / channels / width);
    const block = blocks[(Math.floor(row / side) * columns + Math.floor(column / side)) * channels + channel];
    return (block * 15 >> 4) + (value >> 4);
  });
}

export const decoded = text => Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
