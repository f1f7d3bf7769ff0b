package web

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/whippet-obs/whippet/web/access"
)

// as makes the site's calls in the name of a new key of a person.
func (s *site) as(person string, role access.Role) {
	s.t.Helper()
	_, secret, err := s.server.access.AddKey(s.t.Context(), access.ApplicationKey, person+" "+string(role), role, access.Caller{Name: person, User: person, Role: role})
	if err != nil {
		s.t.Fatal(err)
	}
	s.headers = []string{"DD-APPLICATION-KEY", secret}
}

// dig follows names and indexes into a document.
func dig(doc any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			m, _ := doc.(map[string]any)
			doc = m[step]
		case int:
			l, _ := doc.([]any)
			if step >= len(l) {
				return nil
			}
			doc = l[step]
		}
	}
	return doc
}

func TestKeysByTheAPI(t *testing.T) {
	s := newSite(t, func(c *Config) { c.LoginRequired = true })
	s.as("ada@example.com", access.Admin)
	made := s.call(201, "POST", "/api/v2/api_keys", `{"data":{"type":"api_keys","attributes":{"name":"agents"}}}`)
	id, secret := fmt.Sprint(dig(made, "data", "id")), fmt.Sprint(dig(made, "data", "attributes", "key"))
	if len(secret) != 32 || !strings.HasSuffix(secret, fmt.Sprint(dig(made, "data", "attributes", "last4"))) || dig(made, "data", "type") != "api_keys" {
		t.Fatalf("made: %v", made)
	}
	if status, _ := ask(t, "POST", s.url+"/api/v1/series", `{"series":[]}`, "DD-API-KEY", secret); status != 202 {
		t.Errorf("the key does not submit: %d", status)
	}
	read := s.call(200, "GET", "/api/v2/api_keys/"+id, "")
	if dig(read, "data", "attributes", "name") != "agents" || dig(read, "data", "attributes", "key") != nil || dig(read, "data", "attributes", "date_last_used") == nil {
		t.Errorf("read: %v", read)
	}
	s.call(200, "PATCH", "/api/v2/api_keys/"+id, `{"data":{"type":"api_keys","id":"`+id+`","attributes":{"name":"agents in Berlin"}}}`)
	s.call(201, "POST", "/api/v2/api_keys", `{"data":{"type":"api_keys","attributes":{"name":"others"}}}`)
	list := s.call(200, "GET", "/api/v2/api_keys?filter=berlin&page[size]=1", "")
	if dig(list, "data", 0, "id") != id || dig(list, "meta", "page", "total_filtered_count") != 1.0 {
		t.Errorf("list: %v", list)
	}
	v1 := s.call(200, "GET", "/api/v1/api_key/"+secret, "")
	if dig(v1, "api_key", "name") != "agents in Berlin" || dig(v1, "api_key", "key") != id || dig(v1, "api_key", "created_by") != "ada@example.com" {
		t.Errorf("by the older API: %v", v1)
	}
	s.call(204, "DELETE", "/api/v2/api_keys/"+id, "")
	s.call(404, "GET", "/api/v2/api_keys/"+id, "")
	for body, says := range map[string]string{
		`{"data":{"type":"keys","attributes":{"name":"x"}}}`: "data.type", `{"data":{"type":"api_keys","attributes":{}}}`: "data.attributes.name",
		`{"data":{"type":"api_keys","attributes":{"name":" "}}}`: "name: want 1 to 100", `{`: "not JSON",
	} {
		if status, text := ask(t, "POST", s.url+"/api/v2/api_keys", body, s.headers...); status != 400 || !strings.Contains(text, says) {
			t.Errorf("%s: got %d %s, want %q", body, status, text, says)
		}
	}
	old := s.call(200, "POST", "/api/v1/application_key", `{"name":"script"}`)
	hash := fmt.Sprint(dig(old, "application_key", "hash"))
	s.call(200, "PUT", "/api/v1/application_key/"+hash, `{"name":"scripts"}`)
	s.call(200, "DELETE", "/api/v1/application_key/"+hash, "")
	s.call(404, "GET", "/api/v1/application_key/"+hash, "")
	if raw, _ := json.Marshal(s.call(200, "GET", "/api/ui/audit?kind=keys", "")); strings.Contains(string(raw), secret) || !strings.Contains(string(raw), "agents in Berlin") {
		t.Errorf("the audit trail: %s", raw)
	}
}

