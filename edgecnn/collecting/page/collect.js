"use strict";
const $ = id => document.getElementById(id);
const token = new URLSearchParams(location.search).get("token");
const to = (path, fields = {}) => path + "?" + new URLSearchParams(token ? {...fields, token} : fields);
const sleep = ms => new Promise(done => setTimeout(done, ms));
const made = (tag, fields = {}, ...children) => { const made = Object.assign(document.createElement(tag), fields); made.append(...children); return made; };
const images = count => count === 1 ? "1 image" : count.toLocaleString("en") + " images";
const percent = share => share === null ? "" : Math.round(share * 100) + " %"; // "none of these" has none
const KEYS = "123456789asdfghjklqetyuiopcvbm"; // n, r, w, x and z do something else
const COLORS = ["--blue", "--orange", "--green", "--plum", "--red"];
const SILENCE_MS = 3000; // the server says something every second
const RENEW_MS = 600, REPORT_MS = 10000, GRID = 60, OWN_WAITING = 32;
let about = null, state = null, number = 0, listed = -1, listing = false, wanted = GRID, begun = null, own = null, queue = [], reached = true, heard = 0;
const holds = new Map(), reports = new Map(), selected = new Set();

// What the server is asked for, and told.

async function get(path, fields) {
  const answer = await fetch(to(path, fields), {cache: "no-store", signal: AbortSignal.timeout(8000)});
  if (answer.status === 403) throw Object.assign(new Error(await answer.text()), {refused: true});
  if (!answer.ok) throw new Error(answer.statusText);
  return answer;
}
async function send(path, body, fields, type = "application/json") {
  const answer = await fetch(to(path, fields), {method: "POST", headers: {"Content-Type": type}, body});
  if (!answer.ok) throw new Error(await answer.text() || answer.statusText);
  const result = await answer.json();
  heard = performance.now();
  reached = true;
  show(result.state);
  return result;
}
const post = (path, values = {}) => send(path, JSON.stringify(values));
async function ask(path, values) {
  try {
    const result = await post(path, values);
    if (result.said) say(result.said);
    return result;
  } catch (error) { complain(error); return null; }
}
function say(text, kind = "") {
  $("said").dataset.kind = kind;
  $("said").textContent = "";
  $("said").textContent = text;
}
function complain(error) { say(error.message === "Failed to fetch" ? "The server doesn't answer." : error.message, "bad"); }

// The live image.

