package web

import (
	"encoding/json"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/whippet-obs/whippet/store/catalog"
	"github.com/whippet-obs/whippet/web/access"
)

// registerAccount adds the routes of logins, users, keys and the audit trail.
func (s *Server) registerAccount(r fiber.Router) {
	r.Get("/session", s.getSession)
	r.Post("/login", s.login)
	r.Post("/setup", s.setup)
	r.Post("/logout", s.logout)
	r.Post("/password", s.changePassword)

	r.Get("/users", s.listUsers)
	r.Post("/users", s.addUser)
	r.Put("/users/:name", s.putUser)
	r.Delete("/users/:name", s.removeUser)

	r.Get("/keys", s.listKeys)
	r.Post("/keys", s.addKey)
	r.Delete("/keys/:kind/:id", s.removeKey)

	r.Get("/audit", s.listChanges)
}

// getSession tells a page who is using it, and what it must send back.
func (s *Server) getSession(c *fiber.Ctx) error {
	caller := callerOf(c)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.JSON(fiber.Map{
		"required": s.access.Required(), "setup": s.access.SetupToken() != "",
		"name": caller.Name, "role": caller.Role, "csrf": caller.CSRF,
	})
}

func (s *Server) login(c *fiber.Ctx) error {
	var request struct{ Name, Password string }
	if err := decode(c, &request); err != nil {
		return err
	}
	secret, err := s.access.LogIn(c.UserContext(), request.Name, request.Password, c.IP())
	if err != nil {
		return err
	}
	c.Cookie(&fiber.Cookie{
		Name: sessionCookie, Value: secret, Path: "/", HTTPOnly: true, SameSite: fiber.CookieSameSiteLaxMode,
		Secure: s.config.SecureCookies, MaxAge: int(14 * 24 * time.Hour / time.Second),
	})
	return c.JSON(fiber.Map{})
}

func (s *Server) setup(c *fiber.Ctx) error {
	var request struct{ Token, Name, Password string }
	if err := decode(c, &request); err != nil {
		return err
	}
	if err := s.access.Setup(c.UserContext(), request.Token, request.Name, request.Password); err != nil {
		return err
	}
	return s.login(c)
}

func (s *Server) logout(c *fiber.Ctx) error {
	if err := s.access.LogOut(c.UserContext(), c.Cookies(sessionCookie)); err != nil {
		return err
	}
	c.Cookie(&fiber.Cookie{Name: sessionCookie, Path: "/", HTTPOnly: true, Expires: time.Unix(0, 0)})
	return c.JSON(fiber.Map{})
}

func (s *Server) changePassword(c *fiber.Ctx) error {
	var request struct{ Old, New string }
	if err := decode(c, &request); err != nil {
		return err
	}
	name := callerOf(c).Name
	if right, err := s.access.CheckPassword(name, request.Old); err != nil || !right {
		if err == nil {
			err = &access.InvalidError{Field: "old", Reason: "it is not your password"}
		}
		return err
	}
	if err := s.access.SetPassword(c.UserContext(), name, request.New); err != nil {
		return err
	}
	return c.JSON(fiber.Map{})
}

func (s *Server) listUsers(c *fiber.Ctx) error {
	users, err := s.access.Users()
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"users": users})
}

func (s *Server) addUser(c *fiber.Ctx) error {
	var request struct {
		Name, Password string
		Role           access.Role
	}
	if err := decode(c, &request); err != nil {
		return err
	}
	if err := s.access.AddUser(c.UserContext(), request.Name, request.Password, request.Role); err != nil {
		return err
	}
	return c.JSON(fiber.Map{})
}

// putUser changes a user's role, sets a new password, lets one in again, or does
// several of these.
func (s *Server) putUser(c *fiber.Ctx) error {
	var request struct {
		Role     access.Role
		Password string
		Disabled *bool
	}
	if err := decode(c, &request); err != nil {
		return err
	}
	if request.Role != "" {
		if err := s.access.SetRole(c.UserContext(), c.Params("name"), request.Role); err != nil {
			return err
		}
	}
	if request.Disabled != nil {
		if _, err := s.access.ChangeUser(c.UserContext(), c.Params("name"), func(u *access.User) { u.Disabled = *request.Disabled }); err != nil {
			return err
		}
	}
	if request.Password != "" {
		if err := s.access.SetPassword(c.UserContext(), c.Params("name"), request.Password); err != nil {
			return err
		}
	}
	return c.JSON(fiber.Map{})
}

func (s *Server) removeUser(c *fiber.Ctx) error {
	if err := s.access.RemoveUser(c.UserContext(), c.Params("name")); err != nil {
		return err
	}
	return c.JSON(fiber.Map{})
}

// shownKey is a key as pages see it.
type shownKey struct {
	access.Key
	LastUsed int64 `json:"last_used,omitempty"` // ms
}

// listKeys shows an admin every key, and others their own application keys.
func (s *Server) listKeys(c *fiber.Ctx) error {
	caller := callerOf(c)
	list := []shownKey{}
	for _, kind := range []access.KeyKind{access.APIKey, access.ApplicationKey} {
		for _, k := range s.access.Keys(kind) {
			if caller.Role == access.Admin || kind == access.ApplicationKey && k.Owner == caller.User {
				list = append(list, shownKey{k, k.LastUsed()})
			}
		}
	}
	return c.JSON(fiber.Map{"keys": list})
}

func (s *Server) addKey(c *fiber.Ctx) error {
	var request struct {
		Kind access.KeyKind
		Name string
		Role access.Role
	}
	if err := decode(c, &request); err != nil {
		return err
	}
	caller := callerOf(c)
	if request.Kind == access.APIKey && caller.Role != access.Admin {
		return fiber.NewError(fiber.StatusForbidden, "API keys are made by admins")
	}
	key, secret, err := s.access.AddKey(c.UserContext(), request.Kind, request.Name, request.Role, caller)
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"key": key, "secret": secret})
}

func (s *Server) removeKey(c *fiber.Ctx) error {
	caller, kind, id := callerOf(c), access.KeyKind(c.Params("kind")), c.Params("id")
	own := false
	for _, k := range s.access.Keys(access.ApplicationKey) {
		own = own || k.ID == id && k.Owner == caller.User && kind == access.ApplicationKey
	}
	if !own && caller.Role != access.Admin {
		return fiber.NewError(fiber.StatusForbidden, "keys of others are revoked by admins")
	}
	if err := s.access.RemoveKey(c.UserContext(), kind, id); err != nil {
		return err
	}
	return c.JSON(fiber.Map{})
}

// listChanges shows the audit trail, newest first; ?before=ID goes on.
func (s *Server) listChanges(c *fiber.Ctx) error {
	kind, actor := c.Query("kind"), c.Query("actor")
	changes, err := s.config.DB.Catalog().Changes(int64(c.QueryInt("before")), func(change *catalog.Change) bool {
		return (kind == "" || string(change.Kind) == kind) && (actor == "" || change.Actor == actor)
	}, 100)
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"changes": changes})
}

// decode reads the request's JSON document.
func decode(c *fiber.Ctx, into any) error {
	if err := json.Unmarshal(c.Body(), into); err != nil {
		return fiber.NewError(fiber.StatusBadRequest, "the body is not what this route takes: "+err.Error())
	}
	return nil
}
