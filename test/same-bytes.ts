/** Whether two pieces of bytes are the same; quicker, for large ones, than to have them compared as lists. */
export const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, at) => byte === b[at])