async function watch() {
  for (let failures = 0; ;) {
    if (document.hidden) { await new Promise(done => document.addEventListener("visibilitychange", done, {once: true})); heard = performance.now(); continue; }
    try {
      if (!about) await meet();
      const data = await (await get("frame", {after: number})).arrayBuffer();
      const size = new DataView(data).getUint32(0);
      const told = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, size)));
      failures = 0;
      heard = performance.now();
      reached = true;
      if (data.byteLength > 4 + size) await paint(told, new Blob([new Uint8Array(data, 4 + size)], {type: "image/jpeg"}));
      show(told.state);
    } catch (error) {
      about = null;
      if (error.refused) { pill("bad", "refused"); notice(error.message); return; }
      if (++failures > 1) lost();
      await sleep(Math.min(250 * 2 ** failures, 3000));
    }
  }
}
function lost() {
  reached = false;
  if (state) show(state); else silent();
}
function silent() { pill("bad", "reconnecting"); notice("The server doesn't answer. Trying again."); }
setInterval(() => { if (about && reached && !document.hidden && performance.now() - heard > SILENCE_MS) lost(); }, 500);
async function meet() {
  about = await (await get("about")).json();
  $("where").textContent = [about.data, about.state.camera.source, about.model].filter(Boolean).join(" · ");
  $("rate").value = about.rate; $("rate-shown").textContent = about.rate;
  for (const id of ["wrong", "watch"]) $(id).hidden = !about.model;
  $("own").hidden = !(navigator.mediaDevices && navigator.mediaDevices.getUserMedia);
  begun ??= Object.fromEntries(about.state.classes.map(each => [each.name, each.count]));
  show(about.state);
}
async function paint(told, jpeg) {
  const picture = await createImageBitmap(jpeg), canvas = $("canvas");
  number = told.number;
  if (canvas.width !== picture.width || canvas.height !== picture.height) {
    canvas.width = picture.width; canvas.height = picture.height;
    canvas.style.aspectRatio = picture.width + "/" + picture.height;
  }
  canvas.getContext("2d").drawImage(picture, 0, 0);
  picture.close();
  const flaws = [told.dark && "too dark", told.blurred && "blurred"].filter(Boolean);
  if ($("chips").textContent !== flaws.join("")) $("chips").replaceChildren(...flaws.map(text => made("li", {textContent: text})));
  const best = told.answer[0];
  $("caption").hidden = !best || !!own;
  if (best) {
    $("answer").textContent = (best.share !== null && best.share < about.threshold ? "unsure: " : "") + best.label;
    $("share").textContent = percent(best.share);
  }
  canvas.setAttribute("aria-label", "Live image" + (best ? ", the model says " + best.label : "") + flaws.map(text => ", " + text).join(""));
}
function pill(kind, text) {
  $("pill").dataset.kind = kind;
  if ($("pill").textContent !== text) $("pill").textContent = text;
}
function notice(text) {
  $("notice").hidden = !text;
  if ($("notice").textContent !== text) $("notice").textContent = text;
}

// The state: classes, cautions, review, training.

function show(next) {
  state = next;
  const camera = state.camera;
  if (!reached) silent();
  else if (own) { pill(holds.size ? "recording" : "live", holds.size ? "recording" : "this device"); notice(""); }
  else if (camera.state === "none") { pill("wait", "no camera"); notice($("own").hidden ? "No camera.\nUpload images." : "No camera.\nUpload images, or use this device's camera."); }
  else if (camera.state === "lost") { pill("bad", "camera lost"); notice("The camera is gone. Looking for it again.\n" + camera.message); }
  else if (camera.state === "failed") { pill("bad", "failed"); notice(camera.message); }
  else if (camera.state === "ended") { pill("wait", "ended"); notice(camera.message); }
  else if (!number) { pill("wait", "starting"); notice("Waiting for the first image"); }
  else { pill(holds.size ? "recording" : "live", holds.size ? "recording" : "live"); notice(""); }
  classes();
  selects();
  recording();
  cautions();
  training();
  $("skip").checked = !state.keep_near_duplicates;
  $("watch").setAttribute("aria-pressed", state.watch);
  if (state.version !== listed) list();
}
function classes() {
  const names = state.classes.map(each => each.name), box = $("buttons");
  for (const button of [...box.children]) if (!names.includes(button.dataset.name)) button.remove();
  state.classes.forEach(({name, count}, place) => {
    let button = box.children[place];
    if (!button || button.dataset.name !== name) { button = taker(name, place); box.insertBefore(button, box.children[place] || null); }
    const fresh = count - (begun[name] || 0), parts = button.children;
    parts[2].textContent = count.toLocaleString("en");
    parts[3].textContent = fresh > 0 ? "+" + fresh + " now" : "";
    button.setAttribute("aria-label", name + ", " + images(count) + (KEYS[place] ? ", key " + KEYS[place] : ""));
    button.classList.toggle("on", [...holds.values()].some(hold => hold.name === name));
  });
}
function taker(name, place) {
  const key = KEYS[place] || "";
  const button = made("button", {type: "button", className: "take"}, made("span", {className: "name", textContent: name}), made("kbd", {textContent: key, hidden: !key}), made("span", {className: "count"}), made("span", {className: "new"}));
  button.dataset.name = name;
  button.style.setProperty("--color", "var(" + COLORS[place % COLORS.length] + ")");
  if (key) button.setAttribute("aria-keyshortcuts", key.toUpperCase());
  button.onpointerdown = event => { if (event.button === 0) { button.setPointerCapture(event.pointerId); hold(name, "pointer" + event.pointerId); } };
  button.onpointerup = button.onpointercancel = button.onlostpointercapture = event => release("pointer" + event.pointerId);
  button.oncontextmenu = event => event.preventDefault();
  button.onkeydown = event => { if ((event.key === " " || event.key === "Enter") && !event.repeat) hold(name, "focus"); if (event.key === " " || event.key === "Enter") event.preventDefault(); };
  button.onkeyup = event => { if (event.key === " " || event.key === "Enter") { event.preventDefault(); release("focus"); } };
  button.onblur = () => release("focus");
  button.onclick = event => { if (event.detail === 0 && !holds.size) { hold(name, "click"); release("click"); } }; // a screen reader's click
  dropping(button, name);
  return button;
}
function selects() {
  const names = state.classes.map(each => each.name), text = names.join("\n");
  if ($("into").dataset.names === text) return;
  $("into").dataset.names = text;
  const options = () => names.map(name => made("option", {value: name, textContent: name}));
  for (const [id, first] of [["shown", made("option", {value: "", textContent: "All classes"})], ["into", null], ["target", null]]) {
    const before = $(id).value;
    $(id).replaceChildren(...(first ? [first] : []), ...options());
    if (before && names.includes(before)) $(id).value = before;
  }
  $("sorting").replaceChildren(...names.map((name, place) => {
    const button = made("button", {type: "button", className: "plain", onclick: () => sort(name)}, made("span", {textContent: name}), made("kbd", {textContent: KEYS[place] || "", hidden: !KEYS[place]}));
    button.style.setProperty("--color", "var(" + COLORS[place % COLORS.length] + ")");
    return button;
  }));
}
function cautions() {
  const text = state.cautions.map(each => each.text).join("\n"), box = $("cautions");
  if (box.dataset.text === text) return;
  box.dataset.text = text;
  box.hidden = !text;
  box.firstElementChild.replaceChildren(...state.cautions.map(each => made("li", {textContent: each.text})));
}

