// The way in: a login, or the first user made by the link from the log.
import { useState } from 'preact/hooks'
import { api, ApiError } from '../api'
import type { Session } from '../model'
import { Button, Field } from '../parts/basics'
import { go } from '../route'

export function Login({ session, token, onIn }: { session: Session; token: string; onIn: () => void }) {
  const [name, setName] = useState('')
  const [password, setPassword] = useState('')
  const [error, setError] = useState('')
  const [busy, setBusy] = useState(false)
  const first = session.setup && token !== ''
  const submit = async () => {
    setBusy(true)
    setError('')
    try {
      await (first ? api.setup(token, name, password) : api.login(name, password))
      if (first) go('/', true)
      onIn()
    } catch (cause) {
      setError(cause instanceof ApiError ? cause.message : String(cause))
      setBusy(false)
    }
  }
  return (
    <main class="login">
      <form class="panel login-box" onSubmit={(e) => (e.preventDefault(), void submit())}>
        <h1>Whippet</h1>
        {first && <p>You are the first one here. What you enter becomes the account of the admin.</p>}
        {session.setup && !first && <p class="muted">Nobody can log in yet: open the link that Whippet wrote to its log when it started.</p>}
        {(first || !session.setup) && (
          <>
            <Field label="Mail address">
              <input type="email" required autoFocus autocomplete="username" value={name} onInput={(e) => setName(e.currentTarget.value)} />
            </Field>
            <Field label="Password" hint={first ? 'At least 10 characters; a few words are good.' : undefined} error={error || undefined}>
              <input type="password" required autocomplete={first ? 'new-password' : 'current-password'} value={password} onInput={(e) => setPassword(e.currentTarget.value)} />
            </Field>
            <Button type="submit" kind="primary" label={first ? 'Create the account' : 'Log in'} disabled={busy} />
          </>
        )}
      </form>
    </main>
  )
}
