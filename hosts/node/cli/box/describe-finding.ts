import type { Finding } from '../../../../src/operation/operation.ts'

/** A finding of collection in words; null for what is counted and need not be told one by one. */
export function describeFinding(finding: Finding): string | null {
  switch (finding.kind) {
    case 'garbage':
      return null
    case 'unknown-name':
      return `${finding.directory}/${finding.name} is not a name of this home; it stays`
    case 'unreadable':
      return `${finding.directory}/${finding.name} cannot be used (${finding.reason.replaceAll('_', ' ')})`
    case 'merge-waits':
      return `${finding.layer} is folded later: box ${finding.boxId} above it is in use`
    case 'not-deleted':
      return `${finding.directory}/${finding.name} was not deleted (${finding.code})`
    case 'not-frozen':
      return `the guest of box ${finding.boxId} did not freeze its file systems in time`
    case 'not-thawed':
      return `the guest of box ${finding.boxId} did not say that it thawed`
  }
}