// Taking images while something is held.

function hold(name, by) {
  if (holds.has(by)) return;
  if (sorting() && by !== "click" && !by.startsWith("pointer")) { sort(name); return; }
  const burst = Date.now().toString(36) + Math.random().toString(36).slice(2, 8), rate = +$("rate").value;
  const each = {name, burst, rate, own: own ? ownBurst(name, burst, rate) : null};
  holds.set(by, each);
  if (!each.own) {
    each.started = post("hold", {burst, class: name, rate, single: by === "click"}).catch(error => { complain(error); each.failed = true; });
    each.timer = setInterval(() => post("hold", {burst, class: name, rate}).catch(() => {}), RENEW_MS);
  }
  if (state) show(state);
}
async function release(by) {
  const each = holds.get(by);
  if (!each) return;
  holds.delete(by);
  clearInterval(each.timer);
  if (state) show(state);
  if (each.own) { each.own.stop(); return; }
  await each.started;
  if (each.failed) return;
  reports.set(each.burst, {name: each.name, until: Date.now() + REPORT_MS});
  try { await post("release", {burst: each.burst}); } catch (error) { complain(error); }
}
function releaseAll() { for (const by of [...holds.keys()]) release(by); }
function recording() {
  const going = [...holds.values()], taken = going.map(each => each.own ? each.own.tally : state.bursts.find(burst => burst.burst === each.burst)).filter(Boolean);
  $("figure").classList.toggle("on", reached && going.length > 0);
  $("recording").hidden = !reached || !going.length;
  $("recording").textContent = going.map(each => each.name).join(", ") + " " + taken.reduce((sum, burst) => sum + burst.stored, 0);
  for (const [id, {name, until}] of [...reports]) {
    const burst = state.bursts.find(each => each.burst === id);
    if (!burst) { if (Date.now() > until) reports.delete(id); continue; }  // a state from before the press may come late
    if (burst.going || burst.waiting > 0) continue;
    reports.delete(id);
    report(name, burst);
  }
}
function report(name, tally) {
  const count = (state.classes.find(each => each.name === name) || {count: 0}).count, parts = [images(tally.stored) + " stored"];
  if (tally.near_duplicates) parts.push(tally.near_duplicates + " near-duplicate" + (tally.near_duplicates === 1 ? "" : "s") + " skipped");
  if (tally.failed) parts.push(tally.failed + " failed: " + tally.message);
  if (tally.missed) parts.push("the camera was too slow for " + tally.missed + " more");
  say(name + ": " + parts.join(", ") + ". " + images(count) + " in all.", tally.failed ? "bad" : "");
}

