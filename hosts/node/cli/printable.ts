// Control characters (C0, DEL, C1), line and paragraph separators, and what changes the direction of text: in a name
// they could redraw the terminal or make one name look like another. Lone surrogates have no glyph at all.
const unsafe = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|\p{Surrogate}/gu

/** `text` for people: on one line, and without what a terminal would obey. */
export function printable(text: string): string {
  return text.replace(unsafe, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`)
}
