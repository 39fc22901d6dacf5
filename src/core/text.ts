// Text over the boundary: UTF-8, except that a lone surrogate is kept as the three bytes it would
// take, so that the core sees (and refuses) it. TextEncoder would turn it into U+FFFD, another name.

const encoder = new TextEncoder()

/** `text` as UTF-8; where it is not well-formed Unicode, as bytes that are not valid UTF-8. */
export function encodeText(text: string): Uint8Array {
  if (text.isWellFormed()) return encoder.encode(text)
  const bytes: number[] = []
  for (const character of text) {
    if (character.isWellFormed()) bytes.push(...encoder.encode(character))
    else {
      const unit = character.charCodeAt(0)
      bytes.push(0xe0 | (unit >> 12), 0x80 | ((unit >> 6) & 0x3f), 0x80 | (unit & 0x3f))
    }
  }
  return Uint8Array.from(bytes)
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The text that `encodeText` made these bytes of. Throws a `TypeError` for bytes that it never makes. */
export function decodeText(bytes: Uint8Array): string {
  let text = ''
  let start = 0
  for (let at = 0; at + 2 < bytes.length; at++) {
    if (bytes[at] !== 0xed || bytes[at + 1]! < 0xa0) continue
    const unit = 0xd000 | ((bytes[at + 1]! & 0x3f) << 6) | (bytes[at + 2]! & 0x3f)
    text += decoder.decode(bytes.subarray(start, at)) + String.fromCharCode(unit)
    start = at + 3
    at += 2
  }
  return text + decoder.decode(start === 0 ? bytes : bytes.subarray(start))
}