// This device's own camera: its images are uploaded.

async function useOwn() {
  if (own) {
    releaseAll();
    for (const track of own.getTracks()) track.stop();
    own = null;
  } else {
    try { own = await navigator.mediaDevices.getUserMedia({video: {facingMode: "environment", width: {ideal: 1280}, height: {ideal: 720}}}); }
    catch (error) { complain(new Error("This device's camera can't be used: " + error.message + ".")); return; }
    $("video").srcObject = own;
    await $("video").play();
  }
  $("own").setAttribute("aria-pressed", !!own);
  $("video").hidden = !own;
  $("canvas").hidden = !!own;
  $("chips").replaceChildren();
  show(state);
}
function ownBurst(name, action, rate) {
  const tally = {offered: 0, stored: 0, near_duplicates: 0, failed: 0, missed: 0, message: ""}, waiting = [];
  const canvas = document.createElement("canvas"), video = $("video");
  let going = true, sending = false;
  const take = async () => {
    canvas.width = video.videoWidth; canvas.height = video.videoHeight;
    if (!canvas.width || waiting.length >= OWN_WAITING) { tally.missed++; return; }
    canvas.getContext("2d").drawImage(video, 0, 0);
    tally.offered++;
    waiting.push(new Promise(done => canvas.toBlob(done, "image/jpeg", .95)));
    drain();
  };
  const drain = async () => {
    if (sending) return;
    sending = true;
    for (let blob; (blob = waiting.shift());) {
      try {
        const {outcome} = await send("upload", await blob, {class: name, action, name: "the frame"}, "application/octet-stream");
        if (outcome === "stored") tally.stored++; else tally.near_duplicates++;
      } catch (error) { tally.failed++; tally.message = error.message; }
    }
    sending = false;
    if (!going) report(name, tally);
  };
  const timer = setInterval(take, 1000 / rate);
  take();
  return {tally, stop() { going = false; clearInterval(timer); if (!sending) drain(); }};
}

// Uploads.

function dropping(element, name) {
  element.ondragover = event => { event.preventDefault(); element.classList.add("over"); };
  element.ondragleave = () => element.classList.remove("over");
  element.ondrop = event => { event.preventDefault(); element.classList.remove("over"); upload([...event.dataTransfer.files], name); };
}
async function upload(files, name) {
  if (!files.length) return;
  if (!name) { say("Add a class first.", "bad"); return; }
  const tally = {stored: 0, near_duplicates: 0, failed: 0, missed: 0, message: ""}, action = "upload" + Date.now();
  for (const [place, file] of files.entries()) {
    say("Uploading " + (place + 1) + " of " + files.length + " to " + name);
    try {
      if (file.size > about.most_upload) throw new Error(file.name + " has " + Math.round(file.size / 1e6) + " MB; at most " + Math.round(about.most_upload / 1e6) + " MB can be uploaded");
      const {outcome} = await send("upload", file, {class: name, action, name: file.name.slice(0, 80)}, "application/octet-stream");
      if (outcome === "stored") tally.stored++; else tally.near_duplicates++;
    } catch (error) { tally.failed++; tally.message = error.message; }
  }
  report(name, tally);
}

