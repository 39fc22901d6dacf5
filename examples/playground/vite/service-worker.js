// Keeps the files of one build of the page. The build puts their names, and a hash of them all, into this file.

const FILES = /* files */ []
const HREFS = FILES.map((file) => new URL(file, self.registration.scope).href)
// Playgrounds of one origin stand under paths of their own; each clears away what is its own. No scope has a space in it.
const OURS = `boxlite-playground ${self.registration.scope} `
const CACHE = OURS + /* version */ ''

self.addEventListener('install', (event) => {
  event.waitUntil(keep().then(() => self.skipWaiting()))
})

self.addEventListener('activate', (event) => {
  event.waitUntil(removeOlder().then(() => self.clients.claim()))
})

// Only what the page itself is made of; everything else goes its way as if there were no service worker.
self.addEventListener('fetch', (event) => {
  const url = new URL(event.request.url)
  url.search = ''
  url.hash = ''
  if (event.request.method === 'GET' && HREFS.includes(url.href)) event.respondWith(answer(event.request, url.href))
})

/** What the browser's own cache holds may be of an older build: the server is asked whether it still is right. */
async function keep() {
  const cache = await caches.open(CACHE)
  await cache.addAll(HREFS.map((href) => new Request(href, { cache: 'no-cache' })))
}

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
  for (const name of await caches.keys()) if (name.startsWith(OURS) && name !== CACHE) await caches.delete(name)
}
