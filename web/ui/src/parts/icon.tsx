// The icons, drawn on a 20 × 20 grid with one stroke.

const shapes = {
  home: 'M3 9.5 10 3.5l7 6M5 8.5V16.5h10V8.5M8.5 16.5v-4.5h3v4.5',
  dashboards: 'M3 4h6v5H3zM11 4h6v8h-6zM3 11h6v5H3zM11 14h6v2h-6z',
  metrics: 'M3 3.5v13h14M5.5 12.5l3-4 3 2.5 4.5-6',
  infrastructure: 'M10 2.5 16.5 6.2v7.6L10 17.5l-6.5-3.7V6.2zM10 2.5v0M10 7l3 1.7v3L10 13.4 7 11.7v-3z',
  monitors: 'M10 3a4.5 4.5 0 0 1 4.5 4.5c0 4 1.5 5 1.5 6.5H4c0-1.5 1.5-2.5 1.5-6.5A4.5 4.5 0 0 1 10 3zM8.5 16.5h3',
  apm: 'M3 5h14M5 9h8M7 13h7M9 16.5h3',
  events: 'M4 5h12v11.5H4zM4 8.5h12M7.5 3v3M12.5 3v3M7 12h2',
  help: 'M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM8 8a2 2 0 1 1 2.8 1.8c-.6.3-.8.7-.8 1.4M10 13.6v.1',
  light: 'M10 13a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM10 2.5v1.5M10 16v1.5M2.5 10H4M16 10h1.5M4.7 4.7l1 1M14.3 14.3l1 1M4.7 15.3l1-1M14.3 5.7l1-1',
  dark: 'M16 11.5A6.5 6.5 0 1 1 8.5 4a5 5 0 0 0 7.5 7.5z',
  system: 'M3 4.5h14v9H3zM7.5 16.5h5M10 13.5v3',
  back: 'M12 5l-5 5 5 5',
  forward: 'M8 5l5 5-5 5',
  zoomOut: 'M8.5 14a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11zM12.5 12.5l4 4M6 8.5h5',
  play: 'M6.5 4.5l8.5 5.5-8.5 5.5z',
  pause: 'M7 4.5v11M13 4.5v11',
  refresh: 'M15.5 8A6 6 0 1 0 16 11M16 4v4h-4',
  plus: 'M10 4.5v11M4.5 10h11',
  remove: 'M4 6h12M8 6V4h4v2M5.5 6l.8 10.5h7.4L14.5 6',
  up: 'M5 12l5-5 5 5',
  down: 'M5 8l5 5 5-5',
  copy: 'M7 7h9v9.5H7zM13 7V3.5H4V13h3',
  check: 'M4.5 10.5l3.5 3.5 7.5-8',
  close: 'M5 5l10 10M15 5 5 15',
  edit: 'M4 16l.8-3.3L13 4.5l2.5 2.5-8.2 8.2zM11.5 6l2.5 2.5',
  mail: 'M3 5h14v10H3zM3 5.5l7 5.5 7-5.5',
  camera: 'M3 6.5h3l1.5-2h5l1.5 2h3V16H3zM10 13.7a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6z',
  star: 'M10 3l2.1 4.5 4.9.6-3.6 3.4.9 4.9L10 14l-4.3 2.4.9-4.9L3 8.1l4.9-.6z',
  share: 'M8.5 11.5a3 3 0 0 0 4.3 0l2.8-2.8a3 3 0 0 0-4.3-4.3l-1 1M11.5 8.5a3 3 0 0 0-4.3 0l-2.8 2.8a3 3 0 0 0 4.3 4.3l1-1',
  mute: 'M5 7.5h3l4-3.5v12l-4-3.5H5zM14.5 8l3 4M17.5 8l-3 4',
  settings: 'M3 6h9M16 6h1M14 4v4M3 14h3M10 14h7M8 12v4',
  search: 'M8.5 14a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11zM12.5 12.5l4 4',
  more: 'M4.5 10v.01M10 10v.01M15.5 10v.01',
  grip: 'M7.5 5v.01M12.5 5v.01M7.5 10v.01M12.5 10v.01M7.5 15v.01M12.5 15v.01',
  undo: 'M7.5 4.5 4 8l3.5 3.5M4 8h8a4 4 0 0 1 0 8H8',
  redo: 'M12.5 4.5 16 8l-3.5 3.5M16 8H8a4 4 0 0 0 0 8h4',
  expand: 'M11.5 4H16v4.5M16 4l-5 5M8.5 16H4v-4.5M4 16l5-5',
  screen: 'M3 4h14v9.5H3zM7 16.5h6',
  download: 'M10 3.5v9M6.5 9.5l3.5 3.5 3.5-3.5M4 16.5h12',
  upload: 'M10 13V4M6.5 7.5 10 4l3.5 3.5M4 16.5h12',
  views: 'M5 3.5h10v13l-5-3.5-5 3.5z',
} as const

export type IconName = keyof typeof shapes

export function Icon({ name, size = 18 }: { name: IconName; size?: number }) {
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 20 20" fill="none" stroke="currentColor" stroke-width="1.4" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">
      <path d={shapes[name]} />
    </svg>
  )
}
