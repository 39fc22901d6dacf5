/** A column of a table: its title, and on which side its cells stand. */
export interface Column {
  readonly title: string
  readonly align?: 'left' | 'right'
}

/** Lines of a table with two spaces between its columns. */
export function drawTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const lines = [columns.map(({ title }) => title), ...rows]
  // Not Math.max(...): a map of a large disk has more rows than a call may have arguments.
  const widths = columns.map((_, i) => lines.reduce((widest, cells) => Math.max(widest, width(cells[i] ?? '')), 0))
  return lines.map((cells) =>
    columns
      .map(({ align }, i) => {
        const cell = cells[i] ?? ''
        const space = ' '.repeat(widths[i]! - width(cell))
        return align === 'right' ? space + cell : cell + space
      })
      .join('  ')
      .trimEnd(),
  )
}

function width(text: string): number {
  return [...text].length
}
