// A mail's HTML, shut off from the page: no scripts, no origin of ours.
import { useRef, useState } from 'preact/hooks'

export function MailFrame({ html, title, height: least = 320 }: { html: string; title: string; height?: number }) {
  const frame = useRef<HTMLIFrameElement>(null)
  const [height, setHeight] = useState(least)
  // allow-same-origin lets the page measure the mail; without allow-scripts
  // nothing in the mail can run.
  const measure = () => {
    const page = frame.current?.contentDocument?.documentElement
    if (page) setHeight(Math.min(1600, Math.max(120, page.scrollHeight)))
  }
  return <iframe ref={frame} class="mail" title={title} sandbox="allow-same-origin allow-popups" srcdoc={html} onLoad={measure} style={{ height: `${height}px` }} />
}
