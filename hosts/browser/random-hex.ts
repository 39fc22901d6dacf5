/** Random bytes in lower-case hex. */
export function randomHex(lengthBytes: number): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(lengthBytes)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
