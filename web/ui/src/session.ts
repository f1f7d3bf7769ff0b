// Who uses the page, and what that person may do.
import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import type { Role, Session } from './model'

export const SessionContext = createContext<Session>({ required: false, setup: false, name: 'local', role: 'admin', csrf: '' })
export const useSession = () => useContext(SessionContext)

const ranks: Record<Role, number> = { viewer: 1, editor: 2, admin: 3 }

// may reports whether a session's person may do what takes a role.
export const may = (session: Session, role: Role) => session.role !== '' && ranks[session.role] >= ranks[role]
