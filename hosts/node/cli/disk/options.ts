// Options that several disk commands take, in the same words.

export const formatOption = {
  format: {
    type: 'string',
    short: 'f',
    value: 'FORMAT',
    help: 'qcow2 or raw; where it is left out the magic of the image decides, for this one image and only to read it',
  },
} as const

export const writtenFormatOption = {
  format: { type: 'string', short: 'f', value: 'FORMAT', help: 'qcow2 (default) or raw; an image that is written is never probed' },
} as const

export const backingFormatOption = {
  'backing-format': { type: 'string', short: 'F', value: 'FORMAT', help: 'qcow2 or raw, for a backing file whose format no header states' },
} as const

export const overwriteOption = { overwrite: { type: 'boolean', help: 'replace the file if it exists; it is replaced as a whole' } } as const
