package datadog

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/whippet-obs/whippet/web/access"
)

// Keys, as https://docs.datadoghq.com/api/latest/key-management/ has them. A key
// is shown when it is made and never again: elsewhere it is named by its id.

func (a *API) registerKeys(r fiber.Router) {
	r.Get("/api/v2/api_keys", a.listKeys(access.APIKey, false))
	r.Post("/api/v2/api_keys", a.createKey(access.APIKey))
	r.Get("/api/v2/api_keys/:id", a.getKey(access.APIKey, false))
	r.Patch("/api/v2/api_keys/:id", a.patchKey(access.APIKey, false))
	r.Delete("/api/v2/api_keys/:id", a.deleteKey(access.APIKey, false))
	r.Get("/api/v2/application_keys", a.listKeys(access.ApplicationKey, false))
	r.Get("/api/v2/application_keys/:id", a.getKey(access.ApplicationKey, false))
	r.Patch("/api/v2/application_keys/:id", a.patchKey(access.ApplicationKey, false))
	r.Delete("/api/v2/application_keys/:id", a.deleteKey(access.ApplicationKey, false))
	r.Get("/api/v2/current_user/application_keys", a.listKeys(access.ApplicationKey, true))
	r.Post("/api/v2/current_user/application_keys", a.createKey(access.ApplicationKey))
	r.Get("/api/v2/current_user/application_keys/:id", a.getKey(access.ApplicationKey, true))
	r.Patch("/api/v2/current_user/application_keys/:id", a.patchKey(access.ApplicationKey, true))
	r.Delete("/api/v2/current_user/application_keys/:id", a.deleteKey(access.ApplicationKey, true))

	for path, kind := range map[string]access.KeyKind{"/api/v1/api_key": access.APIKey, "/api/v1/application_key": access.ApplicationKey} {
		r.Get(path, a.listKeysV1(kind))
		r.Post(path, a.createKeyV1(kind))
		r.Get(path+"/:key", a.getKeyV1(kind))
		r.Put(path+"/:key", a.putKeyV1(kind))
		r.Delete(path+"/:key", a.deleteKeyV1(kind))
	}
}

func stamp(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339Nano) }

// stampOrNil is a time, or null for one that never was.
func stampOrNil(ms int64) any {
	if ms == 0 {
		return nil
	}
	return stamp(ms)
}

// resource is a key in JSON:API. secret is "" but where the key is made.
func keyResource(k access.Key, secret string) fiber.Map {
	owner := fiber.Map{"data": fiber.Map{"type": "users", "id": userID(k.Owner)}}
	attributes := fiber.Map{"name": k.Name, "last4": k.Last4, "created_at": stamp(k.Created)}
	if secret != "" {
		attributes["key"] = secret
	}
	if k.Kind == access.APIKey {
		attributes["modified_at"], attributes["date_last_used"], attributes["remote_config_read_enabled"] = stamp(k.Created), stampOrNil(k.LastUsed()), false
		return fiber.Map{"type": "api_keys", "id": k.ID, "attributes": attributes, "relationships": fiber.Map{"created_by": owner, "modified_by": owner}}
	}
	attributes["scopes"], attributes["last_used_at"] = k.Scopes, stampOrNil(k.LastUsed())
	if len(k.Scopes) == 0 {
		attributes["scopes"] = nil
	}
	return fiber.Map{"type": "application_keys", "id": k.ID, "attributes": attributes, "relationships": fiber.Map{"owned_by": owner}}
}

// page cuts the part of a list that page[size] and page[number] ask for.
func page[T any](c *fiber.Ctx, list []T) ([]T, error) {
	size, number := c.QueryInt("page[size]", 10), c.QueryInt("page[number]", 0)
	if size < 1 || size > 1000 || number < 0 || number > 1<<20 {
		return nil, badRequest("page[size], page[number]: want 1 to 1000 for a page, and its number from 0 on")
	}
	from := min(size*number, len(list))
	return list[from:min(from+size, len(list))], nil
}

// own says whether a key is the caller's own.
func own(c *fiber.Ctx, k access.Key) bool { return k.Owner == access.CallerOf(c.UserContext()).User }

