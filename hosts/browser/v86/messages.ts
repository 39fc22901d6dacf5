// What a page and the worker of a machine say to each other, beside what every machine's thread and its owner do.

import type { FromThread, ToThread } from '../../v86/protocol.ts'

export type ToWorker = ToThread | { readonly kind: 'core'; readonly module: WebAssembly.Module }

/** `alive`: the worker holds the lock of its name. */
export type FromWorker = FromThread | { readonly kind: 'alive' }
