// The page: camera or image in, answers out. Texts of the model reach the page as text only.

import { Classifier, pixelsOf } from './classifier.js';

const $ = id => document.getElementById(id);
const video = $('video');
let classifier, stream, loaded;

async function cached() { // the service worker keeps what the page fetches from now on, so that it works offline
  if (!('serviceWorker' in navigator)) return;
  await navigator.serviceWorker.register('./sw.js');
  if (navigator.serviceWorker.controller) return;
  await Promise.race([
    new Promise(done => navigator.serviceWorker.addEventListener('controllerchange', done, { once: true })),
    new Promise(done => setTimeout(done, 5000)),
  ]);
}

function show(answers, milliseconds) {
  const top = answers[0], share = top.probability === null ? '' : ` ${Math.round(100 * top.probability)} %`;
  const text = top.label + share;
  if ($('answer').textContent !== text) $('answer').textContent = text;
  $('list').replaceChildren(...answers.map(({ label, probability }) => {
    const row = document.createElement('li'), name = document.createElement('span'), bar = document.createElement('meter');
    name.textContent = label;
    row.append(name);
    if (probability === null) return row; // none of these
    bar.value = probability;
    bar.textContent = `${(100 * probability).toFixed(1)} %`;
    bar.setAttribute('aria-label', bar.textContent);
    row.append(bar);
    return row;
  }));
  $('time').textContent = `${milliseconds.toFixed(0)} ms an image`;
}

export async function classify(source, columns, rows) {
  const start = performance.now(), image = pixelsOf(source, columns, rows);
  const answers = classifier.answers(await classifier.look(image.pixels, image.rows, image.columns));
  show(answers, performance.now() - start);
  return answers;
}

export async function classifyFile(file) {
  const image = await createImageBitmap(file, { colorSpaceConversion: 'none' });
  $('still').width = image.width;
  $('still').height = image.height;
  $('still').getContext('2d').drawImage(image, 0, 0);
  $('still').hidden = false;
  video.hidden = true;
  return classify(image, image.width, image.height);
}

async function start() {
  stop();
  try {
    const wanted = { video: { facingMode: $('front').checked ? 'user' : 'environment' }, audio: false };
    stream = await navigator.mediaDevices.getUserMedia(wanted);
  } catch (error) {
    $('state').textContent = navigator.mediaDevices
      ? `The camera can't be opened: ${error.message}` : 'The camera needs https, or localhost.';
    return;
  }
  video.srcObject = stream;
  video.hidden = false;
  $('still').hidden = true;
  await video.play();
  $('start').textContent = 'Stop the camera';
  const mine = stream;
  while (stream === mine) {
    if (video.videoWidth) await classify(video, video.videoWidth, video.videoHeight);
    await new Promise(requestAnimationFrame);
  }
}

function stop() {
  stream?.getTracks().forEach(track => track.stop());
  stream = undefined;
  $('start').textContent = 'Start the camera';
}

async function open() {
  try {
    await cached();
    classifier = await Classifier.open();
    const { count, identical } = await classifier.replay();
    $('state').textContent = identical === count
      ? `${count} golden vectors: identical to the host` : `${identical} of ${count} golden vectors are identical to the host`;
    $('state').dataset.state = identical === count ? 'good' : 'bad';
    $('start').disabled = $('file').disabled = false;
  } catch (error) {
    $('state').textContent = `The model can't be loaded: ${error.message}`;
    $('state').dataset.state = 'bad';
    throw error;
  }
  return classifier;
}

$('start').addEventListener('click', () => stream ? stop() : start());
$('front').addEventListener('change', () => stream && start());
$('file').addEventListener('change', event => {
  stop();
  const [file] = event.target.files;
  if (file) classifyFile(file).catch(error => { $('answer').textContent = `The image can't be read: ${error.message}`; });
});
export const ready = open();
