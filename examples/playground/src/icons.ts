// The page's icons: 16 x 16, strokes of the text's colour. They stand beside words, or in buttons that have a label.

const paths = {
  plus: 'M8 3v10M3 8h10',
  play: 'M5 3.2v9.6l7.5-4.8z',
  stop: 'M4 4h8v8H4z',
  trash: 'M3 4.5h10M6.5 4.5V3h3v1.5M4.5 4.5l.5 8.5h6l.5-8.5M6.8 7v3.8M9.2 7v3.8',
  download: 'M8 2.5v7.5M4.8 7 8 10.2 11.2 7M3 13h10',
  upload: 'M8 10.5V3M4.8 6.2 8 3l3.2 3.2M3 13h10',
  mark: 'M8 1.8v3M8 11.2v3M8 5.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6z',
  restore: 'M3 8a5 5 0 1 0 1.7-3.8M3 2.5v3h3',
  branch: 'M4.5 2v12M4.5 10c4.5 0 7-1.2 7-5M9 6.8l2.5-2.3L14 6.8',
  folder: 'M2 4.5h4l1.3 1.5H14v6.5H2z',
  file: 'M4 2h5l3 3v9H4zM9 2v3h3',
  link: 'M6.5 9.5l3-3M7 4.8l1.2-1.2a2.6 2.6 0 0 1 3.7 3.7L10.7 8.5M9 11.2l-1.2 1.2a2.6 2.6 0 0 1-3.7-3.7L5.3 7.5',
  up: 'M8 13V4M4.5 7.2 8 3.7l3.5 3.5',
  eye: 'M1.8 8S4 4 8 4s6.2 4 6.2 4S12 12 8 12 1.8 8 1.8 8zM8 6.4a1.6 1.6 0 1 0 0 3.2 1.6 1.6 0 0 0 0-3.2z',
  close: 'M4 4l8 8M12 4l-8 8',
  check: 'M3 8.5l3.2 3L13 4.5',
  refresh: 'M13 8a5 5 0 1 1-1.7-3.8M13 2.5v3h-3',
  theme: 'M8 2.5a5.5 5.5 0 1 0 0 11zM8 2.5a5.5 5.5 0 0 1 0 11',
  keys: 'M1.8 4h12.4v8H1.8zM4.2 6.6h.1M6.7 6.6h.1M9.2 6.6h.1M11.7 6.6h.1M5 9.6h6',
} as const

export type IconName = keyof typeof paths

export function icon(name: IconName): SVGSVGElement {
  const space = 'http://www.w3.org/2000/svg'
  const svg = document.createElementNS(space, 'svg')
  svg.setAttribute('viewBox', '0 0 16 16')
  svg.setAttribute('class', 'icon')
  svg.setAttribute('aria-hidden', 'true')
  const path = document.createElementNS(space, 'path')
  path.setAttribute('d', paths[name])
  svg.append(path)
  return svg
}
