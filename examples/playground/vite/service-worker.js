// Keeps the files of one build of the page. The build puts their names, and a hash of them all, into this file.

const FILES = /* files */ []
const CACHE = `boxlite-playground:${/* version */ ''}`

self.addEventListener('install', (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(FILES)).then(() => self.skipWaiting()))
})

self.addEventListener('activate', (event) => {
  event.waitUntil(removeOlder().then(() => self.clients.claim()))
})

// Only what the page itself is made of; everything else goes its way as if there were no service worker.
self.addEventListener('fetch', (event) => {
  const url = new URL(event.request.url)
  url.search = ''
  const own = new Set(FILES.map((file) => new URL(file, self.registration.scope).href))
  if (event.request.method === 'GET' && own.has(url.href)) event.respondWith(answer(event.request, url.href))
})

/** A page is asked for anew, so that a new build is seen; what has a hash in its name never changes. */
async function answer(request, href) {
  const cache = await caches.open(CACHE)
  const kept = await cache.match(href)
  if (request.mode !== 'navigate' && kept !== undefined) return kept
  try {
    return await fetch(request)
  } catch (error) {
    if (kept !== undefined) return kept
    throw error
  }
}

async function removeOlder() {
  for (const name of await caches.keys()) if (name.startsWith('boxlite-playground:') && name !== CACHE) await caches.delete(name)
}