// The stored images, and those to review.

async function list() {
  if (listing) return;
  listing = true;
  try {
    listed = state.version;
    const [shown, waiting] = await Promise.all([pages($("shown").value, wanted), pages(".review", GRID)]);
    grid(shown);
    queue = waiting.pictures.reverse();
    review(waiting.total);
    await sleep(250);
  } catch { await sleep(500); listed = -1; }
  listing = false;
  if (state.version !== listed) list();
}
function relist() { listed = -1; list(); }
async function pages(place, count) {
  const found = {pictures: [], total: 0};
  do {
    const page = await (await get("pictures", {place, from: found.pictures.length})).json();
    found.pictures.push(...page.pictures); found.total = page.total;
    if (!page.pictures.length) break;
  } while (found.pictures.length < Math.min(count, found.total));
  found.pictures.length = Math.min(found.pictures.length, count);
  return found;
}
function grid({pictures, total}) {
  const box = $("grid"), known = new Map([...box.children].map(item => [item.dataset.name, item])), names = new Set(pictures.map(each => each.name));
  for (const name of [...selected]) if (!names.has(name)) selected.delete(name);
  for (const [name, item] of known) if (!names.has(name)) item.remove();
  pictures.forEach((each, place) => {
    const item = known.get(each.name) || tile(each);
    if (box.children[place] !== item) box.insertBefore(item, box.children[place] || null);
  });
  $("images-count").textContent = total.toLocaleString("en");
  $("empty").hidden = total > 0;
  $("more").hidden = pictures.length >= total;
  tools();
}
function tile(each) {
  const flaws = [each.blurred && "blurred", each.dark && "dark", each.doubtful && "model: " + each.said.label].filter(Boolean);
  const box = made("input", {type: "checkbox", checked: selected.has(each.name), onchange: () => { box.checked ? selected.add(each.name) : selected.delete(each.name); tools(); }});
  const picture = made("img", {loading: "lazy", decoding: "async", src: to("picture", {name: each.name, side: 192}), alt: [each.class, ...flaws].join(", ")});
  const tag = made("span", {className: "tag", ariaHidden: "true"}, $("shown").value ? "" : each.class + " ", made("b", {textContent: flaws.join(", ")}));
  const item = made("li", {}, made("label", {title: [each.class, ...flaws].join(", ")}, picture, tag, box));
  item.dataset.name = each.name;
  return item;
}
function tools() {
  $("tools").hidden = !selected.size;
  $("selected").textContent = selected.size + " selected";
}
async function change(path, values) {
  const names = [...selected];
  selected.clear();
  for (const box of $("grid").querySelectorAll(":checked")) box.checked = false;
  tools();
  $("h-images").tabIndex = -1;
  $("h-images").focus({preventScroll: true});
  await ask(path, {names, ...values});
}
function review(total) {
  $("review").hidden = !total;
  $("review-count").textContent = total;
  const each = queue[0];
  if (!each) { if (sorting()) setSorting(false); return; }
  const source = to("picture", {name: each.name, side: 960});
  if ($("review-image").getAttribute("src") !== source) $("review-image").src = source;
  $("review-image").alt = "Image to sort" + (each.said ? "; the model says " + each.said.label + " " + percent(each.said.share) : "");
  $("review-hint").firstChild.textContent = (each.said ? "The model says " + each.said.label + " " + percent(each.said.share) + ". " : "") + "What is it? Press a class's key, or a button; ";
}
const sorting = () => $("reviewing").getAttribute("aria-pressed") === "true";
function setSorting(on) {
  $("reviewing").setAttribute("aria-pressed", on);
  $("hold-hint").textContent = on ? "keys sort the review" : "hold to take images";
  if (on) $("review").scrollIntoView({block: "nearest"});
}
async function sort(name) {
  const each = queue.shift();
  if (!each) return;
  review(Math.max(0, +$("review-count").textContent - 1));
  await ask(name ? "move" : "delete", name ? {names: [each.name], class: name} : {names: [each.name]});
}

