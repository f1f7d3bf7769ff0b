// MailFrame shows a mail as a mail reader would, where its content can do nothing.
export function MailFrame({ html, title }: { html: string; title: string }) {
  return <iframe class="mail" sandbox="" srcdoc={html} title={title} />
}
