// What a person drops on the page.

/** Files, and the names of folders, whose content a page is not given with them. */
export interface Dropped {
  readonly files: readonly File[]
  readonly folders: readonly string[]
}

export function carriesFiles({ dataTransfer }: DragEvent): boolean {
  return dataTransfer?.types.includes('Files') === true
}

/** To be called before the event is over: then the browser forgets it. */
export function droppedBy({ dataTransfer }: DragEvent): Dropped {
  const files: File[] = []
  const folders: string[] = []
  for (const item of dataTransfer?.items ?? []) {
    const file = item.getAsFile()
    if (file === null) continue
    if (item.webkitGetAsEntry()?.isDirectory === true) folders.push(file.name)
    else files.push(file)
  }
  return { files, folders }
}
