// The members of an archive: their names, in their order, and the digests that end it.

/** The first member. */
export const MANIFEST_NAME = 'manifest.json'

/** The last member: one line for each member before it, as `sha256sum` writes and checks them. */
export const DIGESTS_NAME = 'SHA256SUMS'

/** The member of the `index`th layer. */
export function layerMemberName(index: number): string {
  return `layers/${index}.layer`
}

/** The digests of the members so far. */
export class DigestList {
  #text = ''

  add(name: string, sha256: string): void {
    this.#text += `${sha256}  ${name}\n`
  }

  /** The content of `SHA256SUMS`. */
  get bytes(): Uint8Array {
    return new TextEncoder().encode(this.#text)
  }
}
