import type { LockScope } from '../host.ts'

/** What the takers of a lock must agree on to be in each other's way. The home's has modes, and no name. */
export function lockName(scope: Exclude<LockScope, { readonly kind: 'home' }>): string {
  switch (scope.kind) {
    case 'box':
      return `box ${scope.id}`
    case 'port':
      return `port ${scope.id} ${scope.port}`
    case 'name':
      return `name ${scope.name}`
  }
}
