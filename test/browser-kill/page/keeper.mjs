// A service worker as an application might have it: it keeps the page, so that it opens without a network. What boxes need is
// kept by boxlite itself.

const PAGE = ['./', './page.js']
const KEPT = 'page'

addEventListener('install', (event) => {
  event.waitUntil(caches.open(KEPT).then((cache) => cache.addAll(PAGE)))
})

addEventListener('activate', (event) => event.waitUntil(clients.claim()))

addEventListener('fetch', (event) => {
  if (PAGE.some((path) => new URL(path, location.href).href === event.request.url)) event.respondWith(caches.match(event.request.url))
})
