package e2e

//lint:file-ignore SA1019 people's scripts call v1 for years to come

import (
	"net/url"
	"strings"
	"testing"

	"github.com/DataDog/datadog-api-client-go/v2/api/datadog"
	"github.com/DataDog/datadog-api-client-go/v2/api/datadogV1"
	"github.com/DataDog/datadog-api-client-go/v2/api/datadogV2"
)

// must fails the test with what the server said.
func must(t *testing.T, what string, err error) {
	t.Helper()
	if e, ok := err.(datadog.GenericOpenAPIError); ok {
		t.Fatalf("%s: %v: %s", what, err, e.Body())
	}
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func TestOfficialClientKeepsListsAndBringsDashboardsBack(t *testing.T) {
	s := startServer(t, "--statsd", "", "--traces", "")
	ctx, client := s.api()
	boards, lists, items := datadogV1.NewDashboardsApi(client), datadogV1.NewDashboardListsApi(client), datadogV2.NewDashboardListsApi(client)
	note := *datadogV1.NewWidget(datadogV1.NoteWidgetDefinitionAsWidgetDefinition(datadogV1.NewNoteWidgetDefinition("hello", datadogV1.NOTEWIDGETDEFINITIONTYPE_NOTE)))
	var ids []string
	for title, layout := range map[string]datadogV1.DashboardLayoutType{"ordered": datadogV1.DASHBOARDLAYOUTTYPE_ORDERED, "free": datadogV1.DASHBOARDLAYOUTTYPE_FREE} {
		made, _, err := boards.CreateDashboard(ctx, *datadogV1.NewDashboard(layout, title, []datadogV1.Widget{note}))
		must(t, "create "+title, err)
		ids = append(ids, made.GetId())
	}
	list, _, err := lists.CreateDashboardList(ctx, datadogV1.DashboardList{Name: "Shop"})
	must(t, "create a list", err)
	request := []datadogV2.DashboardListItemRequest{{Id: ids[0], Type: datadogV2.DASHBOARDTYPE_CUSTOM_TIMEBOARD}, {Id: ids[1], Type: datadogV2.DASHBOARDTYPE_CUSTOM_SCREENBOARD}}
	added, _, err := items.CreateDashboardListItems(ctx, list.GetId(), datadogV2.DashboardListAddItemsRequest{Dashboards: request})
	must(t, "add", err)
	if len(added.AddedDashboardsToList) != 2 {
		t.Errorf("added %+v", added)
	}
	if put, _, err := items.UpdateDashboardListItems(ctx, list.GetId(), datadogV2.DashboardListUpdateItemsRequest{Dashboards: []datadogV2.DashboardListItemRequest{{Id: ids[1], Type: datadogV2.DASHBOARDTYPE_CUSTOM_SCREENBOARD}}}); err != nil || len(put.Dashboards) != 1 {
		t.Errorf("put %+v, %v", put, err)
	}
	shown, _, err := items.GetDashboardListItems(ctx, list.GetId())
	must(t, "items", err)
	if shown.GetTotal() != 1 || shown.Dashboards[0].Id != ids[1] || shown.UnparsedObject != nil || shown.Dashboards[0].UnparsedObject != nil {
		t.Errorf("shown %+v", shown)
	}
	if gone, _, err := items.DeleteDashboardListItems(ctx, list.GetId(), datadogV2.DashboardListDeleteItemsRequest{Dashboards: request}); err != nil || len(gone.DeletedDashboardsFromList) != 1 {
		t.Errorf("taken out %+v, %v", gone, err)
	}
	renamed, _, err := lists.UpdateDashboardList(ctx, list.GetId(), datadogV1.DashboardList{Name: "Shops"})
	must(t, "rename", err)
	read, _, err := lists.GetDashboardList(ctx, list.GetId())
	must(t, "read", err)
	if renamed.GetName() != "Shops" || read.GetName() != "Shops" || read.GetType() != "manual_dashboard_list" || read.Created == nil || read.Author == nil {
		t.Errorf("read %+v", read)
	}
	if all, _, err := lists.ListDashboardLists(ctx); err != nil || len(all.DashboardLists) != 1 {
		t.Errorf("all lists: %+v, %v", all, err)
	}
	if gone, _, err := lists.DeleteDashboardList(ctx, list.GetId()); err != nil || gone.GetDeletedDashboardListId() != list.GetId() {
		t.Errorf("deleted %+v, %v", gone, err)
	}

	var data []datadogV1.DashboardBulkActionData
	for _, id := range ids {
		data = append(data, datadogV1.DashboardBulkActionData{Id: id, Type: datadogV1.DASHBOARDRESOURCETYPE_DASHBOARD})
	}
	_, err = boards.DeleteDashboards(ctx, datadogV1.DashboardBulkDeleteRequest{Data: data})
	must(t, "delete both", err)
	deleted, _, err := boards.ListDashboards(ctx, *datadogV1.NewListDashboardsOptionalParameters().WithFilterDeleted(true))
	must(t, "list the deleted", err)
	if left, _, err := boards.ListDashboards(ctx); err != nil || len(left.Dashboards) != 0 || len(deleted.Dashboards) != 2 {
		t.Errorf("left are %d, deleted %d, %v", len(left.Dashboards), len(deleted.Dashboards), err)
	}
	_, err = boards.RestoreDashboards(ctx, datadogV1.DashboardRestoreRequest{Data: data[:1]})
	must(t, "bring one back", err)
	back, _, err := boards.GetDashboard(ctx, ids[0])
	must(t, "read it", err)
	if len(back.Widgets) != 1 {
		t.Errorf("brought back %+v", back)
	}

	// A link, and a snapshot.
	share, _, err := boards.CreatePublicDashboard(ctx, datadogV1.SharedDashboard{
		DashboardId: ids[0], DashboardType: datadogV1.DASHBOARDTYPE_CUSTOM_TIMEBOARD, GlobalTime: &datadogV1.DashboardGlobalTime{LiveSpan: datadogV1.DASHBOARDGLOBALTIMELIVESPAN_PAST_FOUR_HOURS.Ptr()},
		ShareType: *datadogV1.NewNullableDashboardShareType(datadogV1.DASHBOARDSHARETYPE_OPEN.Ptr()),
	})
	must(t, "share", err)
	same, _, err := boards.GetPublicDashboard(ctx, share.GetToken())
	must(t, "read the link", err)
	if same.UnparsedObject != nil || same.GetPublicUrl() != s.url+"/p/"+share.GetToken() || *same.GlobalTime.LiveSpan != datadogV1.DASHBOARDGLOBALTIMELIVESPAN_PAST_FOUR_HOURS || same.GetStatus() != datadogV1.SHAREDDASHBOARDSTATUS_ACTIVE {
		t.Errorf("the link is %+v", same)
	}
	if _, err := s.try("GET", "/api/public/"+share.GetToken(), nil, nil); err != nil {
		t.Error(err)
	}
	changed, _, err := boards.UpdatePublicDashboard(ctx, share.GetToken(), datadogV1.SharedDashboardUpdateRequest{GlobalTimeSelectableEnabled: *datadog.NewNullableBool(datadog.PtrBool(true))})
	must(t, "change the link", err)
	if !changed.GetGlobalTimeSelectableEnabled() || *changed.GlobalTime.LiveSpan != datadogV1.DASHBOARDGLOBALTIMELIVESPAN_PAST_FOUR_HOURS {
		t.Errorf("changed %+v", changed)
	}
	if _, _, err := boards.GetPublicDashboardInvitations(ctx, share.GetToken()); err == nil {
		t.Error("invitations are answered")
	}
	if gone, _, err := boards.DeletePublicDashboard(ctx, share.GetToken()); err != nil || gone.GetDeletedPublicDashboardToken() != share.GetToken() {
		t.Errorf("revoked %+v, %v", gone, err)
	}
	now := s.now().Unix()
	taken, _, err := datadogV1.NewSnapshotsApi(client).GetGraphSnapshot(ctx, now-3600, now, *datadogV1.NewGetGraphSnapshotOptionalParameters().WithGraphDef(`{"requests":[{"q":"avg:load{*}"}]}`).WithHeight(200).WithWidth(400))
	must(t, "snapshot", err)
	at, err := url.Parse(taken.GetSnapshotUrl())
	must(t, "its URL", err)
	if png, err := s.try("GET", at.Path, nil, nil); err != nil || !strings.HasPrefix(string(png), "\x89PNG") || taken.GetGraphDef() == "" {
		t.Errorf("the picture at %s: %.20q, %v", at.Path, png, err)
	}
}

func TestOfficialClientManagesKeysAndPeople(t *testing.T) {
	s := startServer(t, "--statsd", "", "--traces", "")
	ctx, client := s.api()
	keys := datadogV2.NewKeyManagementApi(client)
	made, _, err := keys.CreateAPIKey(ctx, *datadogV2.NewAPIKeyCreateRequest(*datadogV2.NewAPIKeyCreateData(*datadogV2.NewAPIKeyCreateAttributes("agents"), datadogV2.APIKEYSTYPE_API_KEYS)))
	must(t, "make an API key", err)
	id := made.Data.GetId()
	if made.UnparsedObject != nil || len(*made.Data.Attributes.Key) != 32 {
		t.Fatalf("made %+v", made)
	}
	_, _, err = keys.UpdateAPIKey(ctx, id, *datadogV2.NewAPIKeyUpdateRequest(*datadogV2.NewAPIKeyUpdateData(*datadogV2.NewAPIKeyUpdateAttributes("agents in Berlin"), id, datadogV2.APIKEYSTYPE_API_KEYS)))
	must(t, "rename it", err)
	read, _, err := keys.GetAPIKey(ctx, id)
	must(t, "read it", err)
	if read.UnparsedObject != nil || *read.Data.Attributes.Name != "agents in Berlin" || read.Data.Attributes.Key != nil {
		t.Errorf("read %+v", read)
	}
	if all, _, err := keys.ListAPIKeys(ctx); err != nil || len(all.Data) != 1 || all.UnparsedObject != nil || all.Meta.Page.GetTotalFilteredCount() != 1 {
		t.Errorf("all: %+v, %v", all, err)
	}
	_, err = keys.DeleteAPIKey(ctx, id)
	must(t, "revoke it", err)
	if _, response, err := keys.GetAPIKey(ctx, id); err == nil || response.StatusCode != 404 {
		t.Errorf("it is still there: %v", err)
	}

	attributes := datadogV2.NewApplicationKeyCreateAttributes("terraform")
	attributes.SetScopes([]string{"dashboards_read", "dashboards_write"})
	app, _, err := keys.CreateCurrentUserApplicationKey(ctx, *datadogV2.NewApplicationKeyCreateRequest(*datadogV2.NewApplicationKeyCreateData(*attributes, datadogV2.APPLICATIONKEYSTYPE_APPLICATION_KEYS)))
	must(t, "make an application key", err)
	own, _, err := keys.GetCurrentUserApplicationKey(ctx, app.Data.GetId())
	must(t, "read it", err)
	if own.UnparsedObject != nil || len(own.Data.Attributes.GetScopes()) != 2 || own.Data.Attributes.GetName() != "terraform" || own.Data.Relationships.OwnedBy == nil {
		t.Errorf("read %+v", own)
	}
	update := datadogV2.NewApplicationKeyUpdateAttributes()
	update.SetName("terraform of the shop")
	update.SetScopes([]string{})
	changed, _, err := keys.UpdateCurrentUserApplicationKey(ctx, app.Data.GetId(), *datadogV2.NewApplicationKeyUpdateRequest(*datadogV2.NewApplicationKeyUpdateData(*update, app.Data.GetId(), datadogV2.APPLICATIONKEYSTYPE_APPLICATION_KEYS)))
	must(t, "change it", err)
	if changed.Data.Attributes.GetName() != "terraform of the shop" || len(changed.Data.Attributes.GetScopes()) != 0 {
		t.Errorf("changed %+v", changed)
	}
	if all, _, err := keys.ListApplicationKeys(ctx); err != nil || len(all.Data) != 1 || all.UnparsedObject != nil {
		t.Errorf("all: %+v, %v", all, err)
	}
	if mine, _, err := keys.ListCurrentUserApplicationKeys(ctx); err != nil || len(mine.Data) != 1 {
		t.Errorf("mine: %+v, %v", mine, err)
	}
	_, err = keys.DeleteCurrentUserApplicationKey(ctx, app.Data.GetId())
	must(t, "revoke it", err)

	old := datadogV1.NewKeyManagementApi(client)
	first, _, err := old.CreateAPIKey(ctx, datadogV1.ApiKey{Name: datadog.PtrString("older")})
	must(t, "make one by v1", err)
	_, _, err = old.UpdateAPIKey(ctx, first.ApiKey.GetKey(), datadogV1.ApiKey{Name: datadog.PtrString("old")})
	must(t, "rename it", err)
	if list, _, err := old.ListAPIKeys(ctx); err != nil || len(list.ApiKeys) != 1 || list.ApiKeys[0].GetName() != "old" {
		t.Errorf("by v1: %+v, %v", list, err)
	}
	_, _, err = old.DeleteAPIKey(ctx, first.ApiKey.GetKey())
	must(t, "revoke it", err)

	users, roles := datadogV2.NewUsersApi(client), datadogV2.NewRolesApi(client)
	found, _, err := roles.ListRoles(ctx, *datadogV2.NewListRolesOptionalParameters().WithFilter("editor"))
	must(t, "roles", err)
	if len(found.Data) != 1 || found.UnparsedObject != nil {
		t.Fatalf("roles: %+v", found)
	}
	create := datadogV2.NewUserCreateData(*datadogV2.NewUserCreateAttributes("bo@example.com"), datadogV2.USERSTYPE_USERS)
	create.Attributes.SetName("Bo")
	role := datadogV2.RelationshipToRoleData{Id: found.Data[0].Id, Type: datadogV2.ROLESTYPE_ROLES.Ptr()}
	create.Relationships = &datadogV2.UserRelationships{Roles: &datadogV2.RelationshipToRoles{Data: []datadogV2.RelationshipToRoleData{role}}}
	user, _, err := users.CreateUser(ctx, *datadogV2.NewUserCreateRequest(*create))
	must(t, "make a user", err)
	if user.UnparsedObject != nil || user.Data.Attributes.GetName() != "Bo" || user.Data.Relationships.Roles.Data[0].GetId() != found.Data[0].GetId() {
		t.Errorf("made %+v", user)
	}
	if all, _, err := users.ListUsers(ctx); err != nil || len(all.Data) != 1 || all.UnparsedObject != nil || all.Data[0].UnparsedObject != nil {
		t.Errorf("users: %+v, %v", all, err)
	}
	if with, _, err := roles.ListRoleUsers(ctx, found.Data[0].GetId()); err != nil || len(with.Data) != 1 {
		t.Errorf("editors: %+v, %v", with, err)
	}
	_, err = users.DisableUser(ctx, user.Data.GetId())
	must(t, "disable", err)
	if gone, _, err := users.GetUser(ctx, user.Data.GetId()); err != nil || !gone.Data.Attributes.GetDisabled() {
		t.Errorf("disabled: %+v, %v", gone, err)
	}
	if me, _, err := users.GetCurrentUser(ctx); err != nil || me.UnparsedObject != nil || me.Data.Attributes.GetHandle() == "" {
		t.Errorf("me: %+v, %v", me, err)
	}
}
