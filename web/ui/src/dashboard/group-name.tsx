// A group by its tags; a host leads to its page.
import { link } from '../route'

export function GroupName({ tags }: { tags: string[] }) {
  if (tags.length === 0) return <span class="muted">everything</span>
  return (
    <>
      {tags.map((t, i) => (
        <span key={t}>
          {i > 0 && ', '}
          {t.startsWith('host:') ? <a href={link(`/infrastructure/${encodeURIComponent(t.slice(5))}`)}>{t.slice(5)}</a> : t}
        </span>
      ))}
    </>
  )
}
