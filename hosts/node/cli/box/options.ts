// Options that the commands on boxes take, in the same words.

export const homeOption = {
  home: { type: 'string', value: 'DIR', help: 'the home (default: BOXLITE_HOME, else ~/.boxlite/store)' },
} as const
