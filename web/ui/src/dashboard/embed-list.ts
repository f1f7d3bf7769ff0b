// Which sites' pictures and pages may be shown.

// originOf is the site of an address; undefined where there is none to show.
export function originOf(address: string | undefined): string | undefined {
  try {
    const url = new URL(address ?? '', location.href)
    return url.protocol === 'https:' || url.protocol === 'http:' ? url.origin : undefined
  } catch {
    return undefined
  }
}

// isAllowed is whether a site is on the server's list.
export function isAllowed(origin: string, list: string[]): boolean {
  const site = new URL(origin)
  return list.some((one) => {
    if (one === 'https:') return site.protocol === 'https:'
    const [, scheme, host] = /^(https?:)\/\/(.+)$/.exec(one) ?? []
    if (site.protocol !== scheme) return false
    return host.startsWith('*.') ? site.host.endsWith(host.slice(1)) : site.host === host
  })
}