func TestOwnKeysAreNobodyElses(t *testing.T) {
	s := newSite(t, func(c *Config) { c.LoginRequired = true })
	s.as("ada@example.com", access.Editor)
	ada := s.headers
	made := s.call(201, "POST", "/api/v2/current_user/application_keys", `{"data":{"type":"application_keys","attributes":{"name":"terraform","scopes":["dashboards_read","monitors_read"]}}}`)
	own := "/api/v2/current_user/application_keys/" + fmt.Sprint(dig(made, "data", "id"))
	secret := fmt.Sprint(dig(made, "data", "attributes", "key"))
	if fmt.Sprint(dig(made, "data", "attributes", "scopes")) != "[dashboards_read monitors_read]" || len(secret) != 40 {
		t.Fatalf("made: %v", made)
	}
	dashboard := `{"title":"t","layout_type":"ordered","widgets":[]}`
	s.headers = []string{"DD-APPLICATION-KEY", secret}
	s.call(200, "GET", "/api/v1/dashboard", "")
	s.call(403, "POST", "/api/v1/dashboard", dashboard)
	if me := s.call(200, "GET", "/api/v2/current_user/application_keys", ""); dig(me, "meta", "page", "total_filtered_count") != 2.0 {
		t.Errorf("the key's owner is somebody else: %v", me)
	}
	s.headers = ada
	s.call(200, "PATCH", own, `{"data":{"type":"application_keys","attributes":{"scopes":["dashboards_write"]}}}`)
	s.headers = []string{"DD-APPLICATION-KEY", secret}
	s.call(200, "POST", "/api/v1/dashboard", dashboard)

	s.as("bo@example.com", access.Editor)
	for _, method := range []string{"GET", "PATCH", "DELETE"} {
		s.call(404, method, own, `{"data":{"type":"application_keys","attributes":{"name":"mine"}}}`)
	}
	if list := s.call(200, "GET", "/api/v2/current_user/application_keys", ""); dig(list, "meta", "page", "total_filtered_count") != 1.0 {
		t.Errorf("others' keys are listed: %v", list)
	}
	s.headers = ada
	s.call(204, "DELETE", own, "")
	s.call(404, "GET", own, "")
}

