// Works offline: everything of this version of the export is kept; another version gets a cache of its own.
const { version, files } = {{FILES}};
const NAME = `edgecnn-${version}`;

self.addEventListener('install', event => {
  self.skipWaiting();
  event.waitUntil(caches.open(NAME).then(cache => cache.addAll(files)));
});

self.addEventListener('activate', event => {
  const scope = new URL(self.registration.scope).pathname;
  event.waitUntil((async () => {
    for (const name of await caches.keys()) {
      const [first] = await (await caches.open(name)).keys();
      if (name !== NAME && name.startsWith('edgecnn-') && first && new URL(first.url).pathname.startsWith(scope))
        await caches.delete(name);
    }
    await self.clients.claim();
  })());
});

self.addEventListener('fetch', event => {
  if (event.request.method !== 'GET' || new URL(event.request.url).origin !== location.origin) return;
  event.respondWith((async () => {
    const cache = await caches.open(NAME);
    const kept = await cache.match(event.request, { ignoreSearch: true });
    if (kept) return kept;
    const answer = await fetch(event.request);
    if (answer.ok) await cache.put(event.request, answer.clone());
    return answer;
  })());
});
