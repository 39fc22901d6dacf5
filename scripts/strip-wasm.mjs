// A WebAssembly module without its custom sections: names and debug information, which no engine runs.

const HEADER_BYTES = 8
const CUSTOM = 0

/** The module's other sections, as they are. */
export function stripWasm(module) {
  const kept = [module.subarray(0, HEADER_BYTES)]
  for (let at = HEADER_BYTES; at < module.length; ) {
    const { value, end } = leb128(module, at + 1)
    if (module[at] !== CUSTOM) kept.push(module.subarray(at, end + value))
    at = end + value
  }
  return Buffer.concat(kept)
}

/** An unsigned number (WebAssembly 1.0, 5.2.2), and where it ends. */
function leb128(bytes, start) {
  let value = 0
  for (let at = start, shift = 1; ; at++, shift *= 128) {
    value += (bytes[at] & 0x7f) * shift
    if (bytes[at] < 0x80) return { value, end: at + 1 }
  }
}