func TestPeopleByTheAPI(t *testing.T) {
	s := newSite(t, func(c *Config) { c.LoginRequired = true })
	if err := s.server.access.Setup(t.Context(), s.server.SetupToken(), "ada@example.com", "correct horse"); err != nil {
		t.Fatal(err)
	}
	s.as("ada@example.com", access.Admin)
	me := s.call(200, "GET", "/api/v2/current_user", "")
	if dig(me, "data", "attributes", "handle") != "ada@example.com" || dig(me, "data", "type") != "users" {
		t.Errorf("the current user: %v", me)
	}
	roles := map[string]string{}
	for _, r := range dig(s.call(200, "GET", "/api/v2/roles", ""), "data").([]any) {
		roles[fmt.Sprint(dig(r, "attributes", "name"))] = fmt.Sprint(dig(r, "id"))
	}
	if found := s.call(200, "GET", "/api/v2/roles?filter=Datadog%20Read%20Only", ""); dig(found, "data", 0, "id") != roles["viewer"] || dig(found, "data", 1) != nil {
		t.Errorf("a role by Datadog's name: %v", found)
	}
	made := s.call(201, "POST", "/api/v2/users", `{"data":{"type":"users","attributes":{"email":"Bo@example.com","name":"Bo","title":"SRE"},"relationships":{"roles":{"data":[{"type":"roles","id":"`+roles["editor"]+`"}]}}}}`)
	bo := "/api/v2/users/" + fmt.Sprint(dig(made, "data", "id"))
	if dig(made, "data", "attributes", "status") != "Pending" || dig(made, "data", "attributes", "name") != "Bo" || dig(made, "data", "relationships", "roles", "data", 0, "id") != roles["editor"] {
		t.Errorf("made: %v", made)
	}
	if status, _ := ask(t, "POST", s.url+"/api/ui/login", `{"name":"bo@example.com","password":""}`); status != 403 {
		t.Errorf("somebody without a password comes in: %d", status)
	}
	if err := s.server.access.SetPassword(t.Context(), "bo@example.com", "battery staple"); err != nil {
		t.Fatal(err)
	}
	s.call(200, "POST", "/api/ui/login", `{"name":"bo@example.com","password":"battery staple"}`)
	admin := s.headers
	s.as("bo@example.com", access.Editor)
	bos := s.headers
	s.call(200, "GET", "/api/v1/dashboard", "")
	s.headers = admin

	body := fmt.Sprintf(`{"data":{"type":"users","id":%q}}`, dig(made, "data", "id"))
	s.call(200, "POST", "/api/v2/roles/"+roles["viewer"]+"/users", body)
	s.headers = bos
	s.call(403, "POST", "/api/v1/dashboard", `{"title":"t","layout_type":"ordered","widgets":[]}`) // keys do no more than their owner
	s.headers = admin
	if users := s.call(200, "GET", "/api/v2/roles/"+roles["viewer"]+"/users", ""); dig(users, "data", 0, "attributes", "email") != "bo@example.com" {
		t.Errorf("viewers: %v", users)
	}
	s.call(200, "PATCH", bo, `{"data":{"type":"users","attributes":{"name":"Bo B.","disabled":true}}}`)
	s.headers = bos
	s.call(401, "GET", "/api/v1/dashboard", "")
	s.headers = admin
	if status, _ := ask(t, "POST", s.url+"/api/ui/login", `{"name":"bo@example.com","password":"battery staple"}`); status != 403 {
		t.Errorf("somebody disabled comes in: %d", status)
	}
	if got := s.call(200, "GET", bo, ""); dig(got, "data", "attributes", "status") != "Disabled" || dig(got, "data", "attributes", "name") != "Bo B." || dig(got, "data", "attributes", "title") != "SRE" {
		t.Errorf("disabled: %v", got)
	}
	s.call(200, "PATCH", bo, `{"data":{"type":"users","attributes":{"disabled":false}}}`)
	s.call(204, "DELETE", bo, "")
	if found := s.call(200, "GET", "/api/v2/users?filter[status]=Disabled", ""); dig(found, "data", 0, "id") != dig(made, "data", "id") || dig(found, "meta", "page", "total_count") != 2.0 {
		t.Errorf("the disabled: %v", found)
	}
	ada := fmt.Sprint(dig(me, "data", "id"))
	s.call(400, "DELETE", "/api/v2/users/"+ada, "") // the last admin
	s.call(400, "DELETE", "/api/v2/roles/"+roles["admin"]+"/users", fmt.Sprintf(`{"data":{"type":"users","id":%q}}`, ada))
	s.call(400, "PATCH", bo, `{"data":{"type":"users","attributes":{"email":"other@example.com"}}}`)
	s.call(400, "POST", "/api/v2/users", `{"data":{"type":"users","attributes":{"email":"bo@example.com"}}}`)
	s.call(400, "POST", "/api/v2/users", `{"data":{"type":"users","attributes":{"email":"nobody"}}}`)
	s.call(404, "POST", "/api/v2/users", `{"data":{"type":"users","attributes":{"email":"cy@example.com"},"relationships":{"roles":{"data":[{"id":"none"}]}}}}`)
	s.call(400, "POST", "/api/v2/roles", `{}`)
	s.call(400, "POST", "/api/v2/user_invitations", `{}`)
	s.call(404, "GET", "/api/v2/users/none", "")
}
