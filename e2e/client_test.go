package e2e

import (
	"context"
	"strings"

	"github.com/DataDog/datadog-api-client-go/v2/api/datadog"
)

// api gives the official API client, pointed at s.
func (s *server) api() (context.Context, *datadog.APIClient) {
	ctx := context.WithValue(context.Background(), datadog.ContextAPIKeys, map[string]datadog.APIKey{
		"apiKeyAuth": {Key: "0123456789abcdef0123456789abcdef"},
		"appKeyAuth": {Key: "0123456789abcdef0123456789abcdef01234567"},
	})
	ctx = context.WithValue(ctx, datadog.ContextServerIndex, 1)
	ctx = context.WithValue(ctx, datadog.ContextServerVariables, map[string]string{
		"protocol": "http", "name": strings.TrimPrefix(s.url, "http://"),
	})
	return ctx, datadog.NewAPIClient(datadog.NewConfiguration())
}
