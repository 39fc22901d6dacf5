/** Has the browser save a file. */
export function download(content: Blob, name: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(content)
  link.download = name
  link.click()
  // The browser has taken its own hold of the content by the next turn.
  setTimeout(() => URL.revokeObjectURL(link.href), 0)
}