func (a *API) listKeys(kind access.KeyKind, onlyOwn bool) fiber.Handler {
	return func(c *fiber.Ctx) error {
		filter := strings.ToLower(c.Query("filter"))
		keys := slices.DeleteFunc(a.Access.Keys(kind), func(k access.Key) bool {
			return onlyOwn && !own(c, k) || !strings.Contains(strings.ToLower(k.Name), filter)
		})
		if sort := c.Query("sort", "name"); sort == "-name" {
			slices.Reverse(keys)
		} else if !slices.Contains([]string{"name", "created_at", "last4", "modified_at", "-created_at", "-last4", "-modified_at"}, sort) {
			return badRequest("sort: %q is not one of name, created_at, last4, modified_at, or these with a minus before", sort)
		} else if by := strings.TrimPrefix(sort, "-"); by != "name" {
			slices.SortStableFunc(keys, func(a, b access.Key) int {
				if by == "last4" {
					return strings.Compare(a.Last4, b.Last4)
				}
				return int(a.Created - b.Created)
			})
			if by != sort {
				slices.Reverse(keys)
			}
		}
		shown, err := page(c, keys)
		if err != nil {
			return err
		}
		data := []fiber.Map{}
		for _, k := range shown {
			data = append(data, keyResource(k, ""))
		}
		return c.JSON(fiber.Map{"data": data, "meta": fiber.Map{"page": fiber.Map{"total_filtered_count": len(keys)}}})
	}
}

// keyRequest is the body of a request about one key.
type keyRequest struct {
	Data struct {
		Type       string `json:"type"`
		ID         string `json:"id"`
		Attributes struct {
			Name   *string         `json:"name"`
			Scopes json.RawMessage `json:"scopes"`
		} `json:"attributes"`
	} `json:"data"`
}

func readKey(c *fiber.Ctx, kind access.KeyKind) (name *string, scopes *[]string, err error) {
	var r keyRequest
	if err := json.Unmarshal(c.Body(), &r); err != nil {
		return nil, nil, badJSON(err)
	}
	if want := string(kind) + "_keys"; r.Data.Type != want {
		return nil, nil, badRequest("data.type: want %q, got %q", want, r.Data.Type)
	}
	if r.Data.ID != "" && r.Data.ID != c.Params("id") {
		return nil, nil, badRequest("data.id: it is not the one of the URL")
	}
	if raw := r.Data.Attributes.Scopes; raw != nil {
		list := []string{}
		if err := json.Unmarshal(raw, &list); err != nil {
			return nil, nil, badRequest("data.attributes.scopes: want a list of names, or null")
		}
		scopes = &list
	}
	return r.Data.Attributes.Name, scopes, nil
}

func (a *API) createKey(kind access.KeyKind) fiber.Handler {
	return func(c *fiber.Ctx) error {
		name, scopes, err := readKey(c, kind)
		if err != nil {
			return err
		}
		if name == nil {
			return badRequest("data.attributes.name: a key needs one")
		}
		if scopes == nil || kind == access.APIKey {
			scopes = &[]string{}
		}
		caller := access.CallerOf(c.UserContext())
		key, secret, err := a.Access.AddKey(c.UserContext(), kind, *name, access.RoleFor(*scopes, caller.Role), caller, *scopes...)
		if err != nil {
			return err
		}
		return c.Status(fiber.StatusCreated).JSON(fiber.Map{"data": keyResource(key, secret)})
	}
}

// key finds the key of the route; others' keys are not there for who may only
// see their own.
func (a *API) key(c *fiber.Ctx, kind access.KeyKind, onlyOwn bool) (access.Key, error) {
	k, err := a.Access.FindKey(kind, strings.Clone(c.Params("id")))
	if err == nil && onlyOwn && !own(c, k) {
		err = access.ErrNoKey
	}
	return k, err
}

func (a *API) getKey(kind access.KeyKind, onlyOwn bool) fiber.Handler {
	return func(c *fiber.Ctx) error {
		k, err := a.key(c, kind, onlyOwn)
		if err != nil {
			return err
		}
		return c.JSON(fiber.Map{"data": keyResource(k, "")})
	}
}