// Training.

function training() {
  const run = state.training, running = run.state === "running";
  if ($("command").textContent !== run.command) $("command").textContent = run.command;
  $("train").hidden = running;
  $("cancel").hidden = !running;
  const told = {idle: "", running: "Training", done: "Done: " + run.output, failed: "The training failed.", cancelled: "Cancelled. The same command resumes it."}[run.state];
  if ($("train-state").textContent !== told) $("train-state").textContent = told;
  $("progress").hidden = !running;
  if (run.total) { $("progress").max = run.total; $("progress").value = run.done; } else $("progress").removeAttribute("value");
  const lines = run.state === "done" ? [...run.lines, "", "Next: " + run.next] : run.lines;
  $("log").hidden = !lines.length;
  if ($("log").textContent !== lines.join("\n")) { $("log").textContent = lines.join("\n"); $("log").scrollTop = 1e6; }
}
async function copy() {
  const text = $("command").textContent;
  try { await navigator.clipboard.writeText(text); say("Copied."); }
  catch { // only a secure page may write to the clipboard
    getSelection().selectAllChildren($("command"));
    say(document.execCommand("copy") ? "Copied." : "Selected: press Ctrl-C to copy.");
  }
}

// Buttons and keys.

$("adding").onsubmit = async event => {
  event.preventDefault();
  const result = await ask("class", {class: $("new-class").value});
  if (result) { $("new-class").value = ""; say("Added the class " + result.class + "."); $("new-class").blur(); }
};
$("undo").onclick = () => ask("undo");
$("wrong").onclick = () => ask("wrong");
$("watch").onclick = () => ask("watch", {on: !state.watch});
$("own").onclick = useOwn;
$("rate").oninput = () => { $("rate-shown").textContent = $("rate").value; };
$("skip").onchange = () => ask("settings", {keep_near_duplicates: !$("skip").checked});
$("shown").onchange = () => { if ($("shown").value) $("into").value = $("shown").value; selected.clear(); $("grid").replaceChildren(); wanted = GRID; relist(); };
$("more").onclick = () => { wanted += GRID; relist(); };
$("files").onchange = () => { upload([...$("files").files], $("into").value); $("files").value = ""; };
$("move").onclick = () => change("move", {class: $("target").value});
$("delete").onclick = () => change("delete", {});
$("clear").onclick = () => { selected.clear(); for (const box of $("grid").querySelectorAll(":checked")) box.checked = false; tools(); };
$("reviewing").onclick = () => setSorting(!sorting());
$("drop").onclick = () => sort(null);
$("train").onclick = () => ask("train", {action: "start"});
$("cancel").onclick = () => ask("train", {action: "cancel"});
$("copy").onclick = copy;
document.ondragover = document.ondrop = event => event.preventDefault();
const typing = element => element.matches("input:not([type=checkbox], [type=range], [type=file]), select, textarea");
const actions = {z: () => ask("undo"), n: () => $("new-class").focus(), w: () => about.model && ask("wrong"), r: () => queue.length && setSorting(!sorting()), x: () => sorting() && sort(null), Delete: () => selected.size && change("delete", {})};
document.onkeydown = event => {
  if (event.key === "Escape") { document.activeElement.blur(); setSorting(false); return; }
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || !$("keys").checked || !state || typing(event.target)) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key, place = KEYS.indexOf(key);
  if (key.length === 1 && place >= 0 && state.classes[place]) { event.preventDefault(); hold(state.classes[place].name, "key" + key); }
  else if (actions[key]) { event.preventDefault(); actions[key](); }
};
document.onkeyup = event => release("key" + event.key.toLowerCase());
window.onblur = releaseAll;
document.addEventListener("visibilitychange", () => { if (document.hidden) releaseAll(); });
watch();
