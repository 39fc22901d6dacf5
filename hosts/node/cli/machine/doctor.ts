import type { BoxHost } from '../../../../src/box-host.ts'
import { isBoxLiteError } from '../../../../src/error.ts'
import { defineCommand, jsonOption } from '../command.ts'
import { homeOption } from '../box/options.ts'
import { printable } from '../printable.ts'

/** One thing that was looked at. */
interface Finding {
  readonly what: string
  readonly works: boolean
  readonly detail: string
  /** What to type, or to change; null: nothing. */
  readonly remedy: string | null
}

export const machineDoctor = defineCommand({
  path: 'doctor',
  summary: 'say what works on this machine, what does not, and what to do about it',
  details: 'The exit code is 0 where boxes can be started here, else 1. It opens no home and changes nothing.',
  operands: [],
  options: { ...homeOption, ...jsonOption },
  async run(terminal, options) {
    // Not part of the command's one file: engines find their threads and the guest by where their own modules stand.
    const [{ homeDirectory }, { nodeHost }] = await Promise.all([import('../../home.ts'), import('../../host.ts')])
    const host = nodeHost()
    const progress = terminal.progress('Examining this machine')
    progress.step('trying what could run boxes')
    const engines = await Promise.all(host.engines.map((engine) => engine.probe())).finally(() => progress.end())
    const guest = await lookForGuest(host)
    const findings: readonly Finding[] = [
      fine('Node', `${process.version} on ${process.platform} ${process.arch}`),
      fine('home', homeDirectory(options.home)),
      ...guest,
      ...engines.flatMap(({ engine, accelerator, version, refused, protections }) => [
        ...(accelerator === null ? [] : [fine(engine, `${version ?? ''} runs guests by ${accelerator}`.trim())]),
        ...refused.map(({ accelerator: better, reason, remedy }) => ({
          what: better === null ? engine : `${engine} (${better})`,
          works: false,
          detail: reason,
          remedy,
        })),
        ...protections.map(({ name, active, detail }) => ({ what: `${engine}: ${name}`, works: active, detail, remedy: null })),
      ]),
    ]
    if (options.json === true) terminal.printJson(findings)
    else terminal.print(findings.flatMap(linesOf))
    return engines.some(({ accelerator }) => accelerator !== null) && guest.every(({ works }) => works) ? 0 : 1
  },
})

function fine(what: string, detail: string): Finding {
  return { what, works: true, detail, remedy: null }
}

function linesOf({ what, works, detail, remedy }: Finding): string[] {
  const line = `${works ? '+' : '-'} ${what}: ${printable(detail)}`
  return remedy === null ? [line] : [line, `  ${printable(remedy)}`]
}

async function lookForGuest(host: BoxHost): Promise<Finding[]> {
  try {
    const { files, references, image } = await host.findGuest()
    const list = references.map((name) => (image(name) === null ? `${name} (not built)` : name)).join(', ')
    return [
      fine('guest', files.location),
      fine('images', list),
    ]
  } catch (error) {
    if (!isBoxLiteError(error)) throw error
    return [{ what: 'guest', works: false, detail: error.message, remedy: error.remedy ?? null }]
  }
}