func (a *API) patchKey(kind access.KeyKind, onlyOwn bool) fiber.Handler {
	return func(c *fiber.Ctx) error {
		k, err := a.key(c, kind, onlyOwn)
		if err != nil {
			return err
		}
		name, scopes, err := readKey(c, kind)
		if err != nil {
			return err
		}
		if kind == access.APIKey {
			scopes = nil
		}
		if k, err = a.Access.ChangeKey(c.UserContext(), kind, k.ID, access.KeyChange{Name: name, Scopes: scopes}, access.CallerOf(c.UserContext())); err != nil {
			return err
		}
		return c.JSON(fiber.Map{"data": keyResource(k, "")})
	}
}

func (a *API) deleteKey(kind access.KeyKind, onlyOwn bool) fiber.Handler {
	return func(c *fiber.Ctx) error {
		k, err := a.key(c, kind, onlyOwn)
		if err != nil {
			return err
		}
		if err := a.Access.RemoveKey(c.UserContext(), kind, k.ID); err != nil {
			return err
		}
		return c.SendStatus(fiber.StatusNoContent)
	}
}

// keyV1 is a key of the older API, whose name is the key itself; here that is
// its id, but where it is made.
func keyV1(k access.Key, secret string) fiber.Map {
	if secret == "" {
		secret = k.ID
	}
	if k.Kind == access.APIKey {
		return fiber.Map{"key": secret, "name": k.Name, "created": time.UnixMilli(k.Created).UTC().Format(time.DateTime), "created_by": k.Owner}
	}
	return fiber.Map{"hash": secret, "name": k.Name, "owner": k.Owner}
}

func (a *API) listKeysV1(kind access.KeyKind) fiber.Handler {
	return func(c *fiber.Ctx) error {
		keys := []fiber.Map{}
		for _, k := range a.Access.Keys(kind) {
			keys = append(keys, keyV1(k, ""))
		}
		return c.JSON(fiber.Map{string(kind) + "_keys": keys})
	}
}

func keyNameV1(c *fiber.Ctx) (string, error) {
	doc, err := body(c)
	if err != nil {
		return "", err
	}
	return doc.text("name")
}

func (a *API) createKeyV1(kind access.KeyKind) fiber.Handler {
	return func(c *fiber.Ctx) error {
		name, err := keyNameV1(c)
		if err != nil {
			return err
		}
		caller := access.CallerOf(c.UserContext())
		key, secret, err := a.Access.AddKey(c.UserContext(), kind, name, caller.Role, caller)
		if err != nil {
			return err
		}
		return c.JSON(fiber.Map{string(kind) + "_key": keyV1(key, secret)})
	}
}

func (a *API) keyV1(c *fiber.Ctx, kind access.KeyKind) (access.Key, error) {
	return a.Access.FindKey(kind, strings.Clone(c.Params("key")))
}

func (a *API) getKeyV1(kind access.KeyKind) fiber.Handler {
	return func(c *fiber.Ctx) error {
		k, err := a.keyV1(c, kind)
		if err != nil {
			return err
		}
		return c.JSON(fiber.Map{string(kind) + "_key": keyV1(k, "")})
	}
}

func (a *API) putKeyV1(kind access.KeyKind) fiber.Handler {
	return func(c *fiber.Ctx) error {
		k, err := a.keyV1(c, kind)
		if err != nil {
			return err
		}
		name, err := keyNameV1(c)
		if err != nil {
			return err
		}
		if k, err = a.Access.ChangeKey(c.UserContext(), kind, k.ID, access.KeyChange{Name: &name}, access.CallerOf(c.UserContext())); err != nil {
			return err
		}
		return c.JSON(fiber.Map{string(kind) + "_key": keyV1(k, "")})
	}
}

func (a *API) deleteKeyV1(kind access.KeyKind) fiber.Handler {
	return func(c *fiber.Ctx) error {
		k, err := a.keyV1(c, kind)
		if err != nil {
			return err
		}
		if err := a.Access.RemoveKey(c.UserContext(), kind, k.ID); err != nil {
			return err
		}
		return c.JSON(fiber.Map{string(kind) + "_key": keyV1(k, "")})
	}
}

// number of a list's rows, for clients that page.
func counts(all, found int) fiber.Map {
	return fiber.Map{"page": fiber.Map{"total_count": all, "total_filtered_count": found}}
}
