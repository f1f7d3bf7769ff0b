package datadog

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/whippet-obs/whippet/web/access"
)

// Users and roles, as https://docs.datadoghq.com/api/latest/users/ has them. A
// user's handle is the address of mail; there are three roles, a user has one of
// them or none, and nobody makes others.

func (a *API) registerUsers(r fiber.Router) {
	r.Get("/api/v2/current_user", a.currentUser)
	r.Get("/api/v2/users", a.listUsers)
	r.Post("/api/v2/users", a.createUser)
	r.Get("/api/v2/users/:id", a.getUser)
	r.Patch("/api/v2/users/:id", a.patchUser)
	r.Delete("/api/v2/users/:id", a.disableUser)
	r.Post("/api/v2/user_invitations", a.refuseUserInvitations)
	r.Get("/api/v2/roles", a.listRoles)
	r.Post("/api/v2/roles", a.refuseRoles)
	r.Get("/api/v2/roles/:id", a.getRole)
	r.Patch("/api/v2/roles/:id", a.refuseRoles)
	r.Delete("/api/v2/roles/:id", a.refuseRoles)
	r.Get("/api/v2/roles/:id/users", a.roleUsers)
	r.Post("/api/v2/roles/:id/users", a.giveRole)
	r.Delete("/api/v2/roles/:id/users", a.takeRole)
}

// uuidOf is the id of something that has a name: always the same.
func uuidOf(kind, name string) string {
	sum := sha256.Sum256([]byte(kind + " " + name))
	t := hex.EncodeToString(sum[:])
	return t[:8] + "-" + t[8:12] + "-4" + t[13:16] + "-a" + t[17:20] + "-" + t[20:32]
}

func userID(name string) string { return uuidOf("user", name) }

// The roles, and the names that Datadog has for such.
var rolesHere = []struct {
	role   access.Role
	theirs string
}{
	{access.Admin, "Datadog Admin Role"},
	{access.Editor, "Datadog Standard Role"},
	{access.Viewer, "Datadog Read Only Role"},
}

func roleID(role access.Role) string { return uuidOf("role", string(role)) }

// roleOf finds a role by its id.
func roleOf(id string) (access.Role, error) {
	for _, r := range rolesHere {
		if roleID(r.role) == id {
			return r.role, nil
		}
	}
	return "", notFound("no role %q", id)
}

func roleResource(role access.Role, users []access.User) fiber.Map {
	n := 0
	for _, u := range users {
		if u.Role == role {
			n++
		}
	}
	return fiber.Map{
		"type": "roles", "id": roleID(role), "attributes": fiber.Map{"name": role, "user_count": n},
		"relationships": fiber.Map{"permissions": fiber.Map{"data": []fiber.Map{}}},
	}
}

func userResource(u access.User) fiber.Map {
	roles := []fiber.Map{}
	if u.Role != access.Nobody {
		roles = append(roles, fiber.Map{"type": "roles", "id": roleID(u.Role)})
	}
	status := "Active"
	switch {
	case u.Disabled:
		status = "Disabled"
	case u.LastLogin == 0:
		status = "Pending"
	}
	attributes := fiber.Map{
		"email": u.Name, "handle": u.Name, "name": orNull(u.FullName), "title": orNull(u.Title), "disabled": u.Disabled, "status": status, "verified": u.LastLogin > 0,
		"service_account": false, "icon": "", "created_at": stamp(u.Created), "modified_at": stamp(max(u.Created, u.Changed)), "last_login_time": stampOrNil(u.LastLogin),
	}
	return fiber.Map{"type": "users", "id": userID(u.Name), "attributes": attributes, "relationships": fiber.Map{"roles": fiber.Map{"data": roles}}}
}

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// currentUser is the person who asks, or the one behind the key.
func (a *API) currentUser(c *fiber.Ctx) error {
	caller := access.CallerOf(c.UserContext())
	u, known, err := a.Access.User(caller.User)
	if err != nil {
		return err
	}
	if !known { // where nobody needs to log in
		u = access.User{Name: authorOf(c.UserContext()), Role: caller.Role, FullName: caller.User}
	}
	return c.JSON(fiber.Map{"data": userResource(u)})
}

func (a *API) listUsers(c *fiber.Ctx) error {
	all, err := a.Access.Users()
	if err != nil {
		return err
	}
	filter, statuses := strings.ToLower(c.Query("filter")), list(c.Query("filter[status]"))
	found := []fiber.Map{}
	for _, u := range all {
		shown := userResource(u)
		status := shown["attributes"].(fiber.Map)["status"].(string)
		if strings.Contains(strings.ToLower(u.Name+" "+u.FullName), filter) && (len(statuses) == 0 || slices.Contains(statuses, status)) {
			found = append(found, shown)
		}
	}
	shown, err := page(c, found)
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"data": shown, "meta": counts(len(all), len(found))})
}

// userRequest is the body of a request about one user.
type userRequest struct {
	Data struct {
		Type       string `json:"type"`
		ID         string `json:"id"`
		Attributes struct {
			Email    *string `json:"email"`
			Name     *string `json:"name"`
			Title    *string `json:"title"`
			Disabled *bool   `json:"disabled"`
		} `json:"attributes"`
		Relationships struct {
			Roles struct {
				Data []struct {
					ID string `json:"id"`
				} `json:"data"`
			} `json:"roles"`
		} `json:"relationships"`
	} `json:"data"`
}

