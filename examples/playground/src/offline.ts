// The page's own files are kept by a service worker, so that a reload needs no network. The guest's files and the disks are not its
// business: the library keeps them.

import type { App } from './app.ts'

export async function keepOffline(app: App): Promise<void> {
  // Vite's own server makes the modules anew at each visit.
  if (import.meta.env.DEV || !('serviceWorker' in navigator)) return
  try {
    await navigator.serviceWorker.register(new URL('service-worker.js', document.baseURI))
  } catch (error) {
    app.fail('Keeping the page for visits without a network', error)
  }
}
