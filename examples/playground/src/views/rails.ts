// The lines and the point of one row of the timeline.

import type { TimelineRow } from '../timeline-rows.ts'

const LANE = 14
const HEIGHT = 40
const MIDDLE = 20

const x = (lane: number): number => lane * LANE + 9

export function rails({ snapshot, lane, hasParent, passing, leaving }: TimelineRow, width: number): SVGSVGElement {
  const size = width * LANE + 6
  const svg = shape('svg', { width: size, height: HEIGHT, viewBox: `0 0 ${size} ${HEIGHT}`, class: 'rails', 'aria-hidden': 'true' })
  for (const other of passing) svg.append(shape('path', { d: `M${x(other)} 0V${HEIGHT}` }))
  if (hasParent) svg.append(shape('path', { d: `M${x(lane)} 0V${MIDDLE}` }))
  for (const other of leaving) {
    const bend = `C${x(lane)} ${HEIGHT - 4} ${x(other)} ${MIDDLE + 4} ${x(other)} ${HEIGHT}`
    svg.append(shape('path', { d: `M${x(lane)} ${MIDDLE}${other === lane ? `V${HEIGHT}` : bend}` }))
  }
  const now = snapshot === null
  svg.append(shape('circle', { cx: x(lane), cy: MIDDLE, r: now ? 5 : 4, class: now ? 'now' : 'point' }))
  return svg
}

function shape<K extends keyof SVGElementTagNameMap>(tag: K, attributes: Readonly<Record<string, string | number>>): SVGElementTagNameMap[K] {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value))
  return element
}