func readUser(c *fiber.Ctx) (r userRequest, err error) {
	if err := json.Unmarshal(c.Body(), &r); err != nil {
		return r, badJSON(err)
	}
	if r.Data.Type != "users" {
		return r, badRequest("data.type: want %q, got %q", "users", r.Data.Type)
	}
	return r, nil
}

func (a *API) createUser(c *fiber.Ctx) error {
	r, err := readUser(c)
	if err != nil {
		return err
	}
	at := &r.Data.Attributes
	if at.Email == nil {
		return badRequest("data.attributes.email: required")
	}
	u := access.User{Name: *at.Email}
	for _, wanted := range r.Data.Relationships.Roles.Data {
		role, err := roleOf(wanted.ID)
		if err != nil {
			return err
		}
		if role.AtLeast(u.Role) { // one is all that a user has: the one that may most
			u.Role = role
		}
	}
	if at.Name != nil {
		u.FullName = *at.Name
	}
	if at.Title != nil {
		u.Title = *at.Title
	}
	if u, err = a.Access.Admit(c.UserContext(), u); err != nil {
		return err
	}
	return c.Status(fiber.StatusCreated).JSON(fiber.Map{"data": userResource(u)})
}

// user finds a user by id, or by address.
func (a *API) user(id string) (access.User, error) {
	all, err := a.Access.Users()
	if err != nil {
		return access.User{}, err
	}
	for _, u := range all {
		if userID(u.Name) == id || strings.EqualFold(u.Name, id) {
			return u, nil
		}
	}
	return access.User{}, notFound("no user %q", id)
}

func (a *API) getUser(c *fiber.Ctx) error {
	u, err := a.user(strings.Clone(c.Params("id")))
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"data": userResource(u)})
}

func (a *API) patchUser(c *fiber.Ctx) error {
	u, err := a.user(strings.Clone(c.Params("id")))
	if err != nil {
		return err
	}
	r, err := readUser(c)
	if err != nil {
		return err
	}
	at := &r.Data.Attributes
	if at.Email != nil && !strings.EqualFold(*at.Email, u.Name) {
		return badRequest("data.attributes.email: a user is known by it: make another user")
	}
	u, err = a.Access.ChangeUser(c.UserContext(), u.Name, func(u *access.User) {
		if at.Name != nil {
			u.FullName = *at.Name
		}
		if at.Title != nil {
			u.Title = *at.Title
		}
		if at.Disabled != nil {
			u.Disabled = *at.Disabled
		}
	})
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"data": userResource(u)})
}

// disableUser is what Datadog makes of a deletion.
func (a *API) disableUser(c *fiber.Ctx) error {
	u, err := a.user(strings.Clone(c.Params("id")))
	if err != nil {
		return err
	}
	if _, err := a.Access.ChangeUser(c.UserContext(), u.Name, func(u *access.User) { u.Disabled = true }); err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}

func (a *API) refuseUserInvitations(*fiber.Ctx) error {
	return badRequest("invitations are not mailed: an admin sets the first password on the Settings page (in Terraform: send_user_invitation = false)")
}

func (a *API) refuseRoles(*fiber.Ctx) error {
	return badRequest("the roles are admin, editor and viewer, and stay as they are")
}

func (a *API) listRoles(c *fiber.Ctx) error {
	users, err := a.Access.Users()
	if err != nil {
		return err
	}
	filter := strings.ToLower(c.Query("filter"))
	found := []fiber.Map{}
	for _, r := range rolesHere {
		if strings.Contains(string(r.role), filter) || strings.Contains(strings.ToLower(r.theirs), filter) {
			found = append(found, roleResource(r.role, users))
		}
	}
	shown, err := page(c, found)
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"data": shown, "meta": counts(len(rolesHere), len(found))})
}

func (a *API) getRole(c *fiber.Ctx) error {
	role, err := roleOf(strings.Clone(c.Params("id")))
	if err != nil {
		return err
	}
	users, err := a.Access.Users()
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"data": roleResource(role, users)})
}

func (a *API) roleUsers(c *fiber.Ctx) error {
	role, err := roleOf(strings.Clone(c.Params("id")))
	if err != nil {
		return err
	}
	all, err := a.Access.Users()
	if err != nil {
		return err
	}
	filter := strings.ToLower(c.Query("filter"))
	found := []fiber.Map{}
	for _, u := range all {
		if u.Role == role && strings.Contains(strings.ToLower(u.Name+" "+u.FullName), filter) {
			found = append(found, userResource(u))
		}
	}
	shown, err := page(c, found)
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"data": shown, "meta": counts(len(all), len(found))})
}

// giveRole gives a user the role of the route in the place of the one before.
func (a *API) giveRole(c *fiber.Ctx) error {
	return a.changeRole(c, func(u *access.User, role access.Role) { u.Role = role })
}

// takeRole leaves a user without a role, if it is the one of the route.
func (a *API) takeRole(c *fiber.Ctx) error {
	return a.changeRole(c, func(u *access.User, role access.Role) {
		if u.Role == role {
			u.Role = access.Nobody
		}
	})
}

func (a *API) changeRole(c *fiber.Ctx, change func(*access.User, access.Role)) error {
	role, err := roleOf(strings.Clone(c.Params("id")))
	if err != nil {
		return err
	}
	r, err := readUser(c)
	if err != nil {
		return err
	}
	u, err := a.user(r.Data.ID)
	if err != nil {
		return err
	}
	if _, err := a.Access.ChangeUser(c.UserContext(), u.Name, func(u *access.User) { change(u, role) }); err != nil {
		return err
	}
	return a.roleUsers(c)
}
