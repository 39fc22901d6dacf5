// Where the thread's program is: compiled, beside this file compiled; from the sources, as the tests run them, in dist/.

const compiled = import.meta.url.endsWith('.ts') ? '../../../dist/hosts/node/v86/thread.js' : './thread.js'

export const threadUrl: URL = new URL(compiled, import.meta.url)
